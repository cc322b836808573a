"""Complex operations through their real and imaginary parts, in the kernel language itself.

A function here takes pairs (re, im) of expressions and returns a pair, or one real expression.
Formulas avoid the overflow of intermediate results; branch cuts and signed zeros follow C99.
"""

from .expression import input as symbol
from .language import (
    asinh, atan2, copysign, cos, cosh, exp, expm1, fma, hypot, isfinite, isinf, isnan, log, log1p,
    maximum, minimum, sign, sin, sinh, sqrt, where,
)
from .language import abs as magnitude

INF = float("inf")
LOG_4 = 1.3862943611198906


def add(a, b):
    return a[0] + b[0], a[1] + b[1]


def sub(a, b):
    return a[0] - b[0], a[1] - b[1]


def neg(a):
    return -a[0], -a[1]


def mul(a, b):
    return a[0] * b[0] - a[1] * b[1], a[0] * b[1] + a[1] * b[0]


def div(a, b):
    """Smith's way: divide by the larger part of b first (Comm. ACM 5 (1962) 435)."""
    c, d = b
    swap = magnitude(c) < magnitude(d)
    large, small = where(swap, d, c), where(swap, c, d)
    ratio = where(large == 0, 0.0, small / large)
    ratio = where(isinf(large), where(isinf(small), copysign(1.0, small) * copysign(1.0, large), 0.0),
                  ratio)
    denominator = fma(small, ratio, large)
    p, q = where(swap, a[1], a[0]), where(swap, a[0], a[1])  # (p + q ratio, q - p ratio), or swapped
    re = (p + q * ratio) / denominator
    im = where(swap, (p * ratio - q) / denominator, (q - p * ratio) / denominator)
    return re, im


def guard(a, b):
    zero = (a[0] == 0) & (a[1] == 0)
    return where(zero, 0.0, b[0]), where(zero, 0.0, b[1])


def conj(a):
    return a[0], -a[1]


def real(a):
    return a[0]


def imag(a):
    return a[1]


def modulus(a):
    return hypot(a[0], a[1])


def arg(a):
    return atan2(a[1], a[0])


def eq(a, b):
    return (a[0] == b[0]) & (a[1] == b[1])


def ne(a, b):
    return (a[0] != b[0]) | (a[1] != b[1])


def sgn(a):
    m = modulus(a)
    zero = m == 0
    return where(zero, 0.0, a[0] / m), where(zero, 0.0, a[1] / m)


def csqrt(a):
    """Kahan's square root: the larger part first, the other from it."""
    x, y = a
    tiny = (magnitude(x) < 1e-30) & (magnitude(y) < 1e-30)
    # Quartered, so that |z| + |x| cannot overflow; tiny ones are lifted by 2**64.
    lift = where(tiny, 2.0**64, 0.25)
    back = where(tiny, 2.0**-32, 2.0)
    u, v = x * lift, y * lift
    t = sqrt((magnitude(u) + hypot(u, v)) * 0.5)
    other = magnitude(v) / (2 * t)
    zero = t == 0
    re = where(zero, 0.0, where(x < 0, other, t) * back)
    im = where(zero, y, copysign(where(x < 0, t, other) * back, y))
    re = where(isinf(y), INF, where(isinf(x), where(x > 0, INF, where(isnan(y), y, 0.0)), re))
    im = where(isinf(y), y, where(isinf(x), where(x > 0, where(isnan(y), y, copysign(0.0, y)),
                                                  copysign(INF, y)), im))
    return re, im


def cexp(a):
    x, y = a
    # exp(x) may overflow where exp(x) * cos(y) does not: half of x at a time.
    half = exp(x * 0.5)
    big = x > 80
    factor = exp(x)
    c, s = cos(y), sin(y)
    re = where(big, half * c * half, factor * c)
    im = where(big, half * s * half, factor * s)
    vanished = x == -INF
    endless = (x == INF) & (y == 0)
    re = where(vanished, copysign(0.0, where(isfinite(y), c, 1.0)), where(endless, INF, re))
    im = where(vanished, copysign(0.0, where(isfinite(y), s, 1.0)), where(y == 0, y, im))
    return re, im


def clog(a):
    x, y = a
    m = hypot(x, y)
    # Near the unit circle log(m) loses its digits: log1p of m**2 - 1, taken apart, does not.
    big, small = maximum(magnitude(x), magnitude(y)), minimum(magnitude(x), magnitude(y))
    near = log1p(fma(big - 1, big + 1, small * small)) * 0.5
    re = where((m > 0.5) & (m < 3.0), near, log(m))
    # Beyond the largest number log(m) is infinite though the parts are not.
    re = where(isinf(m) & isfinite(x) & isfinite(y), log(hypot(x * 0.25, y * 0.25)) + LOG_4, re)
    return re, atan2(y, x)


def _log_base(scale_factor):
    def of(a):
        re, im = clog(a)
        return re * scale_factor, im * scale_factor

    return of


def clog1p(a):
    x, y = a
    re, im = clog((x + 1, y))
    small = magnitude(x) + magnitude(y) < 0.5
    return where(small, log1p(fma(x, x + 2, y * y)) * 0.5, re), im


def cexpm1(a):
    x, y = a
    half = sin(y * 0.5)
    versine = -2 * half * half  # cos(y) - 1
    e = expm1(x)
    return fma(e, cos(y), versine), (e + 1) * sin(y)


def cexp2(a):
    return cexp((a[0] * 0.6931471805599453, a[1] * 0.6931471805599453))


