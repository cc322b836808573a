"""erf and its family, the normal distribution with it, and tanh in float32, which is made like erf."""

from ..language import abs, copysign, exp, fma, isnan, log, log1p, lookup, scalb, sqrt, where
from .common import bits, from_table, polynomial, scalar
from .exp import EXP, EXP_SHORT, LN2, LOG2E, ROUND, SIXTEENTHS
from .tables import ERF_TABLE, ERFCX_TABLE, ERFINV_TABLE, NDTR_TABLE, NDTR_UNIT, TANH_TABLE
from .tables_float64 import ERF_TABLE_FLOAT64, ERF_UNIT, ERFCX_TABLE_FLOAT64, ERFINV_TABLE_FLOAT64

INF, NAN = float("inf"), float("nan")

# fit_maths "erf 1": 2**-56.0 (of erf(x) / x)
ERF = (
    1.1283791670955126, -0.37612638903183593, 0.11283791670950175, -0.02686617064441422, 0.005223977619582633,
    -0.0008548326724726029, 0.00012055322916951042, -1.4925418853287908e-05, 1.645842619398461e-06,
    -1.632519788651115e-07, 1.4502911318577303e-08, -1.0805734353472223e-09, 5.0546045732928455e-11,
)  # fmt: skip

# fit_maths "erfcx": 2**-54.8; (1 + 2 x) erfcx(x) in powers of (x - 4) / (x + 4), after Shepherd and Laframboise,
# "Chebyshev approximation of (1 + 2 x) exp(x**2) erfc x", Math. Comp. 36 (1981) 249
ERFCX = (
    1.2329951186255526, -0.1396211168405625, 0.0153796521026074, 0.06809705425469041, -0.10103906603574922,
    0.09373283499847303, -0.06633036582196893, 0.037167515534702454, -0.016197733969937556, 0.005031970009305279,
    -0.0007577737494247142, -0.00019925689434908213, 0.00015062317358937403, -2.439844033066401e-05,
    -1.1225117105125508e-05, 5.707846529493067e-06, 2.977962094270325e-07, -8.225350930874361e-07,
    7.161292506712563e-08, 1.0738351899832186e-07, -1.681852179230904e-08, -1.2777047400046955e-08,
    1.7939790320694182e-09, 1.0079193898555796e-09, -4.439923300992179e-11,
)  # fmt: skip

# Wichura, algorithm AS 241 (PPND16), Applied Statistics 37 (1988) 477: numerator, denominator of the middle,
# the tails up to sqrt(-log(p)) = 5, and beyond.
NORMAL_QUANTILE = (
    (
        (3.3871328727963666080, 133.14166789178437745, 1971.5909503065514427, 13731.693765509461125,
         45921.953931549871457, 67265.770927008700853, 33430.575583588128105, 2509.0809287301226727),
        (1.0, 42.313330701600911252, 687.18700749205790830, 5394.1960214247511077, 21213.794301586595867,
         39307.895800092710610, 28729.085735721942674, 5226.4952788528545610),
    ),
    (
        (1.42343711074968357734, 4.63033784615654529590, 5.76949722146069140550, 3.64784832476320460504,
         1.27045825245236838258, 0.241780725177450611770, 0.0227238449892691845833, 7.74545014278341407640e-4),
        (1.0, 2.05319162663775882187, 1.67638483018380384940, 0.689767334985100004550, 0.148103976427480074590,
         0.0151986665636164571966, 5.47593808499534494600e-4, 1.05075007164441684324e-9),
    ),
    (
        (6.65790464350110377720, 5.46378491116411436990, 1.78482653991729133580, 0.296560571828504891230,
         0.0265321895265761230930, 1.24266094738807843860e-3, 2.71155556874348757815e-5, 2.01033439929228813265e-7),
        (1.0, 0.599832206555887937690, 0.136929880922735805310, 0.0148753612908506148525, 7.86869131145613259100e-4,
         1.84631831751005468180e-5, 1.42151175831644588870e-7, 2.04426310338993978564e-15),
    ),
)  # fmt: skip

SQRT_HALF = 0.7071067811865476


@scalar("tanh float32")
def tanh_float32(x, dtype):
    magnitude = abs(x)
    slope, d, start = from_table(
        where(magnitude > 9.5, 9.5, magnitude), TANH_TABLE, shift=1.0, steps=8
    )
    return copysign(fma(slope, d, start), x)


