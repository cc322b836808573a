"""Activations: pointwise ones, and softmax with its relatives.

With `inplace` the result is written into the input, which must not be a leaf that learns.
"""

import flambeau

from ... import _core
from ...ops import activation as operators
from ...ops import fill_random

# These have no argument beyond their operator's.
from ...ops.activation import (  # noqa: F401
    gelu,
    hardshrink,
    logsigmoid,
    prelu,
    softplus,
    softsign,
    tanhshrink,
)
from ...ops.activation import relu as _relu
from ...ops.core.attach import of_constant_slope

_SOFTMAX_ADVICE = (
    "{name}: without dim it guesses the dim from input's shape. Say which one: dim=-1 for the last."
)


sigmoid, tanh = flambeau.sigmoid, flambeau.tanh


def relu(input, inplace=False):
    """max(input, 0)."""
    return input.relu_() if inplace else _relu(input)


def relu_(input):
    """relu, in place."""
    return input.relu_()


def relu6(input, inplace=False):
    """min(max(input, 0), 6)."""
    return hardtanh(input, 0.0, 6.0, inplace)


def hardtanh(input, min_val=-1.0, max_val=1.0, inplace=False):
    """input limited to [min_val, max_val]; its gradient is 0 at and outside the limits."""
    if min_val > max_val:
        raise ValueError(
            f"hardtanh: min_val {min_val} stands above max_val {max_val}. Exchange them."
        )
    if input.dtype == flambeau.bool:
        raise RuntimeError("hardtanh: input is bool. Convert it with .float() first.")
    if inplace:
        return flambeau.hardtanh_(input, min_val, max_val)
    return operators.hardtanh(input, min_val, max_val)


def hardtanh_(input, min_val=-1.0, max_val=1.0):
    """hardtanh, in place."""
    return hardtanh(input, min_val, max_val, True)


def leaky_relu(input, negative_slope=0.01, inplace=False):
    """input where it is positive, negative_slope * input elsewhere."""
    if inplace:
        return flambeau.leaky_relu_(input, negative_slope)
    return operators.leaky_relu(input, negative_slope)


def leaky_relu_(input, negative_slope=0.01):
    """leaky_relu, in place."""
    return leaky_relu(input, negative_slope, True)


def elu(input, alpha=1.0, inplace=False):
    """input where it is positive, alpha * (exp(input) - 1) elsewhere."""
    if inplace:
        return flambeau.elu_(input, alpha)
    return operators.elu(input, alpha)


def elu_(input, alpha=1.0):
    """elu, in place."""
    return elu(input, alpha, True)


def celu(input, alpha=1.0, inplace=False):
    """max(0, input) + min(0, alpha * (exp(input / alpha) - 1))."""
    if alpha == 0:
        raise RuntimeError("celu: alpha is 0; it divides by alpha.")
    if inplace:
        return flambeau.celu_(input, alpha)
    return operators.celu(input, alpha)


def celu_(input, alpha=1.0):
    """celu, in place."""
    return celu(input, alpha, True)


def selu(input, inplace=False):
    """scale * elu(input, alpha) with the constants that keep mean 0 and variance 1.

    Source: Klambauer et al., 2017, arXiv:1706.02515.
    """
    if inplace:
        return flambeau.selu_(input)
    return operators.selu(input)


def selu_(input):
    """selu, in place."""
    return selu(input, True)


def silu(input, inplace=False):
    """input * sigmoid(input)."""
    if inplace:
        return flambeau.silu_(input)
    return operators.silu(input)


def mish(input, inplace=False):
    """input * tanh(softplus(input)). Source: Misra, 2019, arXiv:1908.08681."""
    if inplace:
        return flambeau.mish_(input)
    return operators.mish(input)


def softshrink(input, lambd=0.5, *, out=None):
    """input moved towards 0 by lambd, 0 where |input| <= lambd."""
    if not lambd >= 0:
        raise RuntimeError(f"softshrink: lambd is {lambd}; it must be 0 or more.")
    return operators.softshrink(input, lambd, out=out)


