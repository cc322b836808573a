"""Complex operations through their real and imaginary parts, in the kernel language itself.

A function here takes pairs (re, im) of expressions and returns a pair, or one real expression.
Formulas avoid the overflow of intermediate results; branch cuts and signed zeros follow C99.
"""

from . import language as k
from .expression import input as symbol
from .types import DtypeError

INF, NAN = float("inf"), float("nan")
LOG_4 = 1.3862943611198906
PI = 3.141592653589793


def _endless(x):
    """x is an infinity or NaN."""
    return k.isinf(x) | k.isnan(x)


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
    swap = k.abs(c) < k.abs(d)
    large, small = k.where(swap, d, c), k.where(swap, c, d)
    ratio = k.where(large == 0, 0.0, small / large)
    ratio = k.where(
        k.isinf(large),
        k.where(k.isinf(small), k.copysign(1.0, small) * k.copysign(1.0, large), 0.0),
        ratio,
    )
    denominator = k.fma(small, ratio, large)
    p, q = (
        k.where(swap, a[1], a[0]),
        k.where(swap, a[0], a[1]),
    )  # (p + q ratio, q - p ratio), or swapped
    re = (p + q * ratio) / denominator
    im = k.where(swap, (p * ratio - q) / denominator, (q - p * ratio) / denominator)
    return re, im


def guard(a, b):
    zero = (a[0] == 0) & (a[1] == 0)
    return k.where(zero, 0.0, b[0]), k.where(zero, 0.0, b[1])


def conj(a):
    return a[0], -a[1]


def real(a):
    return a[0]


def imag(a):
    return a[1]


def modulus(a):
    return k.hypot(a[0], a[1])


def arg(a):
    return k.atan2(a[1], a[0])


def eq(a, b):
    return (a[0] == b[0]) & (a[1] == b[1])


def ne(a, b):
    return (a[0] != b[0]) | (a[1] != b[1])


def sgn(a):
    m = modulus(a)
    zero = m == 0
    return k.where(zero, 0.0, a[0] / m), k.where(zero, 0.0, a[1] / m)


def csqrt(a):
    """Kahan's square root: the larger part first, the other from it."""
    x, y = a
    tiny = (k.abs(x) < 1e-30) & (k.abs(y) < 1e-30)
    # Quartered, so that |z| + |x| cannot overflow; tiny ones are lifted by 2**64.
    lift = k.where(tiny, 2.0**64, 0.25)
    back = k.where(tiny, 2.0**-32, 2.0)
    u, v = x * lift, y * lift
    t = k.sqrt((k.abs(u) + k.hypot(u, v)) * 0.5)
    other = k.abs(v) / (2 * t)
    zero = t == 0
    re = k.where(zero, 0.0, k.where(x < 0, other, t) * back)
    im = k.where(zero, y, k.copysign(k.where(x < 0, t, other) * back, y))
    re = k.where(
        k.isinf(y), INF, k.where(k.isinf(x), k.where(x > 0, INF, k.where(k.isnan(y), y, 0.0)), re)
    )
    im = k.where(
        k.isinf(y),
        y,
        k.where(
            k.isinf(x),
            k.where(x > 0, k.where(k.isnan(y), y, k.copysign(0.0, y)), k.copysign(INF, y)),
            im,
        ),
    )
    return re, im


def cexp(a):
    x, y = a
    # k.exp(x) may overflow where k.exp(x) * k.cos(y) does not: half of x at a time.
    half = k.exp(x * 0.5)
    big = x > 80
    factor = k.exp(x)
    c, s = k.cos(y), k.sin(y)
    re = k.where(big, half * c * half, factor * c)
    im = k.where(big, half * s * half, factor * s)
    vanished = x == -INF
    endless = (x == INF) & ((y == 0) | _endless(y))
    re = k.where(
        vanished, k.copysign(0.0, k.where(k.isfinite(y), c, 1.0)), k.where(endless, INF, re)
    )
    im = k.where(vanished, k.copysign(0.0, k.where(k.isfinite(y), s, 1.0)), k.where(y == 0, y, im))
    return re, im


