"""sin, cos and tan for every argument.

x = n pi / 2 + r with abs(r) <= pi / 4, pi / 2 in three parts (Cody and Waite); in float64 r has a low part.
The parity of n tells sin from cos, its next bit the sign. Larger arguments take a path of their own with as many digits of 2 / pi as they need (Payne and Hanek,
"Radian reduction for trigonometric functions", SIGNUM Newsletter 18, 1983).
"""

from functools import cache

from ..language import abs, bitcast, cast, copysign, fma, lookup, scalb, seldom, where
from ..language import round as nearest
from .common import bits, is_not, polynomial, quick_two_sum, scalar, two_product, two_sum
from .exp import ROUND
from .tables_float64 import SINE_TABLE_FLOAT64

# pi / 2 in float32 and in float64 parts.
HALF_PI_SHORT = (1.570796251296997, 7.549789415861596e-08, 5.390302529957765e-15)
PI_16 = (0.19634953141212463, 9.436917025595903e-09, 3.204180085321362e-13)  # 24, 12 and 24 bits
HALF_PI = (1.5707963267948966, 6.123233995736766e-17, -1.4973849048591698e-33)

# Above these the parts no longer suffice, or n would lose its last bit.
LARGE = {"float32": 800.0, "float64": 1073741824.0}

# fit_maths: "sin pi/4" 2**-32.5, "cos pi/4" 2**-32.9, "tan pi/4" 2**-25.7 in float32, 2**-57.9, 2**-64.2 in float64
SIN_SHORT = (-0.166666657, 0.0083303554)
COS_SHORT = (-0.5, 0.041654449)
TAN_SHORT = (0.333331555, 0.13338846, 0.053406857, 0.0244472884, 0.00309077697, 0.00940342527)
SIN = (
    -0.1666666666666663, 0.008333333333321844, -0.00019841269829362892, 2.7557313540527534e-06,
    -2.505073478773264e-08, 1.5895461799432908e-10,
)  # fmt: skip
COS = (
    0.0416666666666666, -0.0013888888888874441, 2.4801587289636253e-05, -2.7557314387430226e-07,
    2.087572704977071e-09, -1.1359801756962682e-11,
)  # fmt: skip

# fit_maths "pi/16 float64": 2**-66.27 (of sin), 2**-67.01 (of 1)
SIN_MIDDLE = (-0.16666666666666666, 0.008333333333330993, -0.0001984126982269159, 2.755725957921144e-06, -2.49795271905714e-08)  # fmt: skip
COS_MIDDLE = (-0.5, 0.041666666666665936, -0.0013888888887546784, 2.4801578835678226e-05, -2.7535066965437237e-07)  # fmt: skip

# sin(k pi / 16) and what that float32 lacks, cos(k pi / 16)
SINE_TABLE = (
    (
        0, 0.195090324, 0.382683426, 0.555570245, 0.707106769, 0.831469595, 0.923879504, 0.980785251,
        1, 0.980785251, 0.923879504, 0.831469595, 0.707106769, 0.555570245, 0.382683426, 0.195090324,
        0, -0.195090324, -0.382683426, -0.555570245, -0.707106769, -0.831469595, -0.923879504, -0.980785251,
        -1, -0.980785251, -0.923879504, -0.831469595, -0.707106769, -0.555570245, -0.382683426, -0.195090324,
    ),
    (
        0, -1.67047143e-09, 6.22335072e-09, -1.17695214e-08, 1.21016175e-08, 1.68702634e-08, 2.83074897e-08, 2.97394731e-08,
        0, 2.97394731e-08, 2.83074897e-08, 1.68702634e-08, 1.21016175e-08, -1.17695214e-08, 6.22335072e-09, -1.67047143e-09,
        0, 1.67047143e-09, -6.22335072e-09, 1.17695214e-08, -1.21016175e-08, -1.68702634e-08, -2.83074897e-08, -2.97394731e-08,
        0, -2.97394731e-08, -2.83074897e-08, -1.68702634e-08, -1.21016175e-08, 1.17695214e-08, -6.22335072e-09, 1.67047143e-09,
    ),
    (
        1, 0.980785251, 0.923879504, 0.831469595, 0.707106769, 0.555570245, 0.382683426, 0.195090324,
        0, -0.195090324, -0.382683426, -0.555570245, -0.707106769, -0.831469595, -0.923879504, -0.980785251,
        -1, -0.980785251, -0.923879504, -0.831469595, -0.707106769, -0.555570245, -0.382683426, -0.195090324,
        0, 0.195090324, 0.382683426, 0.555570245, 0.707106769, 0.831469595, 0.923879504, 0.980785251,
    ),
)  # fmt: skip

DIGIT = 48  # bits of a digit of 2 / pi in the table below