@scalar("erf float32")
def erf_float32(x, dtype):
    magnitude = abs(x)
    magnitude = where(magnitude > 3.925, 3.925, magnitude)
    slope, d, start = from_table(magnitude, ERF_TABLE, shift=1.3125, steps=16)
    start = where(magnitude < 0.0625, magnitude, start)  # that piece is x + c1 x + ...
    return copysign(fma(slope, d, start), x)


def from_even_pieces(magnitude, unit, table, dtype):
    """A polynomial in the distance to the nearest multiple of `unit`, by whose number the table has coefficients."""
    shifted = fma(magnitude, 1.0 / unit, ROUND[dtype])
    d = fma(shifted - ROUND[dtype], -unit, magnitude)
    piece = bits(shifted, dtype)
    return polynomial(d, [lookup(column, piece, dtype) for column in table])


@scalar("ndtr_centered float32")
def ndtr_centered_float32(x, dtype):
    # Beside 1/2 only the absolute error counts, 2**-25, so pieces of one width and four terms do.
    magnitude = abs(x)
    limit = 31 * NDTR_UNIT  # it is 1/2 there
    magnitude = where(magnitude > limit, limit, magnitude)
    return copysign(from_even_pieces(magnitude, NDTR_UNIT, NDTR_TABLE, dtype), x)


@scalar("ndtr_centered float64")
def ndtr_centered(x, dtype):
    return 0.5 * erf(x * SQRT_HALF, dtype)


def minus_square(a, dtype):
    """(n, r) with exp(-a * a) = 2**n * exp(r), from a * a in two parts."""
    square = a * a
    low = fma(a, a, -square)
    n = fma(square, -LOG2E, ROUND[dtype]) - ROUND[dtype]
    high_ln2, low_ln2 = LN2[dtype]
    return n, fma(n, -low_ln2, fma(n, -high_ln2, -square)) - low


@scalar("erfc float32")
def erfc_float32(x, dtype):
    # exp(-a * a) * erfcx(a) for a = abs(x), with a * a in two parts.
    a = abs(x)
    a = where(a > 10.1, 10.1, a)
    n, r = minus_square(a, "float32")
    slope, d, start = from_table(a, ERFCX_TABLE, shift=0.6875, steps=8)
    scaled = fma(slope, d, start)
    grown = fma(r, fma(r, polynomial(r, EXP["float32"][2:]), 1.0) * scaled, scaled)
    tail = scalb(grown, n)
    return where(x < 0.0, 2.0 - tail, tail)


def erf_near_zero(x):
    """erf(x) for abs(x) <= 1, in float64."""
    return x * polynomial(x * x, ERF)


def scaled_erfc(a):
    """exp(a * a) * erfc(a) for a >= 0, in float64; 0 at infinity."""
    # From 1e8 on it is 1 / (a sqrt(pi)) to the last bit.
    near = where(a > 1e8, 1e8, a)
    value = polynomial((near - 4.0) / (near + 4.0), ERFCX) / fma(2.0, near, 1.0)
    return where(a > 1e8, 0.5641895835477563 / a, value)


def erfc_of_positive(a):
    """erfc(a) for a >= 0, in float64: exp(-a * a), from a * a in two parts, times scaled_erfc(a)."""
    a = where(a > 30.0, 30.0, a)
    n, r = minus_square(a, "float64")
    return scalb(polynomial(r, EXP["float64"]) * scaled_erfc(a), n)


# fit_maths "-log(erfc)": 2**-57.0 (of erfc); in powers of x - 2, 1 <= x <= 5.95
LOG_ERFC = (
    5.364941264616636, 4.418160805994411, 0.9237508418239404, 0.016465118137462008, -0.0035707563475894464,
    0.0007323993777336952, -0.00013530933242960952, 2.0706469685485103e-05, -1.9521836675577533e-06,
    -2.0372402922751787e-07, 1.731689863766457e-07, -5.7699512795149265e-08, 1.3991297296080383e-08,
    -2.608076368692155e-09, 2.564224413208136e-10, 7.128482907281705e-11, -3.652760635691246e-11,
    4.861422241065444e-12,
)  # fmt: skip


@scalar("erf float64")
def erf(x, dtype):
    a = abs(x)
    limited = where(a > 5.95, 5.95, a)
    far = 1.0 - exp(-polynomial(limited - 2.0, LOG_ERFC))
    return where(a < 1.0, erf_near_zero(x), copysign(far, x))


@scalar("erf float64 avx512")
def erf_avx512(x, dtype):
    magnitude = abs(x)
    limit = 15 * ERF_UNIT  # it is 1 there
    magnitude = where(magnitude > limit, limit, magnitude)
    return copysign(from_even_pieces(magnitude, ERF_UNIT, ERF_TABLE_FLOAT64, dtype), x)


