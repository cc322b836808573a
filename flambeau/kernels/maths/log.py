"""log, log2, log10, log1p and the inverse hyperbolic functions.

x = 2**k * m with m in [2/3, 4/3) by integer arithmetic on the bits; then log(1 + f), f = m - 1, is a polynomial
in float32, and in float64 the series of s = f / (2 + f), as in Sun's fdlibm (e_log.c, 1993).
What is no positive normal number takes a path of its own.
"""

from ..language import (
    abs,
    bitcast,
    cast,
    copysign,
    fma,
    logb,
    lookup,
    seldom,
    significand,
    sqrt,
    where,
)
from .common import bits, is_not, polynomial, scalar
from .tables import (
    LOG2_TABLE,
    LOG10_TABLE,
    LOG_TABLE,
    LOG_TABLE_FLOAT64,
    LOG_TABLE_FLOAT64_TAIL,
    LOG_TABLE_TAIL,
)
from .tables_float64 import LOG2_TABLE_FLOAT64, LOG10_TABLE_FLOAT64

INF, NAN = float("inf"), float("nan")

# The bits of 2/3; the sign and exponent; the bits of the smallest normal number; the unit of an exponent
# read as an integer, inverted.
TWO_THIRDS = {"float32": 0x3F2AAAAB, "float64": 0x3FE5555555555555}
EXPONENT = {"float32": -(1 << 23), "float64": -(1 << 52)}
SMALLEST = {"float32": 2.0**-126, "float64": 2.0**-1022}
UNIT = {"float32": 2.0**-23, "float64": 2.0**-52}

LN2 = 0.6931471805599453
LOG10_2 = (0.30102998, 1.54813335e-08)  # float32; both positive, for the sake of k = inf
LN2_LOW = 2.3190468138462996e-17

# fit_maths "log float32": 2**-27.7, the same for log2, log10
LOG = {
    "log": (1.0, -0.5, 0.333332151, -0.249998063, 0.200104266, -0.166801974, 0.140057281, -0.121874496,
            0.139846534, -0.128801912),
    "log2": (1.44269502, -0.721347511, 0.480896711, -0.36067152, 0.288686574, -0.240632355, 0.202096626,
             -0.175941974, 0.201606393, -0.185424268),
    "log10": (0.434294492, -0.217147246, 0.144764289, -0.108572409, 0.0869053677, -0.0724499449, 0.060809087,
              -0.0528452508, 0.0608098209, -0.0562225543),
}  # fmt: skip

# fit_maths "log float64": 2**-62.7
ATANH = (
    0.666666666666666, 0.4000000000005674, 0.2857142855580588, 0.22222224299449664, 0.18181665680616474,
    0.15391118685608923, 0.131734814915503, 0.13843860950220163,
)  # fmt: skip


def split(x, dtype):
    """(k, f): x = 2**(k UNIT) * (1 + f), f in [-1/3, 1/3), for positive normal x; k a float."""
    pattern = bits(x, dtype)
    k = (pattern - TWO_THIRDS[dtype]) & EXPONENT[dtype]
    return cast(k, dtype), bitcast(pattern - k, dtype) - 1.0


def logarithm(core):
    """A function of x = 2**k * (1 + f) from core(k UNIT**-1, f, dtype), for every x."""

    def function(x, dtype):
        smallest = SMALLEST[dtype]
        # Below and above the positive normal numbers: zero, denormal, negative, infinite, NaN.
        odd = is_not((x >= smallest) & (x < INF))
        tiny = x < smallest
        k, f = split(where(tiny, x * 2.0**60, x), dtype)
        slow = core(where(tiny, k - 60.0 / UNIT[dtype], k), f, dtype)
        slow = where(x > 0.0, where(x == INF, INF, slow), where(x == 0.0, -INF, NAN))
        return seldom(odd, slow, core(*split(x, dtype), dtype))

    return function