def clog(a):
    x, y = a
    m = k.hypot(x, y)
    # Near the unit circle k.log(m) loses its digits: log1p of m**2 - 1, taken apart, does not.
    big, small = k.maximum(k.abs(x), k.abs(y)), k.minimum(k.abs(x), k.abs(y))
    near = k.log1p(k.fma(big - 1, big + 1, small * small)) * 0.5
    re = k.where((m > 0.5) & (m < 3.0), near, k.log(m))
    # Beyond the largest number k.log(m) is infinite though the parts are not.
    re = k.where(
        k.isinf(m) & k.isfinite(x) & k.isfinite(y), k.log(k.hypot(x * 0.25, y * 0.25)) + LOG_4, re
    )
    return re, k.atan2(y, x)


def _log_base(scale_factor):
    def of(a):
        re, im = clog(a)
        return re * scale_factor, im * scale_factor

    return of


def clog1p(a):
    x, y = a
    re, im = clog((x + 1, y))
    small = k.abs(x) + k.abs(y) < 0.5
    return k.where(small, k.log1p(k.fma(x, x + 2, y * y)) * 0.5, re), im


def cexpm1(a):
    x, y = a
    half = k.sin(y * 0.5)
    versine = -2 * half * half  # k.cos(y) - 1
    e = k.expm1(x)
    re, im = k.fma(e, k.cos(y), versine) + 0.0, (e + 1) * k.sin(y)  # -0 + 0.0 is 0
    far, far_im = cexp(a)
    special = _endless(x) | _endless(y)
    return k.where(special, far - 1, re), k.where(special, far_im, im)


def cexp2(a):
    return cexp((a[0] * 0.6931471805599453, a[1] * 0.6931471805599453))


def csinh(a):
    x, y = a
    re, im = k.sinh(x) * k.cos(y), k.cosh(x) * k.sin(y)
    re = k.where((x == 0) | (k.isinf(x) & (y == 0)), x, re)
    return k.where(k.isinf(x) & _endless(y), INF, re), k.where(y == 0, y, im)


def ccosh(a):
    x, y = a
    im = k.sinh(x) * k.sin(y)
    im = k.where(y == 0, k.copysign(0.0, x) * k.copysign(1.0, y), im)
    re = k.where(k.isinf(x) & _endless(y), INF, k.cosh(x) * k.cos(y))
    return re, k.where((x == 0) & _endless(y), 0.0, im)


def ctanh(a):
    """Kahan's form: tan(y) and k.sinh(x) never overflow together."""
    x, y = a
    large = k.abs(x) > 20
    s, c = k.sinh(k.where(large, 0.0, x)), k.cos(y)
    t = k.sin(y) / c
    beta = 1 + t * t
    rho = k.sqrt(1 + s * s)
    denominator = 1 + beta * s * s
    re, im = beta * rho * s / denominator, t / denominator
    decay = k.exp(-2 * k.abs(x))
    # Where k.cos(y) is 0, tan(y) is infinite: the limit is 1 / tanh(x).
    re = k.where(k.isinf(t), rho / s, re)
    im = k.where(k.isinf(t), 0.0, im)
    far = 4 * k.sin(y) * c * decay
    re, im = k.where(large, k.sign(x) + 0.0, re), k.where(large, far, im)
    lost = k.isfinite(x) & _endless(y)
    re = k.where(lost, k.where(x == 0, x, NAN), re)
    im = k.where(k.isinf(x), k.copysign(0.0, y), k.where(lost, NAN, k.where(y == 0, y, im)))
    return re, im


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


def csigmoid(a):
    """1 / (1 + exp(-a))."""
    re, im = cexp((-a[0], -a[1]))
    return div((1.0, 0.0), (1 + re, im))


def casinh(a):
    """asinh(z) = Re/Im of Kahan's arcsine form with k.sqrt(1 + iz) and k.sqrt(1 - iz)."""
    x, y = a
    p = csqrt((1 - y, x))  # k.sqrt(1 + iz)
    q = csqrt((1 + y, -x))  # k.sqrt(1 - iz)
    re = k.asinh(q[0] * p[1] - q[1] * p[0])
    im = k.atan2(y, p[0] * q[0] - p[1] * q[1])
    upwards = k.isinf(y)
    re = k.where(upwards, k.copysign(INF, k.where(k.isnan(x), 1.0, x)), re)
    angle = k.where(k.isinf(x), PI / 4, k.where(k.isnan(x), NAN, PI / 2))
    im = k.where(upwards, k.copysign(angle, y), k.where(y == 0, y, im))
    return re, im