@scalar("erfc float64 avx512")
def erfc_avx512(x, dtype):
    # exp(-a * a) * erfcx(a) for a = abs(x), with a * a in two parts and the power of two in sixteenths.
    a = abs(x)
    a = where(a > 27.3, 27.3, a)
    t = (a - 4.0) / (a + 4.0)
    shifted = fma(t, 8.0, ROUND[dtype])
    d = fma(shifted - ROUND[dtype], -0.125, t)
    piece = bits(shifted, dtype)
    scaled = polynomial(d, [lookup(c, piece, dtype) for c in ERFCX_TABLE_FLOAT64])
    square = a * a
    low = fma(a, a, -square)
    shift = ROUND[dtype] / 16
    shifted = fma(square, -LOG2E, shift)
    n = shifted - shift
    high_ln2, low_ln2 = LN2[dtype]
    r = fma(n, -low_ln2, fma(n, -high_ln2, -square)) - low
    scaled = scaled * lookup(SIXTEENTHS, bits(shifted, dtype), dtype)
    rest = fma(r * r, polynomial(r, EXP_SHORT[dtype]), r)
    tail = scalb(fma(scaled, rest, scaled), n)
    return where(x < 0.0, 2.0 - tail, tail)


@scalar("erfc float64")
def erfc(x, dtype):
    tail = erfc_of_positive(abs(x))
    return where(abs(x) < 0.5, 1.0 - erf_near_zero(x), where(x < 0.0, 2.0 - tail, tail))


@scalar("erfcx float64")
def erfcx(x, dtype):
    # For negative x: 2 exp(x * x) - erfcx(-x), the exponential from x * x in two parts.
    value = scaled_erfc(abs(x))
    limited = where(x < -27.0, -27.0, x)
    square = limited * limited
    grown = exp(square)
    grown = 2.0 * fma(grown, fma(limited, limited, -square), grown) - value
    return where(x < 0.0, where(x < -26.7, INF, grown), value)


def normal_quantile(q, tail):
    """The x with Phi(x) = q + 1/2, where tail is 1/2 - abs(q) exactly."""
    r = sqrt(-log(tail))
    middle, far = abs(q) <= 0.425, r > 5.0
    argument = where(middle, 0.180625 - q * q, r - where(far, 5.0, 1.6))

    def chosen(i):
        return [
            where(middle, a, where(far, c, b))
            for a, b, c in zip(*(part[i] for part in NORMAL_QUANTILE))
        ]

    ratio = polynomial(argument, chosen(0)) / polynomial(argument, chosen(1))
    return where(middle, q * ratio, copysign(ratio, q))


@scalar("erfinv float64")
def erfinv(x, dtype):
    a = abs(x)
    value = normal_quantile(0.5 * x, 0.5 - 0.5 * a) * SQRT_HALF
    value = where(a == 1.0, copysign(INF, x), where(a > 1.0, NAN, value))
    return where(x == 0.0, x, value)


@scalar("erfinv float32", "erfinv float64 avx512")
def erfinv_by_table(x, dtype):
    # x times a function of w = -log(1 - x * x), in four pieces to the octave of w + 4.
    w = -log(fma(-x, x, 1.0))
    single = dtype == "float32"
    table, limit, shift = (ERFINV_TABLE, 16.7, 21) if single else (ERFINV_TABLE_FLOAT64, 36.2, 50)
    w = where(w > limit, limit, w)
    piece = bits(w + 4.0, dtype) >> shift
    center, *terms = [lookup(c, piece, dtype) for c in table]
    value = x * polynomial(w - center, terms)
    return where(abs(x) == 1.0, copysign(INF, x), value)


@scalar("ndtri float64")
def ndtri(p, dtype):
    value = normal_quantile(p - 0.5, where(p < 0.5, p, 1.0 - p))
    value = where(p == 0.0, -INF, where(p == 1.0, INF, value))
    return where((p < 0.0) | (p > 1.0), NAN, value)


@scalar("log_ndtr float64")
def log_ndtr(x, dtype):
    t = x * SQRT_HALF
    left = where(x < -1.0, t, -1.0)
    left = log(0.5 * scaled_erfc(-left)) - left * left
    right = where(x < -1.0, 0.0, t)
    value = where(x < -1.0, left, log1p(-0.5 * erfc(right, dtype)))
    return where(x == -INF, x, where(isnan(x), x, value))
