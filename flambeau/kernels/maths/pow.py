"""pow with the special cases of IEEE 754, and cbrt.

abs(x)**y = exp2(y log2(abs(x))). The logarithm must be far better than the result: float32 takes it in
float64, float64 as the sum of two. x that is not positive, or not finite, takes a path of its own.
"""

from ..language import abs, bitcast, cast, copysign, floor, fma, isnan, scalb, seldom, where
from .common import bits, is_not, polynomial, quick_two_sum, scalar, two_product, two_sum
from .exp import EXP, EXP2, ROUND
from .log import INF, NAN, SMALLEST, UNIT, split

# fit_maths "log2 for pow": 2**-35.9
LOG2 = (
    1.4426950408923604, -0.7213475195702829, 0.4808983439531523, -0.3606739785450436,
    0.28853944202915893, -0.24043366063976637, 0.20607597291388555, -0.18080609757416255,
    0.16089111676799042, -0.13746059462696808, 0.12356443813516427, -0.16610736478756633,
    0.15753509053672105,
)  # fmt: skip

# fit_maths "log for pow": 2**-69.0; (log((1 + s) / (1 - s)) / s - 2 - 2/3 z) / z**2 in powers of z = s * s
ATANH_TAIL = (
    0.3999999999999972, 0.2857142857157993, 0.22222222190780797, 0.18181821568286058,
    0.15384404518444134, 0.1334120519342567, 0.11591445306480858, 0.12577065255639222,
)  # fmt: skip

# ln 2 in two parts; the first has 42 bits, so that its multiples up to 2048 are exact.
LN2 = (0.6931471805598903, 5.497923018708371e-14)


def power(x, y, dtype, core):
    """x**y for every x and y, from core(x, y) for positive normal x and finite y."""
    easy = (x >= SMALLEST[dtype]) & (x < INF) & (abs(y) < INF)
    magnitude = abs(x)
    tiny = magnitude < SMALLEST[dtype]
    # 2**-60 is taken out of a denormal x, its power of y put back by y again.
    general = core(
        where(magnitude == 0.0, 1.0, where(tiny, magnitude * 2.0**60, magnitude)),
        y,
        where(tiny, -60.0, 0.0),
    )
    # Limits first: 0 and inf to a power, anything to an infinite power.
    grows = where(magnitude > 1.0, y > 0.0, y < 0.0)
    limit = (magnitude == 0.0) | (magnitude == INF) | (abs(y) == INF)
    general = where(limit, where(grows, INF, 0.0), general)
    general = where((magnitude == 1.0) & (abs(y) == INF), 1.0, general)
    half = y * 0.5
    whole = floor(y) == y
    odd = whole & (floor(half) != half) & (abs(y) < INF)
    negative = bits(x, dtype) < 0
    general = where(negative & odd, -general, general)
    general = where((x < 0.0) & (magnitude < INF) & is_not(whole), NAN, general)
    general = where(isnan(x) | isnan(y), x + y, general)
    general = where((x == 1.0) | (y == 0.0), 1.0, general)
    return seldom(is_not(easy), general, core(x, y, None))


@scalar("pow float32")
def pow_float32(x, y, dtype):
    def core(x, y, extra):
        k, f = split(x, "float32")
        k = cast(k, "float64") * UNIT["float32"]
        if extra is not None:
            k = k + cast(extra, "float64")
        f = cast(f, "float64")
        log2 = fma(f, polynomial(f, LOG2), k)
        product = cast(y, "float64") * log2
        product = where(product > 1000.0, 1000.0, product)
        # Far below, since a result that just underflows costs the CPU dozens of cycles.
        product = where(product < -151.0, -100000.0, product)
        n = (product + ROUND["float64"]) - ROUND["float64"]
        return scalb(polynomial(cast(product - n, "float32"), EXP2["float32"]), cast(n, "float32"))

    return power(x, y, dtype, core)


def log_in_two_parts(x, extra):
    """log(x) + extra ln 2 as a sum (high, low) with 2**-65 relative error, for positive normal x."""
    k, f = split(x, "float64")
    k = k * UNIT["float64"]
    if extra is not None:
        k = k + extra
    # s = f / (2 + f) with its rest.
    denominator, rest = quick_two_sum(f * 0.0 + 2.0, f)
    inverse = 1.0 / denominator
    s = f * inverse
    s_low = (fma(-s, denominator, f) - s * rest) * inverse
    # log(1 + f) = 2 s + s**3 (2/3 + z (2/5 + ...)), z = s * s
    z, z_low = two_product(s, s)
    z_low = fma(2.0 * s, s_low, z_low)
    tail = z * polynomial(z, ATANH_TAIL)
    w, w_low = quick_two_sum(tail * 0.0 + 0.6666666666666666, tail)
    w_low = w_low + 3.700743415417188e-17
    cube, cube_low = two_product(s, z)
    cube_low = cube_low + fma(s, z_low, s_low * z)
    term, term_low = two_product(cube, w)
    term_low = term_low + fma(cube, w_low, cube_low * w)
    high, low = two_sum(k * LN2[0], 2.0 * s)
    high, more = two_sum(high, term)
    low = low + (more + (term_low + fma(k, LN2[1], 2.0 * s_low)))
    return quick_two_sum(high, low)


@scalar("pow float64")
def pow_float64(x, y, dtype):
    def core(x, y, extra):
        high, low = log_in_two_parts(x, extra)
        product, product_low = two_product(y, high)
        product_low = fma(y, low, product_low)
        far = is_not(abs(product) < 800.0)
        product, product_low = (
            where(far, copysign(800.0, product), product),
            where(far, 0.0, product_low),
        )
        n = fma(product, 1.4426950408889634, ROUND["float64"]) - ROUND["float64"]
        r, r_low = two_sum(fma(n, -0.6931471805599453, product), n * -2.3190468138462996e-17)
        r, r_low = two_sum(r, r_low + product_low)
        value = 1.0 + (r + fma(r * r, polynomial(r, EXP["float64"][2:]), r_low))
        return scalb(value, n)

    return power(x, y, dtype, core)


@scalar("cbrt float64")
def cbrt(x, dtype):
    # A first guess of the root from a third of the bits of x (as in fdlibm) is good to 3.2 %, Halley's
    # iteration triples the digits, and a last step takes the residual exactly.
    magnitude = abs(x)
    plain = (magnitude > 0.0) & (magnitude < INF)
    tiny, huge = magnitude < SMALLEST[dtype], magnitude > 1e300
    scaled = where(plain, magnitude * where(tiny, 2.0**60, where(huge, 2.0**-60, 1.0)), 1.0)
    third = cast(cast(bits(scaled, dtype), "float64") * (1.0 / 3.0), "int64")
    root = bitcast(third + 0x2A9F7893782DA1CE, dtype)
    for _ in range(3):
        cube = root * root * root
        root = root * ((cube + 2.0 * scaled) / (2.0 * cube + scaled))
    square, square_low = two_product(root, root)
    residual = fma(-square, root, scaled) - square_low * root
    root = root + residual / (3.0 * square)
    root = root * where(tiny, 2.0**-20, where(huge, 2.0**20, 1.0))
    return where(plain, copysign(root, x), x + x)
