"""The derivative of each operation: RULES[name] has one rule per argument, or None where it is zero.

A rule gets (g, n, *arguments): the gradient of node n, n itself, its arguments; it returns the
gradient of its argument. Factors are conjugated (conj is nothing on real values), so a rule
serves real and complex dtypes. At kinks the rules follow PyTorch: abs'(0) = 0, equal arguments
of minimum and maximum share the gradient, clamp passes it at the bounds.
"""

import math

from .expression import is_const
from .language import (
    bessel_j0, bessel_j1, bessel_y0, bessel_y1, cast, conj, copysign, cos, cosh, digamma, erfcx, exp,
    floor_div, guard, i0, i0e, i1, i1e, imag, isnan, k0, k0e, k1, k1e, lgamma, log, make_complex,
    polygamma, real, scalb, sgn, sin, sinh, sqrt, trunc, where, zeta,
)
from .language import abs as magnitude
from .types import DTYPES

LN2 = math.log(2)
LN10 = math.log(10)
TWO_OVER_SQRT_PI = 2 / math.sqrt(math.pi)


def _times(factor):
    """The rule g * conj(factor(n, *arguments))."""
    return lambda g, n, *a: g * conj(factor(n, *a))


def _guarded(factor):
    """The same where the factor can be infinite or NaN: 0 where g is 0."""
    return lambda g, n, *a: guard(g, g * conj(factor(n, *a)))


def _over(divisor):
    """The rule g / conj(divisor(n, *arguments)), 0 where g is 0."""
    return lambda g, n, *a: guard(g, g / conj(divisor(n, *a)))


def _cast(g, n, x):
    return g if DTYPES[n.attr].kind in "fc" else None


def _sgn(g, n, x):
    # The part of g along sgn(x) is lost; for a real x that is all of it.
    across = g - n * real(g * conj(n))
    return where(x == 0, 0.0, across / magnitude(x))


def _divisor(g, n, a, b):
    return guard(g, -(g * conj(n * n if is_const(a, 1) else n / b)))


def _share(loses):
    def rule(g, n, a, b):
        return where(loses(a, b), 0.0, where(a == b, g * 0.5, g))

    return rule


def _pow_base(g, n, x, y):
    if y.op == "const":
        return guard(g, g * conj(y.attr * x ** (y.attr - 1)))
    return where(y == 0, 0.0, guard(g, g * conj(y * x ** (y - 1))))


def _pow_exponent(g, n, x, y):
    return where((x == 0) & (real(y) >= 0), 0.0, guard(g, g * conj(n * log(x))))


def _clamp_inside(g, n, x, low, high):
    return where((x >= low) & (x <= high), g, 0.0)


def _clamp_low(g, n, x, low, high):
    return where((x < low) & (low < high), g, 0.0)


def _clamp_high(g, n, x, low, high):
    return where((x > high) | (high < low), g, 0.0)


def _arg(g, n, z):
    turned = make_complex(-imag(z), real(z))
    return where(z == 0, 0.0, turned * (real(g) / (magnitude(z) * magnitude(z))))


def _igamma_density(a, x):
    return exp((a - 1) * log(x) - x - lgamma(a))


def _copysign(g, n, a, b):
    return where(a == 0, 0.0, g * copysign(1.0, b) * copysign(1.0, a))


def _hypot(i):
    return lambda g, n, *a: guard(g, g * (a[i] / n))