@cache
def two_over_pi_digits():
    """32 digits of 2 / pi in base 2**DIGIT, each as the float64 of its value as first digit; zeros at the end."""
    guard = 64
    one = 1 << (28 * DIGIT + guard)

    def arctangent_of_inverse(k):
        term, total, i = one // k, 0, 0
        while term:
            total += (-term if i % 2 else term) // (2 * i + 1)
            term //= k * k
            i += 1
        return total

    pi = 4 * (4 * arctangent_of_inverse(5) - arctangent_of_inverse(239))  # Machin's formula
    scaled = 2 * one * one // pi >> guard
    digits = [scaled >> DIGIT * (27 - i) & ((1 << DIGIT) - 1) for i in range(26)]
    return tuple(d * 2.0**-DIGIT for d in digits) + (0.0,) * 6


def reduced_large(x):
    """(n, r, r_low) with abs(x) = n pi / 2 + r + r_low, n mod 4 as a float, for float64 x from 2**17 on."""
    x = abs(x)
    exponent = (bits(x, "float64") >> 52) - 1023
    # Digits before this one contribute multiples of 4 quadrants.
    first = where(exponent < 54, 0, ((exponent - 54) * 1366) >> 16)  # floor((exponent - 54) / 48)
    x = scalb(x, cast(first, "float64") * -DIGIT)
    parts = []
    for k in range(5):
        digit = lookup(two_over_pi_digits(), first + k, "float64")
        parts += two_product(x, digit * 2.0 ** (-DIGIT * k))
    high, middle, low = x * 0.0, x * 0.0, x * 0.0
    for part in parts:
        high, error = two_sum(high, fma(nearest(part * 0.25), -4.0, part))
        middle, error = two_sum(middle, error)
        low = low + error
    n = nearest(high)
    high, error = two_sum(high - n, middle)
    high, error = quick_two_sum(high, error + low)
    r, r_low = two_product(high, HALF_PI[0])
    return n, *quick_two_sum(r, r_low + fma(high, HALF_PI[1], error * HALF_PI[0]))


def sin_and_cos(r, r_low):
    """sin and cos of r + r_low, abs(r) <= pi / 4, in float64."""
    z = r * r
    half = 0.5 * z
    sin = r + fma(r * z, polynomial(z, SIN), r_low * (1.0 - half))
    near = 1.0 - half
    cos = near + (((1.0 - near) - half) + fma(z * z, polynomial(z, COS), -(r * r_low)))
    return sin, cos


def quadrant(sin, cos, r, n):
    """sin(n pi / 2 + r) from sin and cos of r; n an integer of the size of a float64."""
    odd = (n & 1) != 0
    # sin has the sign of r, zero included; cos is positive.
    sign = bits(where(odd, 1.0, r), "float64") ^ (n << 62)
    return copysign(where(odd, cos, sin), bitcast(sign, "float64"))


def integer_part(n):
    """n mod 4 of a float64 n that holds an integer, as an int64."""
    return cast(n - 4.0 * nearest(n * 0.25), "int64")


def sine_large(x, shift):
    """sin(x + shift pi / 2), shift 0 or 1, for large, infinite or NaN float64 x."""
    finite = abs(x) < float("inf")
    n, r, r_low = reduced_large(where(finite, x, 1e10))
    value = quadrant(*sin_and_cos(r, r_low), r, integer_part(n) + shift)
    if shift == 0:
        value = where(x < 0.0, -value, value)
    return where(finite, value, x - x)


def reduced(x):
    """(n, r, r_low) with x = n pi / 2 + r + r_low, for float64 x up to LARGE; n an int64 mod 2**32."""
    shifted = fma(x, 0.6366197723675814, ROUND["float64"])
    return bits(shifted, "float64"), *less_multiple(x, shifted - ROUND["float64"], HALF_PI)


def sine_from_middle_table(x, shift):
    """sin(x + shift pi / 2) as sine_from_table, in float64 with steps of pi / 8."""
    shifted = fma(x, 2.546479089470326, ROUND["float64"])
    parts = [part / 4 for part in HALF_PI]
    r, r_low = less_multiple(x, shifted - ROUND["float64"], parts)
    piece = bits(shifted, "float64")
    s, s_low, c = [
        lookup(column[4 * shift :] + column[: 4 * shift], piece, "float64")
        for column in SINE_TABLE_FLOAT64
    ]
    square = r * r
    odd = polynomial(square, SIN_MIDDLE) * square
    even = polynomial(square, COS_MIDDLE) * square
    rest = fma(c * r, odd, fma(s, even, fma(c, r_low, s_low)))
    return s + fma(c, r, rest)


@scalar("sin float64 avx512")
def sin_avx512(x, dtype):
    fast = where(x == 0.0, x, sine_from_middle_table(x, 0))  # the sum loses the sign of zero
    return seldom(is_not(abs(x) <= LARGE[dtype]), sine_large(x, 0), fast)