def _special_angle(x, y, angle):
    """The angle of acos and acosh, in [0, pi], right where a part is infinite or NaN."""
    diagonal = k.where(x > 0, PI / 4, 3 * PI / 4)
    upwards = k.where(k.isinf(x), diagonal, k.where(k.isnan(x), NAN, PI / 2))
    angle = k.where((x == 0) & k.isnan(y), PI / 2, angle)
    return k.where(k.isinf(y), upwards, k.where(k.isinf(x) & k.isnan(y), NAN, angle))


def cacos(a):
    x, y = a
    p, q = csqrt((1 - x, -y)), csqrt((1 + x, y))
    im = k.asinh(q[0] * p[1] - q[1] * p[0])
    im = k.where(k.isinf(x) | k.isinf(y), k.copysign(INF, -y), im)
    return _special_angle(x, y, 2 * k.atan2(p[0], q[0])), im


def cacosh(a):
    x, y = a
    p, q = csqrt((x - 1, y)), csqrt((x + 1, y))
    re = k.asinh(p[0] * q[0] + p[1] * q[1])
    re = k.where(k.isinf(x) | k.isinf(y), INF, re)
    angle = _special_angle(x, y, k.abs(2 * k.atan2(p[1], q[0])))
    return re, k.copysign(angle, y)


def catanh(a):
    """Parts from log1p and atan2 of real expressions (Kahan's atanh without its scaling)."""
    x, y = a
    below = (1 - x) * (1 - x) + y * y
    re = k.copysign(0.25, x) * k.log1p(
        4 * k.abs(x) / k.where(x < 0, (1 + x) * (1 + x) + y * y, below)
    )
    big = (k.abs(x) > 1e8) | (k.abs(y) > 1e8)
    m = k.hypot(x, y)
    re = k.where(big, x / m / m, re)
    im = 0.5 * k.atan2(2 * y, (1 - x) * (1 + x) - y * y)
    im = k.where(big, k.copysign(PI / 2, y), im)
    endless = k.isinf(x) | k.isinf(y)
    re = k.where(x == 0, x, k.where(endless, k.copysign(0.0, x), re))
    im = k.where(k.isnan(y) | (k.isnan(x) & k.isfinite(y)), NAN, im)
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
    re = k.where(zero, k.where(b[0] > 0, 0.0, k.where(one, 1.0, re)), k.where(one, 1.0, re))
    im = k.where(zero & (b[0] > 0) | one, 0.0, im)
    return re, im


TABLE = {
    "add": add,
    "sub": sub,
    "mul": mul,
    "div": div,
    "neg": neg,
    "guard": guard,
    "conj": conj,
    "real": real,
    "imag": imag,
    "abs": modulus,
    "arg": arg,
    "eq": eq,
    "ne": ne,
    "sign": sgn,
    "sgn": sgn,
    "sqrt": csqrt,
    "rsqrt": reciprocal_sqrt,
    "sigmoid": csigmoid,
    "exp": cexp,
    "exp2": cexp2,
    "expm1": cexpm1,
    "log": clog,
    "log2": _log_base(1.4426950408889634),
    "log10": _log_base(0.4342944819032518),
    "log1p": clog1p,
    "sin": _rotated(csinh),
    "cos": ccos,
    "tan": _rotated(ctanh),
    "sinh": csinh,
    "cosh": ccosh,
    "tanh": ctanh,
    "asin": _rotated(casinh),
    "acos": cacos,
    "atan": catan,
    "asinh": casinh,
    "acosh": cacosh,
    "atanh": catanh,
    "pow": cpow,
}

_expanded = {}


def expand(name, n_args):
    """[re, im] or [real] of the operation on pairs input(0), input(1) | input(2), input(3) ..."""
    if name not in TABLE:
        raise DtypeError(
            f"a kernel cannot apply {name} to complex numbers",
            "takes no complex numbers. Take .real, .imag or .abs() of them.",
        )
    key = name, n_args
    if key not in _expanded:
        pairs = [(symbol(2 * i), symbol(2 * i + 1)) for i in range(n_args)]
        result = TABLE[name](*pairs)
        _expanded[key] = list(result) if isinstance(result, tuple) else [result]
    return _expanded[key]
