"""The regularised incomplete gamma functions, by NumPy in float64.

Source of the series and the continued fraction: Press et al., "Numerical Recipes", section 6.2.
"""

import math

from . import public as fl
from .arguments import require_tensors
from .declare import composite, primitive, register
from .lapack import array, tensor

# Terms that either expansion may take: it needs some 6 sqrt(a) of them near x = a, so this serves a < 1e8.
_MOST_TERMS = 100_000


def _series(a, x):
    """The sum over n of x**n / ((a + 1) ... (a + n)), for x < a + 1."""
    import numpy

    total, term = numpy.ones_like(x), numpy.ones_like(x)
    for n in range(1, _MOST_TERMS):
        term = term * (x / (a + n))
        total = total + term
        if not (term > total * 1e-17).any():
            break
    return total


def _fraction(a, x):
    """The continued fraction 1 / (x + 1 - a - 1 (1 - a) / (x + 3 - a - ...)), for x >= a + 1, by Lentz."""
    import numpy

    b = x + 1 - a
    c, d = numpy.full_like(x, 1e300), 1 / b
    result = d
    for n in range(1, _MOST_TERMS):
        factor = -n * (n - a)
        b = b + 2
        d = 1 / (b + factor * d)
        c = b + factor / c
        step = c * d
        result = result * step
        if not (abs(step - 1) > 1e-16).any():
            break
    return result


def _lower_and_upper(a, x):
    """(P(a, x), Q(a, x)) of float64 arrays of one shape; their sum is 1."""
    import numpy

    lower, upper = numpy.full(a.shape, math.nan), numpy.full(a.shape, math.nan)
    usual = (a > 0) & (x > 0) & numpy.isfinite(a) & numpy.isfinite(x)
    with numpy.errstate(all="ignore"):
        # P(a, x) = x**a exp(-x) / gamma(a + 1) * series
        near = usual & (x < a + 1)
        for where, expansion, shift in ((near, _series, 1), (usual & ~near, _fraction, 0)):
            if where.any():
                aa, xx = a[where], x[where]
                log_gamma = array(fl.lgamma(fl.from_numpy(aa + shift)))
                value = numpy.exp(aa * numpy.log(xx) - xx - log_gamma) * expansion(aa, xx)
                lower[where], upper[where] = (value, 1 - value) if shift else (1 - value, value)
    for where, value in (
        ((a > 0) & (x == 0) | numpy.isposinf(a) & numpy.isfinite(x) & (x >= 0), 0.0),
        ((a == 0) & (x > 0) | (a >= 0) & numpy.isfinite(a) & numpy.isposinf(x), 1.0),
    ):
        lower[where], upper[where] = value, 1 - value
    return lower, upper


@primitive(method=False, function=False)
def _incomplete(ctx, input, other, upper):
    import numpy

    dtype = fl.promote_types(input.dtype, other.dtype)
    dtype = dtype if dtype.is_floating_point else fl.get_default_dtype()
    a, x = numpy.broadcast_arrays(array(input.double()), array(other.double()))
    ctx.save_for_backward(input, other)
    ctx.upper = upper
    result = _lower_and_upper(a.copy(), x.copy())[upper]
    return tensor(numpy.asarray(result), input).to(dtype)


@_incomplete.derivative
def _(ctx, grad_output):
    input, other = ctx.saved
    name = "igammac" if ctx.upper else "igamma"
    if ctx.needs_input_grad[0]:
        raise NotImplementedError(f"the derivative for '{name}: input' is not implemented.")
    slope = ((input - 1) * other.log() - other - fl.lgamma(input)).exp()
    grad = -grad_output * slope if ctx.upper else grad_output * slope
    return None, grad.sum_to_size(other.shape).to(other.dtype), None


@composite(inplace=True)
def igamma(input, other):
    """The regularised lower incomplete gamma function P(input, other).

    Accuracy: some digits of float64 are lost to cancellation as input grows, log10(input) of them.
    Gradient: of other only, as in PyTorch.
    """
    require_tensors("igamma", input=input, other=other)
    return _incomplete.native(input, other, 0)


@composite(inplace=True)
def igammac(input, other):
    """The regularised upper incomplete gamma function Q(input, other) = 1 - P(input, other)."""
    require_tensors("igammac", input=input, other=other)
    return _incomplete.native(input, other, 1)


register("gammainc", igamma, namespaces=("special",))
register("gammaincc", igammac, namespaces=("special",))