@scalar("cos float64 avx512")
def cos_avx512(x, dtype):
    return seldom(is_not(abs(x) <= LARGE[dtype]), sine_large(x, 1), sine_from_middle_table(x, 1))


@scalar("sin float64")
def sin(x, dtype):
    n, r, r_low = reduced(x)
    fast = quadrant(*sin_and_cos(r, r_low), r, n)
    return seldom(is_not(abs(x) <= LARGE[dtype]), sine_large(x, 0), fast)


@scalar("cos float64")
def cos(x, dtype):
    n, r, r_low = reduced(x)
    fast = quadrant(*sin_and_cos(r, r_low), r, n + 1)
    return seldom(is_not(abs(x) <= LARGE[dtype]), sine_large(x, 1), fast)


@scalar("tan float64")
def tan(x, dtype):
    def from_quadrant(n, r, r_low):
        sin, cos = sin_and_cos(r, r_low)
        odd = (n & 1) != 0
        return where(odd, -cos, sin) / where(odd, sin, cos)

    finite = abs(x) < float("inf")
    n, r, r_low = reduced_large(where(finite, x, 1e10))
    slow = from_quadrant(integer_part(n), r, r_low)
    slow = where(finite, where(x < 0.0, -slow, slow), x - x)
    fast = where(x == 0.0, x, from_quadrant(*reduced(x)))
    return seldom(is_not(abs(x) <= LARGE[dtype]), slow, fast)


def less_multiple(x, n, parts):
    """(r, r_low) = x - n * (the sum of three parts), the first product being exact inside fma."""
    first = fma(n, -parts[0], x)
    product, error = two_product(n, parts[1])
    r = first - product
    return r, ((first - r) - product) - fma(n, parts[2], error)


def sine_from_table(r, r_low, n, shift):
    """sin(n pi / 16 + r + r_low + shift pi / 2) in float32, for abs(r) <= pi / 32.

    That is s + (c sin(r) + s (cos(r) - 1) + what s lacks) with s, c = sin, cos of n pi / 16 from a table.
    """
    if shift:
        n = n + 8
    s, s_low, c = [lookup(column, n, "float32") for column in SINE_TABLE]
    square = r * r
    odd = polynomial(square, SIN_SHORT) * square
    even = polynomial(square, COS_SHORT) * square
    rest = fma(c * r, odd, fma(s, even, fma(c, r_low, s_low)))
    return s + fma(c, r, rest)


def sine_float32(x, shift):
    """sin(x + shift pi / 2)."""
    shifted = fma(x, 5.092958178940651, ROUND["float32"])
    n = shifted - ROUND["float32"]
    # The second part is so short that first - r is exact.
    first = fma(n, -PI_16[0], x)
    r = fma(n, -PI_16[1], first)
    r_low = fma(n, -PI_16[2], fma(n, -PI_16[1], first - r))
    fast = sine_from_table(r, r_low, bits(shifted, "float32"), shift)
    # Far out three parts do not suffice. In float64 two do.
    double = cast(x, "float64")
    shifted = fma(double, 5.092958178940651, ROUND["float64"])
    n = shifted - ROUND["float64"]
    double = fma(n, -HALF_PI[1] / 8, fma(n, -HALF_PI[0] / 8, double))
    r = cast(double, "float32")
    r_low = cast(double - cast(r, "float64"), "float32")
    middle = sine_from_table(r, r_low, cast(bits(shifted, "float64"), "int32"), shift)
    far = wide(lambda x: sine_large(x, shift), x)
    slow = seldom(is_not(abs(x) <= LARGE["float64"]), far, middle)
    if shift == 0:
        fast = where(x == 0.0, x, fast)  # the sum above loses the sign of zero
    return seldom(is_not(abs(x) <= LARGE["float32"]), slow, fast)


def wide(function, x):
    """A float32 value computed in float64."""
    return cast(function(cast(x, "float64")), "float32")


@scalar("sin float32")
def sin_float32(x, dtype):
    return sine_float32(x, 0)


@scalar("cos float32")
def cos_float32(x, dtype):
    return sine_float32(x, 1)


@scalar("tan float32")
def tan_float32(x, dtype):
    shifted = fma(x, 0.6366197723675814, ROUND["float32"])
    r, r_low = less_multiple(x, shifted - ROUND["float32"], HALF_PI_SHORT)
    square = r * r
    t = r + fma(r * square, polynomial(square, TAN_SHORT), fma(square, r_low, r_low))
    t = where(r == 0.0, r, t)
    odd = (bits(shifted, "float32") & 1) != 0
    fast = where(odd, -1.0, t) / where(odd, t, 1.0)
    slow = wide(lambda x: tan(x, "float64"), x)
    return seldom(is_not(abs(x) <= LARGE[dtype]), slow, fast)