def threshold(input, threshold, value, inplace=False):
    """input where it is above `threshold`, `value` elsewhere."""
    if inplace:
        return flambeau.threshold_(input, threshold, value)
    return operators.threshold(input, threshold, value)


_threshold = threshold


def threshold_(input, threshold, value):
    """threshold, in place."""
    return flambeau.threshold_(input, threshold, value)


def hardsigmoid(input, inplace=False):
    """min(max(input + 3, 0), 6) / 6."""
    if inplace:
        return flambeau.hardsigmoid_(input)
    return operators.hardsigmoid(input)


def hardswish(input, inplace=False):
    """input * hardsigmoid(input). Source: Howard et al., 2019, arXiv:1905.02244."""
    if inplace:
        return flambeau.hardswish_(input)
    return operators.hardswish(input)


def rrelu(input, lower=1.0 / 8, upper=1.0 / 3, training=False, inplace=False):
    """leaky_relu whose slope is drawn uniformly from [lower, upper] in training, else their mean."""
    if lower > upper:
        raise RuntimeError(f"rrelu: lower {lower} stands above upper {upper}. Exchange them.")
    if inplace:
        old = input.clone()
    else:
        old = input if input.is_contiguous() else input.contiguous()
    if training:
        slope = fill_random.fresh(flambeau.empty_like(old)).uniform_(lower, upper)
    else:
        slope = (lower + upper) / 2
    old = of_constant_slope(old)
    result = flambeau.where(old <= 0, slope * old, old)  # NaN passes as it is
    return input.copy_(result) if inplace else result


def rrelu_(input, lower=1.0 / 8, upper=1.0 / 3, training=False):
    """rrelu, in place."""
    return rrelu(input, lower, upper, training, True)


def glu(input, dim=-1):
    """first * sigmoid(second), the halves of `input` along `dim`."""
    if input.dim() == 0:
        raise RuntimeError("glu: input is 0-dim and has no halves; it must have 1 dim or more.")
    if input.size(dim) % 2:
        raise RuntimeError(
            f"glu: dim {dim} has size {input.size(dim)}, which has no halves; it must be even."
        )
    first, second = input.chunk(2, dim)
    return first * second.sigmoid()


def _default_dim(name, ndim):
    _core._warn(_SOFTMAX_ADVICE.format(name=name))
    return 0 if ndim in (0, 1, 3) else 1


def softmax(input, dim=None, _stacklevel=3, dtype=None):
    """exp(input) / sum(exp(input)) along `dim`, without overflow; computed as `dtype` if given."""
    if dim is None:
        dim = _default_dim("softmax", input.dim())
    return input.softmax(dim) if dtype is None else input.softmax(dim, dtype=dtype)


def softmin(input, dim=None, _stacklevel=3, dtype=None):
    """softmax(-input)."""
    if dim is None:
        dim = _default_dim("softmin", input.dim())
    return (-input).softmax(dim) if dtype is None else (-input).softmax(dim, dtype=dtype)


def log_softmax(input, dim=None, _stacklevel=3, dtype=None):
    """log(softmax(input)) in one go, exact where the softmax itself would round to 0."""
    if dim is None:
        dim = _default_dim("log_softmax", input.dim())
    return input.log_softmax(dim) if dtype is None else input.log_softmax(dim, dtype=dtype)


def gumbel_softmax(logits, tau=1, hard=False, eps=1e-10, dim=-1):
    """A sample of the relaxed categorical distribution with temperature `tau`.

    With `hard` the result is one-hot, while gradients are those of the soft sample.
    Source: Jang et al., 2016, arXiv:1611.01144; Maddison et al., 2016, arXiv:1611.00712.
    """
    if eps != 1e-10:
        _core._warn("gumbel_softmax: eps has no effect any more. Leave it away.")
    gumbels = -flambeau.empty_like(logits).exponential_().log()
    soft = ((logits + gumbels) / tau).softmax(dim)
    if not hard:
        return soft
    index = soft.max(dim, keepdim=True)[1]
    one_hot = flambeau.zeros_like(logits).scatter_(dim, index, 1.0)
    return one_hot - soft.detach() + soft
