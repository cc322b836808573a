"""split and chunk whose parts may be written in place: to autograd they are no views.

A write to a part changes the input's memory, but not its history, nor is it counted there. It is safe
where nobody reads the input any more.
"""

from .. import _core
from .core.declare import composite, primitive


@primitive(name="unsafe_split", method=False, function=False, out=False)
def _parts(ctx, input, split_size, dim):
    ctx.dim = dim
    if 0 in input.stride():  # an expanded element would be written for all that show it
        input = input.contiguous()
    return tuple(part.data for part in _core.split(input, split_size, dim))


@_parts.derivative
def _(ctx, *grads):
    return _core.cat(grads, ctx.dim), None, None


@composite(method=True, out=False)
def unsafe_split(input, split_size, dim=0) -> tuple:
    """split() into parts that may each be written in place; the input must not be read after that.

    Example:
        >>> torch.unsafe_split(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), 1)
        (tensor([[1., 2.]]), tensor([[3., 4.]]))
    """
    return _parts(input, split_size, dim)


@composite(method=True, out=False)
def unsafe_split_with_sizes(input, split_sizes, dim=0) -> tuple:
    """unsafe_split() by a list of sizes."""
    return _parts(input, list(split_sizes), dim)


@composite(method=True, out=False)
def unsafe_chunk(input, chunks, dim=0) -> tuple:
    """chunk() into parts that may each be written in place; the input must not be read after that.

    Example:
        >>> torch.unsafe_chunk(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), 1)
        (tensor([[1., 2.],
                [3., 4.]]),)
    """
    return _parts(input, [part.size(dim) for part in _core.chunk(input.detach(), chunks, dim)], dim)