def csinh(a):
    x, y = a
    re, im = sinh(x) * cos(y), cosh(x) * sin(y)
    return where((x == 0) | (isinf(x) & (y == 0)), x, re), where(y == 0, y, im)


def ccosh(a):
    x, y = a
    im = sinh(x) * sin(y)
    return cosh(x) * cos(y), where(y == 0, copysign(0.0, x) * copysign(1.0, y), im)


def ctanh(a):
    """Kahan's form: tan(y) and sinh(x) never overflow together."""
    x, y = a
    large = magnitude(x) > 20
    s, c = sinh(where(large, 0.0, x)), cos(y)
    t = sin(y) / c
    beta = 1 + t * t
    rho = sqrt(1 + s * s)
    denominator = 1 + beta * s * s
    re, im = beta * rho * s / denominator, t / denominator
    decay = exp(-2 * magnitude(x))
    # Where cos(y) is 0, tan(y) is infinite: the limit is 1 / tanh(x).
    re = where(isinf(t), rho / s, re)
    im = where(isinf(t), 0.0, im)
    far = 4 * sin(y) * c * decay
    return where(large, sign(x) + 0.0, re), where(large, where(isfinite(y), far, copysign(0.0, y)), im)


def _rotated(function):
    """f(z) = -i g(iz), as sin from sinh."""

    def of(a):
        re, im = function((-a[1], a[0]))
        return im, -re

    return of


def ccos(a):
    return ccosh((-a[1], a[0]))


def reciprocal_sqrt(a):
    return div((1.0, 0.0), csqrt(a))


def casinh(a):
    """asinh(z) = Re/Im of Kahan's arcsine form with sqrt(1 + iz) and sqrt(1 - iz)."""
    x, y = a
    p = csqrt((1 - y, x))  # sqrt(1 + iz)
    q = csqrt((1 + y, -x))  # sqrt(1 - iz)
    re = asinh(q[0] * p[1] - q[1] * p[0])
    im = atan2(y, p[0] * q[0] - p[1] * q[1])
    return re, im


def casin(a):
    x, y = a
    p, q = csqrt((1 - x, -y)), csqrt((1 + x, y))
    re = atan2(x, p[0] * q[0] - p[1] * q[1])
    im = asinh(p[0] * q[1] - p[1] * q[0])
    return re, im


def cacos(a):
    x, y = a
    p, q = csqrt((1 - x, -y)), csqrt((1 + x, y))
    return 2 * atan2(p[0], q[0]), asinh(q[0] * p[1] - q[1] * p[0])


def cacosh(a):
    x, y = a
    p, q = csqrt((x - 1, y)), csqrt((x + 1, y))
    return asinh(p[0] * q[0] + p[1] * q[1]), 2 * atan2(p[1], q[0])


def catanh(a):
    """Parts from log1p and atan2 of real expressions (Kahan's atanh without its scaling)."""
    x, y = a
    below = (1 - x) * (1 - x) + y * y
    re = copysign(0.25, x) * log1p(4 * magnitude(x) / where(
        x < 0, (1 + x) * (1 + x) + y * y, below))
    big = (magnitude(x) > 1e8) | (magnitude(y) > 1e8)
    m = hypot(x, y)
    re = where(big, x / m / m, re)
    im = 0.5 * atan2(2 * y, (1 - x) * (1 + x) - y * y)
    im = where(big, copysign(1.5707963267948966, y), im)
    return re, im


def catan(a):
    re, im = catanh((-a[1], a[0]))
    return im, -re


def cpow(a, b):
    """exp(b log a); 0 ** 0 is 1."""
    modulus_log, angle = clog(a)
    re, im = cexp(mul(b, (modulus_log, angle)))
    zero = (a[0] == 0) & (a[1] == 0)
    one = (b[0] == 0) & (b[1] == 0)
    re = where(zero, where(b[0] > 0, 0.0, where(one, 1.0, re)), where(one, 1.0, re))
    im = where(zero & (b[0] > 0) | one, 0.0, im)
    return re, im


TABLE = {
    "add": add, "sub": sub, "mul": mul, "div": div, "neg": neg, "guard": guard, "conj": conj,
    "real": real, "imag": imag, "abs": modulus, "arg": arg, "eq": eq, "ne": ne, "sign": sgn, "sgn": sgn,
    "sqrt": csqrt, "rsqrt": reciprocal_sqrt, "exp": cexp, "exp2": cexp2, "expm1": cexpm1,
    "log": clog, "log2": _log_base(1.4426950408889634), "log10": _log_base(0.4342944819032518),
    "log1p": clog1p, "sin": _rotated(csinh), "cos": ccos, "tan": _rotated(ctanh), "sinh": csinh,
    "cosh": ccosh, "tanh": ctanh, "asin": casin, "acos": cacos, "atan": catan, "asinh": casinh,
    "acosh": cacosh, "atanh": catanh, "pow": cpow,
}

_expanded = {}


def expand(name, n_args):
    """[re, im] or [real] of the operation on pairs input(0), input(1) | input(2), input(3) ..."""
    if name not in TABLE:
        raise TypeError(f"a kernel cannot apply {name} to complex numbers")
    key = name, n_args
    if key not in _expanded:
        pairs = [(symbol(2 * i), symbol(2 * i + 1)) for i in range(n_args)]
        result = TABLE[name](*pairs)
        _expanded[key] = list(result) if isinstance(result, tuple) else [result]
    return _expanded[key]
