"""asin, acos, atan and atan2."""

from ..language import abs, copysign, fma, sqrt, where
from ..language import isnan as is_nan
from .common import bits, polynomial, scalar

# pi / 4, pi / 2, pi: the nearest float64 and what it leaves; the same in float32.
PI_4 = {
    "float32": (0.7853981852531433, -2.1855694143368964e-08),
    "float64": (0.7853981633974483, 3.061616997868383e-17),
}
PI_2 = {
    "float32": (1.5707963705062866, -4.371138828673793e-08),
    "float64": (1.5707963267948966, 6.123233995736766e-17),
}
PI = {
    "float32": (3.1415927410125732, -8.742277657347586e-08),
    "float64": (3.141592653589793, 1.2246467991473532e-16),
}

# fit_maths "asin 0.5": 2**-27.6, 2**-59.9
ASIN = {
    "float32": (0.166667521, 0.0749531016, 0.0454690605, 0.0241850819, 0.0421580561),
    "float64": (
        0.1666666666666676, 0.07499999999970859, 0.04464285717457163, 0.030381942709232643,
        0.022372214955629938, 0.017351612481848848, 0.013980815833562905, 0.011398945440361661,
        0.010780089194263815, 0.0037069609167165894, 0.021706229052625085, -0.020997479898035645,
        0.032627704921668124,
    ),
}  # fmt: skip

# fit_maths "atan 1 float32": 2**-25.8; "atan sqrt(2)-1 float64": 2**-59.4
ATAN = {
    "float32": (-0.333331525, 0.199937657, -0.142109826, 0.106656723, -0.0755141601, 0.0432014167, -0.0163608883,
                0.00291878008),
    "float64": (
        -0.333333333333332, 0.19999999999953674, -0.142857142802001, 0.11111110783538784, -0.09090897759284014,
        0.07692060248082336, -0.06663104586858337, 0.05847894707559957, -0.05039336414779836,
        0.03806556068054661, -0.017908518873747736,
    ),
}  # fmt: skip


def asin_parts(x, dtype):
    """(small, a, rest): asin(a) = a + rest with a = abs(x), or sqrt((1 - abs(x)) / 2) from 1/2 on."""
    magnitude = abs(x)
    small = magnitude < 0.5
    square = where(small, magnitude * magnitude, fma(magnitude, -0.5, 0.5))
    a = where(small, magnitude, sqrt(square))
    return small, a, a * square * polynomial(square, ASIN[dtype])


@scalar("asin")
def asin(x, dtype):
    # asin(x) = pi / 2 - 2 asin(sqrt((1 - x) / 2))
    small, a, rest = asin_parts(x, dtype)
    high, low = PI_2[dtype]
    return copysign(where(small, a + rest, high - (2.0 * a + (2.0 * rest - low))), x)


@scalar("acos")
def acos(x, dtype):
    small, a, rest = asin_parts(x, dtype)
    high, low = PI_2[dtype]
    negative = x < 0.0
    signed, signed_rest = where(negative, -a, a), where(negative, -rest, rest)
    near = high - (signed + (signed_rest - low))
    far = 2.0 * a
    far_rest = 2.0 * rest
    far = where(negative, PI[dtype][0] - (far + (far_rest - PI[dtype][1])), far + far_rest)
    return where(small, near, far)


def arctangent(numerator, denominator, dtype):
    """(value, rest) with atan(numerator / denominator) = value + rest, for 0 <= numerator <= denominator."""
    if dtype == "float32":
        t = numerator / denominator
        square = t * t
        return t, t * square * polynomial(square, ATAN[dtype])
    # From tan(pi / 8) on: pi / 4 + atan((n - d) / (n + d)).
    far = numerator > 0.41421356237309503 * denominator
    t = where(far, numerator - denominator, numerator) / where(
        far, numerator + denominator, denominator
    )
    square = t * t
    rest = t * square * polynomial(square, ATAN[dtype])
    high, low = PI_4[dtype]
    value = where(far, high, t)
    return value, where(far, t + (rest + low), rest)


@scalar("atan")
def atan(x, dtype):
    magnitude = abs(x)
    inverse = magnitude > 1.0
    value, rest = arctangent(where(inverse, 1.0, magnitude), where(inverse, magnitude, 1.0), dtype)
    high, low = PI_2[dtype]
    return copysign(where(inverse, high - (value + (rest - low)), value + rest), x)


@scalar("atan2")
def atan2(y, x, dtype):
    a, b = abs(y), abs(x)
    steep = a > b
    small, large = where(steep, b, a), where(steep, a, b)
    # Two infinities stand for the diagonal, two zeros for the axis; sums must not overflow.
    infinite = large == float("inf")
    small = where(infinite, where(small == large, 1.0, 0.0), small)
    large = where(infinite | (large == 0.0), 1.0, large)
    if dtype == "float64":
        scale = where(large > 1e300, 0.25, 1.0)
        small, large = small * scale, large * scale
    value, rest = arctangent(small, large, dtype)
    high, low = PI_2[dtype]
    value, rest = where(steep, high - value, value), where(steep, low - rest, rest)
    left = bits(x, dtype) < 0
    high, low = PI[dtype]
    # high - value rounds; pi / 2 is the only large value here, and from it the difference is exact.
    result = where(left, high - (value + (rest - low)), value + rest)
    return where(is_nan(x) | is_nan(y), x + y, copysign(result, y))
