"""Sums, norms and softmax of sparse tensors."""

from ... import _core
from ..core import operators as fl
from ..core.arguments import wrap_dim, wrap_dims
from ..core.declare import primitive
from . import coalesce as sums
from . import frame as frames
from .convert import to_coo, to_layout
from .rules import rule


@rule("sum")
def sum(input, dim=None, keepdim=False, *, dtype=None):
    """The sum of all elements, strided; over some dims, of the input's layout."""
    if dim is None or (isinstance(dim, (tuple, list)) and not dim):
        total = _sum_of_all(input, dtype)
        return total.reshape((1,) * input.dim()) if keepdim else total
    if dtype is None and not (input.dtype.is_floating_point or input.dtype.is_complex):
        dtype = _core.int64
    made = sum_over(input, dim, keepdim, dtype, "sum")
    if not frames.is_sparse(made) or frames.number_of(made) == frames.number_of(input):
        return made
    return (
        to_layout(made, frames.number_of(input)) if frames.frame_of(made).sparse_dim == 2 else made
    )


@primitive(method=False, function=False)
def _sum_of_all(ctx, input, dtype):
    ctx.shape = input.shape
    return _core._sparse_parts(input)[3].sum(dtype=dtype)


@_sum_of_all.derivative
def _(ctx, grad_output):
    return grad_output.expand(ctx.shape), None


_sum_of_all.sparse = True


def sum_over(input, dim, keepdim=False, dtype=None, name="sparse.sum"):
    """The sum over dims: COO while sparse dims are left, strided where none is."""
    dims = wrap_dims(dim, input.dim(), name)
    input = to_coo(input)
    frame, values = frames.frame_and_entries(input)
    sparse = frame.sparse_dim
    in_dense = [d - sparse + 1 for d in dims if d >= sparse]
    if in_dense:
        values = values.sum(in_dense, dtype=dtype)
    elif dtype is not None:
        values = values.to(dtype)
    kept = [d for d in range(sparse) if d not in dims]
    if not kept and sparse:
        total = values.sum(0, dtype=values.dtype)
        if keepdim:
            total = total.reshape([1 if d in dims else size for d, size in enumerate(frame.size)])
        return total
    size = [size for d, size in enumerate(frame.size) if d not in dims]
    indices = frame.indices if len(kept) == sparse else fl.stack([frame.indices[d] for d in kept])
    made = frames.Frame(
        frames.COO, None, indices, size, values.dim() - 1, frame.coalesced and len(kept) == sparse
    ).assemble(values)
    made = sums.coalesce(made) if len(kept) < sparse else made
    if keepdim:
        for d in sorted(dims):
            made = fl.unsqueeze(made, d)
    return made


def sparse_sum(input, dim=None, dtype=None):
    """The sum of a sparse tensor, of all elements or over dims.

    Args:
        input (Tensor): sparse.
        dim (int or sequence of int, optional): what is summed over.
        dtype (torch.dtype, optional): of the result.

    Returns:
        Tensor: strided where nothing sparse is left, else sparse.
    """
    if not frames.is_sparse(input):
        raise RuntimeError(
            f"sparse.sum: takes a sparse tensor, not a strided one, {tuple(input.shape)}."
        )
    if frames.number_of(input) == frames.COO and input.dtype is _core.bool:
        input = sums.coalesce(input)
    if dim is None:
        return frames.entries(input).sum(dtype=dtype)
    return sum_over(input, dim, False, dtype)


@rule("mean")
def mean(input, dim=None, keepdim=False, *, dtype=None):
    if dim is not None:
        raise NotImplementedError(
            "mean: a sparse tensor has no mean over dims. Use torch.sparse.sum and divide."
        )
    return sum(input, dtype=dtype) / input.numel()


@rule("any")
def any(input, dim=None, keepdim=False):
    if dim is not None:
        raise NotImplementedError(
            "any: of a sparse tensor it is not offered over dims. Use to_dense() first."
        )
    return frames.entries(input).any()


def _values_for_norm(input):
    if frames.number_of(input) == frames.COO:
        input = sums.coalesce(input)
    return frames.entries(input)


@rule("norm")
def norm(input, p="fro", dim=None, keepdim=False, dtype=None):
    """The norm of all elements as one vector."""
    if dim is not None and tuple(wrap_dims(dim, input.dim(), "norm")) != tuple(range(input.dim())):
        raise RuntimeError(
            "norm: of a sparse tensor it is offered over all dims alone. Use to_dense() first."
        )
    p = 2.0 if p in ("fro", None) else p
    total = (
        fl.linalg.vector_norm(_values_for_norm(input).reshape(-1), p, dtype=dtype)
        if p != 0
        else ((_values_for_norm(input) != 0).sum().to(dtype or input.dtype))
    )
    return total.reshape((1,) * input.dim()) if keepdim else total


