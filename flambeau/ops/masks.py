"""What a condition lets through: nonzero, masked_select, masked_scatter. Their sizes depend on the data."""

from .. import _core
from .._core import indexing
from .core import operators as fl
from .core.arguments import common_shape
from .core.declare import composite, primitive
from .core.zeros import into_zeros
from .scatter import in_place, private, row_major


@composite(out="same")
def nonzero(input, *, as_tuple=False):
    """The coordinates of the nonzero elements in row-major order.

    Returns:
        Tensor: int64, (n, ndim); with as_tuple a tuple of ndim tensors (n), fit for input[...].

    Example:
        >>> torch.nonzero(torch.tensor([[1, 0], [0, 4]]))
        tensor([[0, 0],
                [1, 1]])
    """
    if as_tuple:
        return indexing.nonzero(input.reshape(1) if input.dim() == 0 else input).unbind(1)
    return indexing.nonzero(input)


@composite(out=False)
def argwhere(input):
    """The coordinates of the nonzero elements: (n, ndim).

    Example:
        >>> torch.argwhere(torch.tensor([[0, 2], [3, 0]]) > 1)
        tensor([[0, 1],
                [1, 0]])
    """
    return indexing.nonzero(input)


@composite
def nonzero_static(input, *, size, fill_value=-1):
    """The first `size` rows of nonzero; where there are fewer, rows of fill_value follow."""
    if size < 0:
        raise RuntimeError(f"nonzero_static: size is {size!r}; it must be an int, 0 or more.")
    if input.is_meta:
        return fl.empty(size, input.dim(), dtype=fl.int64, device="meta")
    found = indexing.nonzero(input)[:size]
    missing = size - found.size(0)
    return (
        fl.cat(
            [
                found,
                fl.full((missing, input.dim()), fill_value, dtype=fl.int64, device=input.device),
            ]
        )
        if missing
        else found
    )


@primitive(out="exact")
def masked_select(ctx, input, mask):
    """The elements of input where mask (bool) is true, as 1-D in row-major order; both are broadcast."""
    ctx.save_for_backward(mask)
    ctx.shape = input.shape
    return indexing.masked_select(input, mask)


@masked_select.derivative
def _(ctx, grad_output):
    (mask,) = ctx.saved
    shape = fl.broadcast_shapes(ctx.shape, mask.shape)
    whole = into_zeros("masked_scatter", shape, grad_output, mask.expand(shape), grad_output)
    return whole.sum_to_size(ctx.shape)


@private
def _masked_scatter(ctx, input, mask, source):
    ctx.save_for_backward(mask)
    ctx.source_shape = source.shape
    return indexing.masked_scatter_(row_major(input), mask, source)


@_masked_scatter.derivative
def _(ctx, grad_output):
    (mask,) = ctx.saved
    grad_source = None
    if ctx.needs_input_grad[2] and grad_output.is_meta:
        grad_source = grad_output.new_empty(ctx.source_shape)
    elif ctx.needs_input_grad[2] and _core._is_batched(grad_output):
        # The number of a place among the true ones says where in source it came from.
        whole = mask.expand(grad_output.shape).reshape(-1)
        place = (whole.long().cumsum(0) - 1).clamp(min=0)
        zeros = grad_output.new_zeros(ctx.source_shape.numel())
        given = fl.where(whole, grad_output.reshape(-1), 0)
        grad_source = zeros.scatter_add(0, place, given).reshape(ctx.source_shape)
    elif ctx.needs_input_grad[2]:
        taken = masked_select(grad_output, mask.expand(grad_output.shape))
        unused = ctx.source_shape.numel() - taken.numel()
        if unused:
            taken = fl.cat([taken, fl.zeros(unused, dtype=taken.dtype, device=taken.device)])
        grad_source = taken.reshape(ctx.source_shape)
    return grad_output.masked_fill(mask, 0), None, grad_source


@composite(out=False)
def masked_scatter(input, mask, source):
    """A copy of input with source[0], source[1], ... written where mask (bool, broadcast to input) is true."""
    shape = common_shape("masked_scatter", input.shape, mask.shape)
    if shape != input.shape:
        input = input.expand(shape)
    return _masked_scatter(input, mask, source)


@composite(function=False, out=False)
def masked_scatter_(input, mask, source):
    """masked_scatter in place."""
    return in_place(input, masked_scatter, indexing.masked_scatter_, mask, source)