def log_core_float32(name, unit, first_low=0.0, unit_low=0.0):
    """k unit + the polynomial `name`, whose first coefficient and unit may come in two parts."""
    first, *rest = LOG[name]

    def core(k, f, dtype):
        higher = polynomial(f, rest)
        if first == 1.0:
            result = fma(f * f, higher, f)
        else:
            small = f * first_low
            if unit_low:
                small = fma(k, unit_low * UNIT["float32"], small)
            result = fma(f, first, fma(f * f, higher, small))
        return fma(k, unit * UNIT["float32"], result)

    return core


scalar("log float32")(logarithm(log_core_float32("log", LN2)))


def reduced_by_table(x, dtype, table):
    """(k, start, f): log(x) = k log(2) + start + log(1 + f) in the base of `table`, for every x.

    x = 2**k m by two instructions that know denormal numbers, 0, infinity and NaN, so that nothing is rare;
    f = m r - 1 with r near 1 / m from a table in registers.
    """
    m = significand(x)
    k = logb(x) - logb(m)
    piece = bits(m, dtype) >> (19 if dtype == "float32" else 48)
    r, start = [lookup(column, piece, dtype) for column in table]
    return k, start, fma(m, r, -1.0)


@scalar("log float32 avx512")
def log_float32_avx512(x, dtype):
    k, start, f = reduced_by_table(x, dtype, LOG_TABLE)
    return fma(k, LN2, start + fma(f * f, polynomial(f, LOG_TABLE_TAIL), f))


@scalar("log float64 avx512")
def log_float64_avx512(x, dtype):
    k, start, f = reduced_by_table(x, dtype, LOG_TABLE_FLOAT64)
    return fma(k, LN2, start + fma(f * f, polynomial(f, LOG_TABLE_FLOAT64_TAIL), f))


def log_of_base_avx512(unit, unit_low, factor, factor_low, table):
    """log(x) * factor, from log(2) * factor = unit + unit_low; multiples of unit add up exactly with table[1]; no
    part is negative, for the sake of k = inf."""

    def function(x, dtype):
        k, start, f = reduced_by_table(x, dtype, table[:2])
        low = lookup(table[2], bits(significand(x), dtype) >> 48, dtype)
        low = fma(f, factor_low, low if unit_low == 0.0 else fma(k, unit_low, low))
        square = f * f
        tail = square * polynomial(f, LOG_TABLE_FLOAT64_TAIL)  # log(1 + f) - f
        high = k + start if unit == 1.0 else fma(k, unit, start)
        return high + fma(f, factor, fma(tail, factor, low))

    return function


scalar("log2 float64 avx512")(
    log_of_base_avx512(1.0, 0.0, 1.4426950408889634, 2.0355273740931033e-17, LOG2_TABLE_FLOAT64)
)
scalar("log10 float64 avx512")(
    log_of_base_avx512(
        0.30102999566383914,
        1.42050232272661e-13,
        0.4342944819032518,
        1.098319650216765e-17,
        LOG10_TABLE_FLOAT64,
    )
)


@scalar("log2 float32 avx512")
def log2_avx512(x, dtype):
    k, start, f = reduced_by_table(x, dtype, LOG2_TABLE)
    return k + fma(fma(f * f, polynomial(f, LOG_TABLE_TAIL), f), LOG["log2"][0], start)


@scalar("log10 float32 avx512")
def log10_avx512(x, dtype):
    k, start, f = reduced_by_table(x, dtype, LOG10_TABLE)
    value = fma(fma(f * f, polynomial(f, LOG_TABLE_TAIL), f), LOG["log10"][0], start)
    return fma(k, LOG10_2[0], fma(k, LOG10_2[1], value))


scalar("log2 float32")(logarithm(log_core_float32("log2", 1.0, 1.92596303e-08)))
scalar("log10 float32")(logarithm(log_core_float32("log10", LOG10_2[0], -1.010305e-08, LOG10_2[1])))


def series(f):
    """(half_square, r): log(1 + f) = f - (half_square - r), as in fdlibm."""
    s = f / (2.0 + f)
    z = s * s
    half_square = 0.5 * f * f
    return half_square, s * (half_square + z * polynomial(z, ATANH))