@rule("vector_norm", "linalg_vector_norm")
def vector_norm(input, ord=2, dim=None, keepdim=False, *, dtype=None):
    return norm(input, ord, dim, keepdim, dtype)


@rule("native_norm")
def native_norm(input, p=2):
    return norm(input, p)


# -------------------------------------------------------------------------------------------- softmax


def _softmax(input, dim, dtype, logarithm, name):
    if frames.number_of(input) != frames.COO:
        raise NotImplementedError(
            f"{name}: takes sparse_coo tensors, not {frames.layout_name(input)}."
        )
    dim = wrap_dim(dim, input.dim(), name)
    if dtype is not None:
        input = input.to(dtype)
    elif not (input.dtype.is_floating_point or input.dtype.is_complex):
        raise NotImplementedError(
            f"{name}: input is {input.dtype}; it must be floating. Pass dtype=."
        )
    input = sums.coalesce(input)
    frame, values = frames.frame_and_entries(input)
    function = fl.log_softmax if logarithm else fl.softmax
    if dim >= frame.sparse_dim:
        return frame.assemble(function(values, dim - frame.sparse_dim + 1))
    if not values.shape[0]:
        return frame.assemble(values)
    # Entries that differ in this dim alone make up one row of the softmax.
    others = [d for d in range(frame.sparse_dim) if d != dim]
    if others:
        keys = frames.flat_index(frame.indices[others], [frame.size[d] for d in others])
    else:
        keys = fl.zeros(values.shape[0], dtype=_core.int64, device=values.device)
    order, starts = _core.sparse.order(keys)
    wide = values if values.dtype.itemsize >= 4 else values.to(_core.float32)
    made = (
        _segment_log_softmax(wide, order, starts)
        if logarithm
        else _segment_softmax(wide, order, starts)
    )
    return frame.assemble(made.to(values.dtype))


def _sum_back(values, order, starts):
    """For each row the sum over its segment."""
    counts = starts[1:] - starts[:-1]
    group = fl.arange(len(counts), device=order.device).repeat_interleave(counts)
    group = fl.empty_like(group).index_copy(0, order, group)
    sums_ = values.new_zeros((len(counts), *values.shape[1:])).index_add(0, group, values)
    return sums_.index_select(0, group)


@primitive(method=False, function=False)
def _segment_softmax(ctx, values, order, starts):
    powers = fl.exp(_core.sparse.shift(values, order, starts))
    result = _core.sparse.divide(powers, order, starts)
    ctx.save_for_backward(result, order, starts)
    return result


@_segment_softmax.derivative
def _(ctx, grad_output):
    result, order, starts = ctx.saved
    return result * (grad_output - _sum_back(grad_output * result, order, starts)), None, None


@primitive(method=False, function=False)
def _segment_log_softmax(ctx, values, order, starts):
    shifted = _core.sparse.shift(values, order, starts)
    result = shifted - _sum_back(fl.exp(shifted), order, starts).log()
    ctx.save_for_backward(result, order, starts)
    return result


@_segment_log_softmax.derivative
def _(ctx, grad_output):
    result, order, starts = ctx.saved
    return grad_output - fl.exp(result) * _sum_back(grad_output, order, starts), None, None


@rule("softmax", "_sparse_softmax")
def softmax(input, dim, dtype=None, **options):
    return _softmax(input, dim, dtype, False, "softmax")


@rule("log_softmax", "_sparse_log_softmax")
def log_softmax(input, dim, dtype=None, **options):
    return _softmax(input, dim, dtype, True, "log_softmax")


def sparse_softmax(input, dim, *, dtype=None):
    """softmax over dim of a sparse_coo tensor: elements without an entry count as -inf.

    Returns:
        Tensor: sparse_coo, coalesced, of the entries of input.
    """
    if not frames.is_sparse(input):
        raise RuntimeError(
            f"sparse.softmax: takes a sparse_coo tensor, not a strided one, {tuple(input.shape)}."
        )
    return _softmax(input, dim, dtype, False, "sparse.softmax")


def sparse_log_softmax(input, dim, *, dtype=None):
    """The logarithm of `sparse.softmax`, computed without its loss of precision."""
    if not frames.is_sparse(input):
        raise RuntimeError(
            f"sparse.log_softmax: takes a sparse_coo tensor, not a strided one, {tuple(input.shape)}."
        )
    return _softmax(input, dim, dtype, True, "sparse.log_softmax")
