"""Sums, products and quotients with sparse tensors."""

from ... import _core
from ..core import operators as fl
from ..core.arguments import common_shape, operand, some
from . import coalesce as sums
from . import frame as frames
from .convert import sum_at, to_coo, to_dense, to_layout
from .pointwise import on_values
from .rules import in_place, rule


def _is_number(value):
    return not isinstance(value, _core.Tensor) or (not frames.is_sparse(value) and value.dim() == 0)


# ------------------------------------------------------------------------------------------------ sums


@rule("add")
def add(input, other, *, alpha=1):
    """input + alpha * other: of two sparse tensors a sparse one, of a strided and a sparse one a strided one."""
    if not frames.is_sparse(input):
        return _add_to_dense(input, other, alpha, "add")
    if not frames.is_sparse(other):
        if frames.number_of(input) == frames.COO or _is_number(other):
            raise RuntimeError(
                f"add: a {frames.layout_name(input)} tensor takes no strided summand. Write add(strided, sparse), or use "
                "to_dense()."
            )
        return _add_to_dense(other if alpha == 1 else other * alpha, input, 1, "add")
    here = frames.number_of(input)
    if here == frames.COO and frames.number_of(other) == frames.COO:
        return sums.add(input, other, alpha)
    frame = frames.frame_of(input)
    if frames.same_places(frame, frames.frame_of(other)):
        return frame.assemble(fl.add(frames.entries(input), frames.entries(other), alpha=alpha))
    blocks = frame.block_size(_core._sparse_parts(input)[3]) if frame.blocked else None
    total = sums.coalesce(sums.add(to_coo(input), to_coo(other), alpha))
    return total if here == frames.COO else to_layout(total, here, blocksize=blocks)


def _add_to_dense(input, other, alpha, name):
    if not isinstance(input, _core.Tensor):
        raise TypeError(
            f"{name}: a number and a sparse tensor have no sum that is sparse. Use to_dense() first."
        )
    if input.shape != other.shape:
        raise RuntimeError(
            f"{name}: the strided tensor is {tuple(input.shape)} and the sparse one {tuple(other.shape)}. They must "
            "be alike."
        )
    frame, values = frames.frame_and_entries(other)
    flat = frame.flat(values)
    dtype = fl.result_type(input, values)
    flat = flat.to(dtype) if alpha == 1 else flat.to(dtype) * alpha
    if frame.sparse_dim == 0:
        return input + flat.sum(0)
    rows = input.to(dtype).reshape(-1, *frame.dense_size) if input.numel() else input.to(dtype)
    if not input.numel():
        return rows.clone()
    index = frames.flat_index(frame.places(values.shape), frame.sparse_size)
    return sum_at(rows, index, flat).reshape(frame.size)


@rule("add_")
def add_(input, other, *, alpha=1):
    if not frames.is_sparse(input):
        return _add_into_dense(input, other, alpha)
    return _sparse_add_(input, other, alpha=alpha)


_sparse_add_ = in_place("add", add)
rule("add_")(add_)


def _add_into_dense(input, other, alpha):
    """The rows that `other` names, written in place: nothing else is touched."""
    if input.shape != other.shape:
        raise RuntimeError(
            f"add_: the strided tensor is {tuple(input.shape)} and the sparse one {tuple(other.shape)}. They must be "
            "alike."
        )
    frame, values = frames.frame_and_entries(other)
    if not _core.can_cast(fl.result_type(input, values), input.dtype):
        raise RuntimeError(
            f"add_: the sum is {fl.result_type(input, values)}, which cannot be written into {input.dtype}."
        )
    if not input.numel():
        return input
    flat = frame.flat(values).to(input.dtype)
    if frame.sparse_dim == 0:
        return input.add_(flat.sum(0), alpha=alpha)
    places = frame.places(values.shape)
    if input.is_contiguous():
        rows = input.view(-1, *frame.dense_size)
        return _index_add(input, rows, frames.flat_index(places, frame.sparse_size), flat, alpha)
    if frame.sparse_dim == 1:
        return _index_add(input, input, places[0], flat, alpha)
    input.index_put_(tuple(places), flat if alpha == 1 else flat * alpha, accumulate=True)
    return input


def _index_add(input, rows, index, values, alpha):
    rows.index_add_(0, index, values, alpha=alpha)
    return input


@rule("sub", "subtract")
def sub(input, other, *, alpha=1):
    return add(input, other, alpha=-alpha)


@rule("sub_", "subtract_")
def sub_(input, other, *, alpha=1):
    return add_(input, other, alpha=-alpha)


@rule("rsub")
def rsub(input, other, *, alpha=1):
    return add(other, input, alpha=-alpha)


# -------------------------------------------------------------------------------------------- products


@rule("mul", "multiply")
def mul(input, other):
    """The product, sparse: entries where both have some."""
    if not frames.is_sparse(input):
        input, other = other, input
    if _is_number(other):
        return on_values(input, lambda values: fl.mul(values, other), linear=True)
    if frames.is_sparse(other) and not other.dim():
        return mul(input, to_dense(other))
    if frames.is_sparse(other) and not input.dim():
        return mul(other, to_dense(input))
    if frames.is_sparse(other):
        return _product_of_two(input, other)
    return _product_with_dense(input, other)


