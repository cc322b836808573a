"""exp, exp2, expm1 and the hyperbolic functions.

exp(x) = 2**n * exp(r) with n = round(x / ln 2) and abs(r) <= ln(2) / 2. n comes from adding and taking
away 1.5 * 2**23 (2**52), one operation cheaper than rounding; scalb rounds once, so gradual underflow
and overflow come out right by themselves. Where abs(x) is so large that r has no meaning, r is set to 0.
"""

from ..expression import const
from ..language import abs, copysign, fma, lookup, scalb, where
from .common import bits, polynomial, scalar

LOG2E = 1.4426950408889634
ROUND = {"float32": 12582912.0, "float64": 6755399441055744.0}  # 1.5 * 2**23, 1.5 * 2**52

# ln 2 in two parts: the first float32 (float64) and what it leaves.
LN2 = {
    "float32": (0.6931471824645996, -1.904654323148236e-09),
    "float64": (0.6931471805599453, 2.3190468138462996e-17),
}

# fit_maths "exp": 2**-28.2, 2**-57.8
EXP = {
    "float32": (1.0, 1.0, 0.49999994, 0.166665196, 0.0416682921, 0.0083688926, 0.00138190773),
    "float64": (
        1.0, 1.0, 0.5000000000000011, 0.16666666666666402, 0.041666666666525125, 0.008333333333499789,
        0.0013888888945165644, 0.00019841269498454975, 2.4801491324782554e-05, 2.7557590377490832e-06,
        2.763093756710151e-07, 2.4999860077144334e-08,
    ),
}  # fmt: skip

# fit_maths "exp2": 2**-28.3, 2**-57.7
EXP2 = {
    "float32": (1.0, 0.693147182, 0.240226477, 0.0555035882, 0.00961850025, 0.00133914233, 0.000153294997),
    "float64": (
        1.0, 0.6931471805599453, 0.2402265069591011, 0.055504108664821666, 0.009618129107600218,
        0.0013333558146560516, 0.00015403530451045883, 1.5252733622587052e-05, 1.3215437728138885e-06,
        1.0178163411026535e-07, 7.073438789030699e-09, 4.438586490936466e-10,
    ),
}  # fmt: skip

# fit_maths "expm1": 2**-31.1, 2**-65.0 (of expm1(r) / r)
EXPM1 = {
    "float32": (1.0, 0.5, 0.166666657, 0.0416664891, 0.00833354425, 0.00139327871, 0.000197635061),
    "float64": (
        1.0, 0.5, 0.16666666666666666, 0.041666666666666664, 0.008333333333334325, 0.0013888888888888462,
        0.00019841269837801866, 2.480158731308646e-05, 2.7557324543510718e-06, 2.7557286402557715e-07,
        2.504837581402253e-08, 2.0910236875940043e-09, 1.704999939382315e-10,
    ),
}  # fmt: skip

# The bits that are clear in ROUND and all its neighbours less than half an exponent away, and of
# which one is set in every larger number, negative number and NaN: one test finds them all.
FAR = {"float32": 0xB4800000, "float64": 0xBCC0000000000000}


def nearest(x, factor, dtype):
    """(n, near): n = round(x * factor), and whether that is meaningful: abs(x * factor) below 2**22 (2**51)."""
    shifted = fma(x, factor, ROUND[dtype])
    near = (bits(shifted, dtype, signed=False) & FAR[dtype]) == 0
    return shifted - ROUND[dtype], near


def reduced(x, dtype):
    """(n, r): x = n ln 2 + r; r is 0 where abs(x) is huge, infinite or NaN (n is then huge or NaN)."""
    high, low = LN2[dtype]
    n, near = nearest(x, LOG2E, dtype)
    r = fma(n, -low, fma(n, -high, x))
    return n, where(near, r, 0.0)


@scalar("exp")
def exp(x, dtype):
    n, r = reduced(x, dtype)
    return scalb(polynomial(r, EXP[dtype]), n)


# fit_maths "exp by table": 2**-29.2, 2**-56.2, abs(r) <= ln(2) / 32; from r**2 on
EXP_SHORT = {
    "float32": (0.500016153, 0.166667178),
    "float64": (
        0.49999999999999567, 0.16666666664326502, 0.041666666694704785, 0.008333474714765391, 0.001388858602487963,
    ),
}  # fmt: skip
SIXTEENTHS = tuple(2.0 ** (k / 16) for k in range(16))
FAR_SIXTEENTHS = {"float32": 0xB6800000, "float64": 0xBD00000000000000}  # as FAR, for this shift


