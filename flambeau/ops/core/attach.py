"""Results that do not change with an input, but belong to its graph: their gradient is zero, not missing."""

from ... import _core
from .declare import primitive


@primitive(method=False, function=False)
def _attached(ctx, value, sources):
    ctx.like = [(source.shape, source.dtype, source.device) for source in sources]
    return value


@_attached.derivative
def _(ctx, grad_output):
    return grad_output, [
        _core.zeros(shape, dtype=dtype, device=device) for shape, dtype, device in ctx.like
    ]


@primitive(method=False, function=False)
def _of_constant_slope(ctx, value):
    return value


@_of_constant_slope.derivative
def _(ctx, grad_output):
    return ctx.linked(grad_output)


def of_constant_slope(input):
    """`input`, for an operator whose gradient does not change with it, but requires grad: the second derivative is 0.

    Without it there would be none, an error where PyTorch gives zeros.
    """
    if input.requires_grad and _core.is_grad_enabled():
        return _of_constant_slope(input)
    return input


def attached(value, *sources, anyway=False):
    """`value`, which requires grad where one of `sources` does: with respect to these it is constant.

    A value that requires grad already stays as it is, unless `anyway`: then the sources get zeros.
    """
    if not _core.is_grad_enabled() or (value.requires_grad and not anyway):
        return value
    tensors = [t for t in sources if isinstance(t, _core.Tensor) and t.requires_grad]
    return _attached(value, tensors) if tensors else value