def _product_with_dense(input, other):
    frame, values = frames.frame_and_entries(input)
    shape = tuple(common_shape("mul", frame.size, other.shape))
    if shape != frame.size:
        from .shapes import broadcast_to

        return _product_with_dense(broadcast_to(input, shape), other)
    other = other.expand(frame.size)
    places = frame.places(values.shape)
    if frame.sparse_dim == 0:
        return frame.assemble(values * other)
    found = other[tuple(places)]
    return frame.assemble((frame.flat(values) * found).reshape(values.shape))


def _product_of_two(input, other):
    a, b = frames.frame_of(input), frames.frame_of(other)
    here = a.layout
    if frames.same_places(a, b) and (here != frames.COO or a.coalesced):
        return a.assemble(frames.entries(input) * frames.entries(other))
    if a.size != b.size and here == frames.COO == b.layout:
        from .shapes import broadcast_to

        size = common_shape("mul", a.size, b.size)
        return _product_of_two(broadcast_to(input, size), broadcast_to(other, size))
    if a.size != b.size:
        raise RuntimeError(
            f"mul: sparse tensors must have the same sizes, not {a.size} and {b.size}."
        )
    blocks = a.block_size(_core._sparse_parts(input)[3]) if a.blocked else None
    x, y = sums.coalesce(to_coo(input)), sums.coalesce(to_coo(other))
    a, b = frames.frame_of(x), frames.frame_of(y)
    if a.sparse_dim != b.sparse_dim:
        raise RuntimeError(
            f"mul: input has {a.sparse_dim} sparse dims and other {b.sparse_dim}. They must be alike."
        )
    kept, at = _common(a, b)
    values = frames.entries(x).index_select(0, kept) * frames.entries(y).index_select(0, at)
    made = frames.Frame(
        frames.COO, None, a.indices.index_select(1, kept), a.size, a.dense_dim, True
    ).assemble(values)
    return made if here == frames.COO else to_layout(made, here, blocksize=blocks)


def _common(a, b):
    """Where the entries that two coalesced frames share stand in each of them."""
    device = a.indices.device
    n, m = a.indices.shape[1], b.indices.shape[1]
    nothing = fl.empty(0, dtype=_core.int64, device=device)
    if not n or not m:
        return nothing, nothing
    if a.sparse_dim == 0:
        zero = fl.zeros(1, dtype=_core.int64, device=device)
        return zero, zero
    return _core.sparse.common(
        frames.flat_index(a.indices, a.sparse_size), frames.flat_index(b.indices, b.sparse_size)
    )


for _name in ("mul", "multiply"):
    in_place(_name, mul)
_mul_into_sparse = in_place("mul", mul)


@rule("mul_", "multiply_")
def mul_(input, other):
    if not frames.is_sparse(input):
        return input.mul_(to_dense(other))
    if (
        frames.is_sparse(input)
        and _is_number(other)
        and not (input.requires_grad and _core.is_grad_enabled())
    ):
        # The values themselves, so that clipping a gradient moves no indices.
        other = operand(other, input) if isinstance(other, _core.Tensor) else other
        values = _core._sparse_parts(input)[3]
        if fl.result_type(values, other) == values.dtype:
            with_history = _core._set_grad_enabled(False)
            try:
                values.mul_(other)
            finally:
                _core._set_grad_enabled(with_history)
            return input
    return _mul_into_sparse(input, other)


@rule("div", "divide", "true_divide")
def div(input, other, *, rounding_mode=None):
    """A sparse tensor divided by a number."""
    if not frames.is_sparse(input) or not _is_number(other):
        raise RuntimeError(
            "div: a sparse tensor is divided by a number or a 0-dim tensor alone: elsewhere 0 / 0 would stand."
        )
    linear = rounding_mode is None
    return on_values(
        input, lambda values: fl.div(values, other, rounding_mode=rounding_mode), linear
    )


@rule("floor_divide")
def floor_divide(input, other):
    if not frames.is_sparse(input) or not _is_number(other):
        raise RuntimeError(
            "floor_divide: a sparse tensor is divided by a number or a 0-dim tensor alone."
        )
    return on_values(input, lambda values: fl.floor_divide(values, other))


for _name in ("div", "divide", "true_divide"):
    in_place(_name, div)
in_place("floor_divide", floor_divide)


# ------------------------------------------------------------------------------------------- comparing


@rule("equal")
def equal(input, other):
    """Whether two tensors of one layout have the same sizes and elements."""
    if (
        not frames.is_sparse(input)
        or not frames.is_sparse(other)
        or frames.number_of(input) != frames.number_of(other)
    ):
        raise RuntimeError(
            f"equal: the tensors are {frames.layout_name(input)} and {frames.layout_name(other)}. They must be alike."
        )
    if input.shape != other.shape:
        return False
    difference = sums.coalesce(sums.add(to_coo(input).detach(), to_coo(other).detach(), -1))
    return not some(frames.entries(difference) != 0)


@rule("allclose")
def allclose(input, other, rtol=1e-05, atol=1e-08, equal_nan=False):
    """allclose() of the elements, entries that are not there being 0."""
    dense = [to_dense(each) if frames.is_sparse(each) else each for each in (input, other)]
    return fl.allclose(*dense, rtol, atol, equal_nan)