@scalar("exp float32 avx512", "exp float64 avx512")
def exp_avx512(x, dtype):
    # With n in sixteenths: 2**(n - floor(n)) from a table in one register (two), and three (five) terms less. In
    # float32 the largest error is 0.99 ulp, 0.45 of it from the table; every float32 was tried.
    shift = ROUND[dtype] / 16
    shifted = fma(x, LOG2E, shift)
    near = (bits(shifted, dtype, signed=False) & FAR_SIXTEENTHS[dtype]) == 0
    n = shifted - shift
    high, low = LN2[dtype]
    r = where(near, fma(n, -low, fma(n, -high, x)), 0.0)
    power = lookup(SIXTEENTHS, bits(shifted, dtype), dtype)
    rest = fma(r * r, polynomial(r, EXP_SHORT[dtype]), r)
    return scalb(fma(power, rest, power), n)  # AVX-512 rounds n down itself


@scalar("exp2")
def exp2(x, dtype):
    n, near = nearest(x, 1.0, dtype)
    return scalb(polynomial(where(near, x - n, 0.0), EXP2[dtype]), n)


def clamped(x, low, high):
    """x limited to [low, high]; NaN stays NaN."""
    x = where(x > high, high, x)
    return where(x < low, low, x)


def expm1_of_reduced(r, dtype):
    """exp(r) - 1 for abs(r) <= ln(2) / 2; the sign of zero is lost."""
    return fma(r * r, polynomial(r, EXPM1[dtype][1:]), r)


@scalar("expm1")
def expm1(x, dtype):
    # 2**n * expm1(r) + (2**n - 1), at half the size so that 2**n is finite where the result is.
    limited = clamped(x, -50.0, {"float32": 89.0, "float64": 709.9}[dtype])
    high, low = LN2[dtype]
    n = fma(limited, LOG2E, ROUND[dtype]) - ROUND[dtype]
    p = expm1_of_reduced(fma(n, -low, fma(n, -high, limited)), dtype)
    half = scalb(const(0.5), n)
    return copysign(2.0 * fma(half, p, half - 0.5), x)


# fit_maths "sinh": 2**-31.6, 2**-63.0 (of sinh(x) / x, abs(x) <= 1)
SINH = {
    "float32": (1.0, 0.166666672, 0.00833331048, 0.000198428956, 2.78221319e-06),
    "float64": (
        1.0, 0.16666666666666666, 0.008333333333333573, 0.00019841269841061243, 2.7557319310013506e-06,
        2.505208943954808e-08, 1.6061334734700395e-10, 7.503617340596094e-13, 6.464541696452783e-15,
    ),
}  # fmt: skip


def half_exp(x, dtype):
    """exp(x) / 2, finite up to where cosh(x) is."""
    n, r = reduced(x, dtype)
    return scalb(polynomial(r, EXP[dtype]), n - 1.0)


@scalar("cosh")
def cosh(x, dtype):
    e = half_exp(abs(x), dtype)
    return e + 0.25 / e


@scalar("sinh")
def sinh(x, dtype):
    magnitude = abs(x)
    e = half_exp(magnitude, dtype)
    u = x * x
    small = fma(x * u, polynomial(u, SINH[dtype][1:]), x)
    return where(magnitude < 1.0, small, copysign(e - 0.25 / e, x))


# fit_maths "tanh 0.6": 2**-57.8 (of tanh(x) / x)
TANH = (
    -0.33333333333333126, 0.13333333333299766, -0.05396825394933377, 0.02186948800329902, -0.008863226785906298,
    0.0035920374406674463, -0.0014552156523939444, 0.0005871892894444949, -0.0002303984981709349,
    7.931578055479533e-05, -1.7179586325072803e-05,
)  # fmt: skip


@scalar("tanh float64")
def tanh(x, dtype):
    # Beyond 0.6 as 1 - 2 / (exp(2 abs(x)) + 1); tanh_float32 is in erf.py.
    magnitude = abs(x)
    square = x * x
    near = fma(x * square, polynomial(square, TANH), x)
    e = exp(2.0 * where(magnitude > 30.0, 30.0, magnitude), dtype)
    return copysign(where(magnitude < 0.6, near, 1.0 - 2.0 / (e + 1.0)), x)