def log_core_float64(k, f, dtype):
    half_square, r = series(f)
    k = k * UNIT["float64"]
    return fma(k, LN2, f - (half_square - (r + k * LN2_LOW)))


scalar("log float64")(logarithm(log_core_float64))


def scaled_log_core_float64(unit, unit_low, factor, factor_low):
    """k unit + log(1 + f) * factor, with log(1 + f) and the constants in two parts each."""

    def core(k, f, dtype):
        half_square, r = series(f)
        high = f - half_square
        low = ((f - high) - half_square) + r
        k = k * UNIT["float64"]
        product = high * factor
        rest = fma(high, factor, -product) + fma(high, factor_low, low * factor)
        start = k * unit
        result = start + product
        lost = (start - result) + product
        return result + (lost + fma(k, unit_low, rest + (fma(k, unit, -start))))

    return core


# 1, log2(e); log10(2), log10(e): the nearest float64 and what it leaves.
scalar("log2 float64")(
    logarithm(scaled_log_core_float64(1.0, 0.0, 1.4426950408889634, 2.0355273740931033e-17))
)
scalar("log10 float64")(
    logarithm(
        scaled_log_core_float64(
            0.30102999566398120, -2.8037281277851704e-18, 0.4342944819032518, 1.098319650216765e-17
        )
    )
)


@scalar("log1p")
def log1p(x, dtype):
    # 1 + x = 2**k * (1 + f) with k from the rounded sum, and f = x 2**-k + (2**-k - 1) rounded once.
    size = int(dtype[-2:])
    k = (bits(x + 1.0, dtype) - TWO_THIRDS[dtype]) & EXPONENT[dtype]
    four = {32: 0x40800000, 64: 0x4010000000000000}[size]
    shrunk = bitcast(bits(x, dtype) - k, dtype)
    f = shrunk + fma(bitcast(four - k, dtype), 0.25, -1.0)
    core = log_core_float64 if size == 64 else log_core_float32("log", LN2)
    fast = core(cast(k, dtype), f, dtype)
    # fma(0 * k, ...) above turns -0 into 0.
    odd = is_not((x > -1.0) & (x < INF) & (x != 0.0))
    return seldom(odd, where(x < -1.0, NAN, where(x == -1.0, -INF, x)), fast)


@scalar("asinh float64")
def asinh(x, dtype):
    # log1p(a + a a / (1 + sqrt(1 + a a))); log(2 a) before a a overflows.
    a = abs(x)
    big = a > 1e150
    t = where(big, 0.0, a)
    square = t * t
    argument = where(big, a, t + square / (1.0 + sqrt(1.0 + square)))
    return copysign(log1p(argument, dtype) + where(big, LN2, 0.0), x)


@scalar("acosh float64")
def acosh(x, dtype):
    big = x > 1e150
    t = where(big, 1.0, x) - 1.0
    argument = where(big, x, t + sqrt(fma(t, t, 2.0 * t)))
    return where(x < 1.0, NAN, log1p(argument, dtype) + where(big, LN2, 0.0))


@scalar("atanh float64")
def atanh(x, dtype):
    a = abs(x)
    twice = 2.0 * a
    argument = where(a < 0.5, fma(twice, a / (1.0 - a), twice), twice / (1.0 - a))
    return copysign(0.5 * log1p(argument, dtype), x)


# fit_maths "atanh": 2**-29.43 (of atanh(x) / x)
ATANH_SHORT = (0.333333015, 0.20002453, 0.142237827, 0.118164331, 0.0516018718, 0.176382869)


@scalar("atanh float32")
def atanh_float32(x, dtype):
    a = abs(x)
    square = x * x
    near = fma(x * square, polynomial(square, ATANH_SHORT), x)
    b = where(a < 0.5, 0.5, a)
    far = 0.5 * log1p((2.0 * b) / (1.0 - b), dtype)
    return where(a < 0.5, near, copysign(far, x))