RULES = {
    "add": (lambda g, n, a, b: g, lambda g, n, a, b: g),
    "sub": (lambda g, n, a, b: g, lambda g, n, a, b: -g),
    "mul": (_times(lambda n, a, b: b), _times(lambda n, a, b: a)),
    "div": (_over(lambda n, a, b: b), _divisor),
    "neg": (lambda g, n, a: -g,),
    "guard": (None, lambda g, n, a, b: g),
    "remainder": (lambda g, n, a, b: g, lambda g, n, a, b: -(g * floor_div(a, b))),
    "fmod": (lambda g, n, a, b: g, lambda g, n, a, b: -(g * trunc(a / b))),
    "where": (None, lambda g, n, c, a, b: where(c, g, 0.0), lambda g, n, c, a, b: where(c, 0.0, g)),
    "seldom": (None, lambda g, n, c, a, b: where(c, g, 0.0), lambda g, n, c, a, b: where(c, 0.0, g)),
    "cast": (_cast,),
    "fma": (_times(lambda n, a, b, c: b), _times(lambda n, a, b, c: a), lambda g, n, a, b, c: g),
    "scalb": (lambda g, n, a, b: scalb(g, b), None),
    "abs": (lambda g, n, x: real(g) * sgn(x),),
    "sgn": (_sgn,),
    "sqrt": (_over(lambda n, x: 2 * n),),
    "copysign": (_copysign, None),
    "minimum": (_share(lambda a, b: a > b), _share(lambda a, b: a < b)),
    "maximum": (_share(lambda a, b: a < b), _share(lambda a, b: a > b)),
    "fmin": (lambda g, n, a, b: where((a <= b) | isnan(b), g, 0.0),
             lambda g, n, a, b: where((a <= b) | isnan(b), 0.0, g)),
    "fmax": (lambda g, n, a, b: where((a >= b) | isnan(b), g, 0.0),
             lambda g, n, a, b: where((a >= b) | isnan(b), 0.0, g)),
    "clamp": (_clamp_inside, _clamp_low, _clamp_high),
    "real": (lambda g, n, z: real(g),),
    "imag": (lambda g, n, z: make_complex(0.0, real(g)),),
    "conj": (lambda g, n, z: conj(g),),
    "make_complex": (lambda g, n, a, b: real(g), lambda g, n, a, b: imag(g)),
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
    "sin": (_times(lambda n, x: cos(x)),),
    "cos": (_times(lambda n, x: -sin(x)),),
    "tan": (_guarded(lambda n, x: 1 + n * n),),
    "asin": (_over(lambda n, x: sqrt(1 - x * x)),),
    "acos": (lambda g, n, x: guard(g, -(g / conj(sqrt(1 - x * x)))),),
    "atan": (_over(lambda n, x: 1 + x * x),),
    "sinh": (_guarded(lambda n, x: cosh(x)),),
    "cosh": (_guarded(lambda n, x: sinh(x)),),
    "tanh": (_times(lambda n, x: 1 - n * n),),
    "asinh": (_over(lambda n, x: sqrt(x * x + 1)),),
    "acosh": (_over(lambda n, x: sqrt(x - 1) * sqrt(x + 1)),),
    "atanh": (_over(lambda n, x: 1 - x * x),),
    "atan2": (lambda g, n, y, x: guard(g, g * (x / (x * x + y * y))),
              lambda g, n, y, x: guard(g, g * (-y / (x * x + y * y)))),
    "hypot": (_hypot(0), _hypot(1)),
    "ldexp": (lambda g, n, x, e: g * cast(1.0, "float32") * 2.0**e,
              lambda g, n, x, e: g * (n * LN2)),
    "erf": (_times(lambda n, x: TWO_OVER_SQRT_PI * exp(-(x * x))),),
    "erfc": (_times(lambda n, x: -TWO_OVER_SQRT_PI * exp(-(x * x))),),
    "erfcx": (_guarded(lambda n, x: 2 * x * n - TWO_OVER_SQRT_PI),),
    "erfinv": (_guarded(lambda n, x: (0.5 * math.sqrt(math.pi)) * exp(n * n)),),
    "ndtri": (_guarded(lambda n, x: math.sqrt(2 * math.pi) * exp(0.5 * (n * n))),),
    "log_ndtr": (_over(lambda n, x: erfcx(x * -math.sqrt(0.5)) * math.sqrt(math.pi / 2)),),
    "lgamma": (_guarded(lambda n, x: digamma(x)),),
    "digamma": (_guarded(lambda n, x: polygamma(1, x)),),
    "trigamma": (_guarded(lambda n, x: polygamma(2, x)),),
    "polygamma": (None, _guarded(lambda n, k, x: polygamma(k + 1, x))),
    "zeta": (None, _guarded(lambda n, s, x: -s * zeta(s + 1, x))),
    "igamma": (None, _guarded(lambda n, a, x: _igamma_density(a, x))),
    "igammac": (None, _guarded(lambda n, a, x: -_igamma_density(a, x))),
    "i0": (_guarded(lambda n, x: i1(x)),),
    "i0e": (_times(lambda n, x: i1e(x) - sgn(x) * n),),
    "i1": (_guarded(lambda n, x: where(x == 0, 0.5, i0(x) - n / x)),),
    "i1e": (_times(lambda n, x: where(x == 0, 0.5, i0e(x) - n * (sgn(x) + 1 / x))),),
    "bessel_j0": (_times(lambda n, x: -bessel_j1(x)),),
    "bessel_j1": (_times(lambda n, x: where(x == 0, 0.5, bessel_j0(x) - n / x)),),
    "bessel_y0": (_guarded(lambda n, x: -bessel_y1(x)),),
    "bessel_y1": (_guarded(lambda n, x: bessel_y0(x) - n / x),),
    "k0": (_guarded(lambda n, x: -k1(x)),),
    "k0e": (_guarded(lambda n, x: n - k1e(x)),),
    "k1": (_guarded(lambda n, x: -k0(x) - n / x),),
    "k1e": (_guarded(lambda n, x: n - k0e(x) - n / x),),
}

# No gradient: what has whole or truth values, and what only looks at bits.
for _name in ("eq ne lt le gt ge and or xor not shl shr floor ceil trunc round sign signbit floor_div "
              "trunc_div bitcast lookup nextafter index").split():
    RULES[_name] = (None, None)
