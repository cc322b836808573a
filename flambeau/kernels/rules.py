"""The derivative of each operation: RULES[name] has one rule per argument, or None where it is zero.

A rule gets (g, n, *arguments): the gradient of node n, n itself, its arguments; it returns the
gradient of its argument. Factors are conjugated (conj is nothing on real values), so a rule
serves real and complex dtypes. At kinks the rules follow PyTorch: abs'(0) = 0, equal arguments
of minimum and maximum share the gradient, clamp passes it at the bounds.
"""

import math

from . import language as k
from .expression import is_const
from .types import DTYPES

LN2 = math.log(2)
LN10 = math.log(10)
TWO_OVER_SQRT_PI = 2 / math.sqrt(math.pi)


def _times(factor):
    """The rule g * conj(factor(n, *arguments))."""
    return lambda g, n, *a: g * k.conj(factor(n, *a))


def _guarded(factor):
    """The same where the factor can be infinite or NaN: 0 where g is 0."""
    return lambda g, n, *a: k.guard(g, g * k.conj(factor(n, *a)))


def _over(divisor):
    """The rule g / conj(divisor(n, *arguments)), 0 where g is 0."""
    return lambda g, n, *a: k.guard(g, g / k.conj(divisor(n, *a)))


def _cast(g, n, x):
    return g if DTYPES[n.attr].kind in "fc" else None


def _sgn(g, n, x):
    # The part of g along k.sgn(x) is lost; for a real x that is all of it, at NaN too.
    # Turned by n first: g itself may be a product, which g - n * ... would take before its rounding.
    turned = g * k.conj(n)
    across = n * (turned - k.real(turned))
    lost = (x == 0) | (x != x) | (turned == k.real(turned))  # of an infinite g, too
    return k.where(lost, 0.0, across / k.abs(x))


def _divisor(g, n, a, b):
    return k.guard(g, -(g * k.conj(n * n if is_const(a, 1) else n / b)))


def _share(loses):
    def rule(g, n, a, b):
        return k.where(loses(a, b), 0.0, k.where(a == b, g * 0.5, g))

    return rule


def _pow_base(g, n, x, y):
    if y.op == "const":
        return k.guard(g, g * k.conj(y.attr * x ** (y.attr - 1)))
    # As in _copysign, the factor is finite where it does not count.
    safe = k.where(y == 0, 1.0, y)
    return k.where(y == 0, 0.0, k.guard(g, g * k.conj(y * x ** (safe - 1))))


def _pow_exponent(g, n, x, y):
    is_edge = (x == 0) & (k.real(y) >= 0)
    safe = k.where(is_edge, 1.0, x)
    return k.where(is_edge, 0.0, k.guard(g, g * k.conj(n * k.log(safe))))


def _clamp_inside(g, n, x, low, high):
    return k.where((x >= low) & (x <= high), g, 0.0)


def _clamp_low(g, n, x, low, high):
    return k.where((x < low) & (low < high), g, 0.0)


def _clamp_high(g, n, x, low, high):
    return k.where((x > high) | (high < low), g, 0.0)


def _arg(g, n, z):
    # One division at a time: the square of abs(z) leaves the range long before z does.
    size = k.abs(z)
    turned = k.make_complex(-k.imag(z) / size, k.real(z) / size)
    return k.where(z == 0, 0.0, turned * (k.real(g) / size))


def _igamma_density(a, x):
    return k.exp((a - 1) * k.log(x) - x - k.lgamma(a))


def _copysign(g, n, a, b):
    # The factor is finite at 0, too: derivatives by g, as of jvp, multiply 0 with it.
    return k.where(a == 0, 0.0, g * (n / k.where(a == 0, 1.0, a)))


def _hypot(i):
    # 0 at (0, 0), as for every norm.
    return lambda g, n, *a: k.where(n == 0, 0.0, k.guard(g, g * (a[i] / k.where(n == 0, 1.0, n))))


def _acosh_divisor(n, x):
    # A real number below -1 has no acosh, but a slope, as in other libraries: that of its opposite.
    usual = k.sqrt(x - 1) * k.sqrt(x + 1)
    size = k.where(usual == usual, x, -x)
    # At 1 the derivative of the product would be inf * 0.
    return k.sqrt(size - 1) * k.where(size == 1, math.sqrt(2), k.sqrt(size + 1))


