"""Duplicates added together, and what that makes possible: sums of sparse tensors."""

from ... import _core
from ..core import operators as fl
from ..core.declare import primitive
from .frame import (
    COO,
    Frame,
    flat_index,
    frame_of,
    is_sparse,
    layout_name,
    number_of,
    split,
)


def need_coo(name, input):
    if number_of(input) != COO:
        raise RuntimeError(
            f"{name}: takes a sparse_coo tensor, not {layout_name(input)}, {tuple(input.shape)}. Convert it "
            "with .to_sparse()."
        )


def coalesce(input):
    """The same tensor with each index once, in order."""
    need_coo("coalesce", input)
    if _core._sparse_parts(input)[5]:
        return input
    return _coalesce(input)


@primitive(method=False, function=False)
def _coalesce(ctx, input):
    frame, values = split(input)
    return coalesced(frame, values)


@_coalesce.derivative
def _(ctx, grad_output):
    return grad_output


def coalesced(frame, values, first=None):
    """The coalesced tensor of a COO frame and values, without history.

    Args:
        first (int, optional): that many entries in front are in order, and so are those behind.
    """
    indices = frame.indices
    if values.shape[0] < 2 or values.is_meta:
        return frame.renewed(indices.clone(), coalesced=True).make(values.clone())
    if frame.sparse_dim == 0:
        total = values.sum(0, keepdim=True, dtype=values.dtype)
        return frame.renewed(indices[:, :1].clone(), coalesced=True).make(total)
    size = frame.sparse_size
    keys = flat_index(indices, size)
    order, starts = _core.sparse.order(keys) if first is None else _core.sparse.merge(keys, first)
    values = _core.sparse.segment_sum(values, order, starts)
    firsts = order.index_select(0, starts[:-1]) if starts.numel() - 1 < order.numel() else order
    indices = indices.index_select(1, firsts)
    return frame.renewed(indices, coalesced=True).make(values)


@primitive(method=False, function=False)
def _add(ctx, input, other, alpha):
    """input + alpha * other, of two COO tensors alike but for dtype."""
    ctx.alpha = alpha
    (frame, values), (second, more) = split(input), split(other)
    dtype = fl.result_type(values, more)
    more = more.to(dtype)
    if alpha != 1:
        more = (more * alpha).to(dtype)
    made = frame.renewed(fl.cat([frame.indices, second.indices], 1), coalesced=False)
    values = fl.cat([values.to(dtype), more])
    if frame.coalesced and second.coalesced:
        return coalesced(made, values, frame.indices.shape[1])
    return made.make(values)


@_add.derivative
def _(ctx, grad_output):
    alpha = ctx.alpha.conjugate() if isinstance(ctx.alpha, complex) else ctx.alpha
    return grad_output, grad_output if alpha == 1 else grad_output * alpha, None


def add(input, other, alpha=1):
    """The sum of two COO tensors of the same sizes; it is coalesced if both are."""
    a, b = frame_of(input), frame_of(other)
    if a.size != b.size:
        raise RuntimeError(
            f"add: sparse tensors must have the same sizes, not {a.size} and {b.size}. They do not broadcast."
        )
    if a.sparse_dim != b.sparse_dim:
        dtype = fl.result_type(split(input)[1], split(other)[1])
        if not b.indices.shape[1]:
            return clone(input.to(dtype))
        if not a.indices.shape[1]:
            return clone(other.to(dtype) if alpha == 1 else (other * alpha).to(dtype))
        raise RuntimeError(
            f"add: input has {a.sparse_dim} sparse dims and other {b.sparse_dim}. They must be alike."
        )
    return _add(input, other, alpha)


@primitive(method=False, function=False)
def _clone(ctx, input):
    frame, values = split(input)
    compressed = None if frame.compressed is None else frame.compressed.clone()
    copy = Frame(
        frame.layout,
        compressed,
        frame.indices.clone(),
        frame.size,
        frame.dense_dim,
        frame.coalesced,
    )
    return copy.make(values.clone())


@_clone.derivative
def _(ctx, grad_output):
    return grad_output


def clone(input):
    """A copy, part of the graph."""
    return _clone(input)


for _operator in (_coalesce, _add, _clone):
    _operator.sparse = True


def is_coalesced(input):
    if not is_sparse(input) or number_of(input) != COO:
        raise RuntimeError(
            f"is_coalesced: takes sparse_coo tensors, not {layout_name(input)}, {tuple(input.shape)}."
        )
    return frame_of(input).coalesced
