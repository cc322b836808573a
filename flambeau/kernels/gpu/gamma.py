"""The regularised incomplete gamma functions on a GPU, as csrc/kernels/elements/incomplete_gamma.cpp has them: in float64.

below a + 1     a series in x / (a + n)
above           a continued fraction, by Lentz's method (Press et al., "Numerical Recipes", section 6.2)
a over 1e7      the leading terms of the uniform expansion (DLMF 8.12.3)
"""

from .. import language
from .code import Code

_MOST = 100000  # terms that either expansion may take: 6 sqrt(a) of them near x = a
_GREAT = 1e7


def write(upper):
    """kernel(i64 n[1], i64 pointers[3]): out, a, x: float64."""
    k = Code(n=1, pointers=3)
    (n,) = k.integers("n")
    out, first, second = k.arrays("pointers", "float64", "float64", "float64")
    with k.threads(n) as i:
        a, x = first[i], second[i]
        inf = float("inf")
        odd = (a == 0.0) | (x == 0.0) | (a == inf) | (x == inf)
        bad = k.of(language.isnan, a + x) | (a < 0.0) | (x < 0.0)
        lower = k.variable(float("nan"), "float64")
        rest = k.variable(float("nan"), "float64")
        with k.when(odd & ~bad):
            of_zero = k.where(x > 0.0, 1.0, float("nan"))
            at_ends = k.where(x == inf, 1.0, k.where(a == 0.0, of_zero, 0.0))
            of_infinite = k.where(x == inf, float("nan"), 0.0)
            lower.value = k.where(a == inf, of_infinite, at_ends)
            rest.value = 1.0 - lower.value
        with k.when(~odd & ~bad & (a > _GREAT)):
            rest.value = _of_great(k, a, x)
            lower.value = 1.0 - rest.value
        expanded = ~odd & ~bad & (a <= _GREAT)
        with k.when(expanded & (x < a + 1.0)):
            scale = k.of(
                language.exp, a * k.of(language.log, x) - x - k.of(language.lgamma, a + 1.0)
            )
            lower.value = scale * _series(k, a, x)
            rest.value = 1.0 - lower.value
        with k.when(expanded & ~(x < a + 1.0)):
            scale = k.of(language.exp, a * k.of(language.log, x) - x - k.of(language.lgamma, a))
            rest.value = scale * _fraction(k, a, x)
            lower.value = 1.0 - rest.value
        out[i] = rest.value if upper else lower.value
    return k.text()


def _series(k, a, x):
    """The sum over n of x**n / ((a + 1) ... (a + n))."""
    total, term = k.variables(2, 1.0, "float64")
    n = k.variable(1)
    with k.repeat(lambda: (n.value < _MOST) & (term.value > total.value * 1e-17)):
        term.value = term.value * x / (a + n.value.cast("float64"))
        total.value = total.value + term.value
        n.value = n.value + 1
    return total.value


def _fraction(k, a, x):
    """1 / (x + 1 - a - 1 (1 - a) / (x + 3 - a - ...))"""
    b, c = k.variable(x + 1.0 - a, "float64"), k.variable(1e300, "float64")
    d = k.variable(1.0 / b.value, "float64")
    result, step = k.variable(d.value, "float64"), k.variable(0.0, "float64")
    n = k.variable(1)
    with k.repeat(lambda: (n.value < _MOST) & ((step.value - 1.0) * (step.value - 1.0) > 1e-32)):
        real = n.value.cast("float64")
        factor = -real * (real - a)
        b.value = b.value + 2.0
        d.value = 1.0 / (b.value + factor * d.value)
        c.value = b.value + factor / c.value
        step.value = c.value * d.value
        result.value = result.value * step.value
        n.value = n.value + 1
    return result.value


def _of_great(k, a, x):
    excess = x / a - 1.0
    small = (excess < 1e-4) & (excess > -1e-4)
    series = excess * excess * (0.5 - excess * (1.0 / 3 - excess * 0.25))
    half_square = k.where(small, series, excess - k.of(language.log1p, excess))
    eta = k.of(language.copysign, k.of(language.sqrt, half_square * 2.0), excess)
    near = (eta < 1e-2) & (eta > -1e-2)
    first = k.where(
        near, eta / 12.0 - 1.0 / 3, 1.0 / k.where(near, 1.0, excess) - 1.0 / k.where(near, 1.0, eta)
    )
    spread = k.of(language.exp, -a * half_square) / k.of(language.sqrt, a * 6.283185307179586)
    return k.of(language.erfc, eta * k.of(language.sqrt, a * 0.5)) * 0.5 + spread * first