def _atan2(g, y, x, part):
    # One division at a time, as above; 0 at (0, 0), where there is no angle.
    size = k.hypot(y, x)
    divisor = k.where(size == 0, 1.0, size)
    return k.where(size == 0, 0.0, k.guard(g, g * (part / divisor / divisor)))


def _erfcx_slope(n, x):
    # Both terms are nearly 2 / sqrt(pi) for great x: there, the series of their difference in 1 / x**2.
    far = k.where(x > 30, x, 30)
    t = 1 / (far * far)
    series = 1 - t * (1.5 - t * (3.75 - t * (13.125 - t * 59.0625)))
    return k.where(x > 30, -0.5 * TWO_OVER_SQRT_PI * t * series, 2 * x * n - TWO_OVER_SQRT_PI)


RULES = {
    "add": (lambda g, n, a, b: g, lambda g, n, a, b: g),
    "sub": (lambda g, n, a, b: g, lambda g, n, a, b: -g),
    "mul": (_times(lambda n, a, b: b), _times(lambda n, a, b: a)),
    "div": (_over(lambda n, a, b: b), _divisor),
    "neg": (lambda g, n, a: -g,),
    "guard": (None, lambda g, n, a, b: g),
    "remainder": (lambda g, n, a, b: g, lambda g, n, a, b: -(g * k.floor_div(a, b))),
    "fmod": (lambda g, n, a, b: g, lambda g, n, a, b: -(g * k.trunc(a / b))),
    "where": (
        None,
        lambda g, n, c, a, b: k.where(c, g, 0.0),
        lambda g, n, c, a, b: k.where(c, 0.0, g),
    ),
    "seldom": (
        None,
        lambda g, n, c, a, b: k.where(c, g, 0.0),
        lambda g, n, c, a, b: k.where(c, 0.0, g),
    ),
    "cast": (_cast,),
    "fma": (_times(lambda n, a, b, c: b), _times(lambda n, a, b, c: a), lambda g, n, a, b, c: g),
    "scalb": (lambda g, n, a, b: k.scalb(g, b), None),
    "abs": (lambda g, n, x: k.real(g) * k.sgn(x),),
    "sgn": (_sgn,),
    "sqrt": (_over(lambda n, x: 2 * n),),
    "copysign": (_copysign, None),
    "nextafter": (lambda g, n, a, b: k.where(a == b, 0.0, g), None),
    "minimum": (_share(lambda a, b: a > b), _share(lambda a, b: a < b)),
    "maximum": (_share(lambda a, b: a < b), _share(lambda a, b: a > b)),
    "fmin": (
        lambda g, n, a, b: k.where((a <= b) | k.isnan(b), g, 0.0),
        lambda g, n, a, b: k.where((a <= b) | k.isnan(b), 0.0, g),
    ),
    "fmax": (
        lambda g, n, a, b: k.where((a >= b) | k.isnan(b), g, 0.0),
        lambda g, n, a, b: k.where((a >= b) | k.isnan(b), 0.0, g),
    ),
    "clamp": (_clamp_inside, _clamp_low, _clamp_high),
    "real": (lambda g, n, z: k.real(g),),
    "imag": (lambda g, n, z: k.make_complex(0.0, k.real(g)),),
    "conj": (lambda g, n, z: k.conj(g),),
    "make_complex": (lambda g, n, a, b: k.real(g), lambda g, n, a, b: k.imag(g)),
    "arg": (_arg,),
    # maths functions
    "exp": (_times(lambda n, x: n),),
    "exp2": (_times(lambda n, x: n * LN2),),
    "expm1": (_times(lambda n, x: n + 1),),
    "log": (_over(lambda n, x: x),),
    "log2": (_over(lambda n, x: x * LN2),),
    "log10": (_over(lambda n, x: x * LN10),),
    "log1p": (_over(lambda n, x: x + 1),),
    "rsqrt": (_guarded(lambda n, x: -0.5 * (n * n * n)),),
    "cbrt": (_over(lambda n, x: 3 * (n * n)),),
    "pow": (_pow_base, _pow_exponent),
    "sin": (_times(lambda n, x: k.cos(x)),),
    "cos": (_times(lambda n, x: -k.sin(x)),),
    "tan": (_guarded(lambda n, x: 1 + n * n),),
    "asin": (_over(lambda n, x: k.sqrt(1 - x * x)),),
    "acos": (lambda g, n, x: k.guard(g, -(g / k.conj(k.sqrt(1 - x * x)))),),
    "atan": (_over(lambda n, x: 1 + x * x),),
    "sinh": (_guarded(lambda n, x: k.cosh(x)),),
    "cosh": (_guarded(lambda n, x: k.sinh(x)),),
    "tanh": (_times(lambda n, x: 1 - n * n),),
    "asinh": (_over(lambda n, x: k.sqrt(x * x + 1)),),
    "acosh": (_over(_acosh_divisor),),
    "atanh": (_over(lambda n, x: 1 - x * x),),
    "atan2": (
        lambda g, n, y, x: _atan2(g, y, x, x),
        lambda g, n, y, x: _atan2(g, y, x, -y),
    ),
    "hypot": (_hypot(0), _hypot(1)),
    "ldexp": (
        lambda g, n, x, e: g * k.cast(1.0, "float32") * 2.0**e,
        lambda g, n, x, e: g * (n * LN2),
    ),
    # Of 1 / (1 + exp(-x)) written out the second derivative would be 0 * inf where exp overflows.
    "sigmoid": (_times(lambda n, x: n * (1 - n)),),
    "erf": (_times(lambda n, x: TWO_OVER_SQRT_PI * k.exp(-(x * x))),),
    "erfc": (_times(lambda n, x: -TWO_OVER_SQRT_PI * k.exp(-(x * x))),),
    "erfcx": (_guarded(_erfcx_slope),),
    "erfinv": (_guarded(lambda n, x: (0.5 * math.sqrt(math.pi)) * k.exp(n * n)),),
    "ndtri": (_guarded(lambda n, x: math.sqrt(2 * math.pi) * k.exp(0.5 * (n * n))),),
    "ndtr_centered": (_times(lambda n, x: k.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)),),
    "log_ndtr": (
        _over(
            lambda n, x: k.where(
                x == -math.inf, math.nan, k.erfcx(x * -math.sqrt(0.5)) * math.sqrt(math.pi / 2)
            )
        ),
    ),
    "lgamma": (_guarded(lambda n, x: k.digamma(x)),),
    "digamma": (_guarded(lambda n, x: k.polygamma(1, x)),),
    "trigamma": (_guarded(lambda n, x: k.polygamma(2, x)),),
    "polygamma": (None, _guarded(lambda n, m, x: k.polygamma(m + 1, x))),
    "zeta": (None, _guarded(lambda n, s, x: -s * k.zeta(s + 1, x))),
    "igamma": (None, _guarded(lambda n, a, x: _igamma_density(a, x))),
    "igammac": (None, _guarded(lambda n, a, x: -_igamma_density(a, x))),
    "i0": (_guarded(lambda n, x: k.i1(x)),),
    "i0e": (_times(lambda n, x: k.i1e(x) - k.sgn(x) * n),),
    "i1": (_guarded(lambda n, x: k.where(k.abs(x) > 0, k.i0(x) - n / x, 0.5)),),
    # The quotient is kept finite at 0, where 1 / x would make the second derivative NaN.
    "i1e": (
        _times(
            lambda n, x: k.where(
                k.abs(x) > 0, k.i0e(x) - n * k.sgn(x) - n / k.where(x == 0, 1, x), 0.5
            )
        ),
    ),
    "bessel_j0": (_times(lambda n, x: -k.bessel_j1(x)),),
    "bessel_j1": (_times(lambda n, x: k.where(x == 0, 0.5, k.bessel_j0(x) - n / x)),),
    "bessel_y0": (_guarded(lambda n, x: -k.bessel_y1(x)),),
    "bessel_y1": (_guarded(lambda n, x: k.bessel_y0(x) - n / x),),
    "k0": (_guarded(lambda n, x: -k.k1(x)),),
    "k0e": (_guarded(lambda n, x: k.where(x == 0, -math.inf, n - k.k1e(x))),),
    "k1": (_guarded(lambda n, x: -k.k0(x) - n / x),),
    "k1e": (_guarded(lambda n, x: k.where(x == 0, -math.inf, n - k.k0e(x) - n / x)),),
}

# No gradient: what has whole or truth values, and what only looks at bits.
for _name in (
    "eq ne lt le gt ge and or xor not shl shr floor ceil trunc round sign signbit floor_div "
    "trunc_div bitcast lookup index"
).split():
    RULES[_name] = (None, None)
