"""Writing where indices say: index_add and its kin, put, index_put, x[...] = v. The mirror of index.py."""

from .. import _core
from .._core import indexing
from ..kernels import language as k
from .core import operators as fl
from .core.arguments import require_tensors, wrap_dim
from .core.declare import composite, make_pointwise
from .index import index_cells, is_mask, split_index, warn_of_bytes
from .scatter import _ASSIGN, _SUM, _filled, in_place, private, recording

# ---- index_add and kin: one index for each slice along dim


@private
def _index_write(ctx, input, dim, index, source, combine, keeps_layout=False):
    ctx.save_for_backward(index)
    ctx.dim, ctx.combine, ctx.source_shape = dim, combine, source.shape
    if keeps_layout and not input.is_contiguous():
        return indexing.index_copy_(input.clone(), dim, index, source, combine, True)
    raw = indexing.index_add if combine == _SUM else indexing.index_copy
    return raw(input, dim, index, source, combine)


@_index_write.derivative
def _(ctx, grad_output):
    (index,) = ctx.saved
    grad_input = grad_source = None
    if ctx.needs_input_grad[0]:
        grad_input = (
            grad_output if ctx.combine == _SUM else fl.index_fill(grad_output, ctx.dim, index, 0)
        )
    if ctx.needs_input_grad[3]:
        grad_source = grad_output.index_select(ctx.dim, index).reshape(ctx.source_shape)
    return grad_input, None, None, grad_source, None, None


def _scaled(input, source, alpha):
    """alpha * source, if the dtypes allow it."""
    require_tensors("index_add", source=source)
    if isinstance(alpha, (int, float, complex)) and alpha == 1:
        return source
    if isinstance(alpha, (float, complex)) and not (
        input.dtype.is_floating_point or input.dtype.is_complex
    ):
        raise RuntimeError(
            f"index_add: alpha is {alpha} but input is {input.dtype}. Give an int, or convert input "
            "with .float()."
        )
    return (source * alpha).to(source.dtype)


@composite(out="same")
def index_add(input, dim, index, source, *, alpha=1):
    """A copy of input with alpha * source[:, j, :] added to out[:, index[j], :], for index along dim.

    Args:
        index (Tensor): (M), int32 or int64.
        source (Tensor): the sizes of input but M along dim, and its dtype.
    """
    source = _scaled(input, source, alpha)
    return _index_write(input, dim, index, source, _SUM)


@composite(function=False, out=False)
def index_add_(input, dim, index, source, *, alpha=1):
    """index_add in place."""
    source = _scaled(input, source, alpha)
    if recording(input, source):
        return input.copy_(_index_write(input, dim, index, source, _SUM, True))
    return indexing.index_add_(input, dim, index, source, _SUM, True)


@composite(out="same")
def index_copy(input, dim, index, source):
    """A copy of input with out[:, index[j], :] = source[:, j, :], for index along dim."""
    require_tensors("index_copy", index=index, source=source)
    return _index_write(input, dim, index, source, _ASSIGN)


@composite(function=False, out=False)
def index_copy_(input, dim, index, source):
    """index_copy in place."""
    if recording(input, source):
        return input.copy_(_index_write(input, dim, index, source, _ASSIGN, True))
    return indexing.index_copy_(input, dim, index, source, _ASSIGN, True)


_without_negatives = make_pointwise(
    lambda index, size: k.where(index < 0, index + size, index), name="index_fill"
)


def _slices_of(operator, input, dim, index, value):
    """(index without negatives, value as a source of index_copy)."""
    wrap_dim(dim, input.dim(), operator)
    if index.dtype not in (fl.int64, fl.int32):
        raise IndexError(
            f"{operator}: index is {index.dtype}, but it must be int64. Convert it with .long()."
        )
    size = input.size(dim) if input.dim() else 1
    index = _without_negatives(index, size).reshape(-1)
    if isinstance(value, fl.Tensor) and value.requires_grad and not index.is_meta:
        index = index.unique()  # a slice that is named twice is filled once
    shape = list(input.shape)
    if shape:
        shape[dim] = index.numel()
    if isinstance(value, fl.Tensor):
        if value.dim() != 0:
            raise RuntimeError(
                f"{operator}_: value is a tensor of shape {tuple(value.shape)}; it must be 0-dim. "
                "index_copy_ takes many values."
            )
        if value.requires_grad or value.is_meta or _core._is_batched(value):
            return index, value.to(input.dtype).expand(shape)
        value = value.item()
    if isinstance(value, complex) and not input.dtype.is_complex:
        raise RuntimeError(f"{operator}: value {value} is complex, and input is {input.dtype}.")
    return index, _filled(value, input, shape)


@composite(out=False)
def index_fill(input, dim, index, value):
    """A copy of input with out[:, index[j], :] = value, a number or a 0-dim tensor; negative indices count from the end."""
    if input.dim() == 0:
        return index_fill(input.reshape(1), dim, index, value).reshape(())
    index, source = _slices_of("index_fill", input, dim, index, value)
    return _index_write(input, dim, index, source, _ASSIGN, True)


@composite(function=False, out=False)
def index_fill_(input, dim, index, value):
    """index_fill in place."""
    if input.dim() == 0:
        index_fill_(input.view(1), dim, index, value)
        return input
    _core._check_out(input, input.dtype, (index,), "index_fill_")
    index, source = _slices_of("index_fill", input, dim, index, value)
    if recording(input, source):
        return input.copy_(_index_write(input, dim, index, source, _ASSIGN, True))
    return indexing.index_fill_(input, dim, index, source, _ASSIGN, True)


# ---- put, index_put, x[...] = v


@private
def _put(ctx, input, index, source, accumulate):
    ctx.save_for_backward(index)
    ctx.accumulate, ctx.source_shape = accumulate, source.shape
    return indexing.put_(input.clone(), index, source, accumulate)


@_put.derivative
def _(ctx, grad_output):
    (index,) = ctx.saved
    grad_input = grad_source = None
    if ctx.needs_input_grad[0]:
        zeros = fl.zeros(index.shape, dtype=grad_output.dtype, device=grad_output.device)
        grad_input = grad_output if ctx.accumulate else _put(grad_output, index, zeros, False)
    if ctx.needs_input_grad[2]:
        grad_source = grad_output.take(index).reshape(ctx.source_shape)
    return grad_input, None, grad_source, None


@composite(out=False)
def put(input, index, source, accumulate=False):
    """A copy of input with out.view(-1)[index] = source, or += with accumulate."""
    return _put(input, index, source, accumulate)


@composite(function=False, out=False)
def put_(input, index, source, accumulate=False):
    """put in place."""
    return in_place(input, _put, indexing.put_, index, source, accumulate)


@private
def _index_put(ctx, input, indices, values, accumulate):
    ctx.save_for_backward(*indices)
    ctx.accumulate, ctx.values_shape = accumulate, values.shape
    return indexing.index_put_(input.clone(), indices, values, accumulate)


@_index_put.derivative
def _(ctx, grad_output):
    indices = ctx.saved
    grad_input = grad_values = None
    if ctx.needs_input_grad[0]:
        zero = fl.zeros((), dtype=grad_output.dtype, device=grad_output.device)
        grad_input = (
            grad_output if ctx.accumulate else _index_put(grad_output, indices, zero, False)
        )
    if ctx.needs_input_grad[2] and grad_output.is_meta:
        grad_values = grad_output.new_empty(ctx.values_shape)
    elif ctx.needs_input_grad[2]:
        read = index_cells(grad_output, indices)
        extra = len(ctx.values_shape) - read.dim()
        if extra > 0:
            read = read.reshape((1,) * extra + tuple(read.shape))
        grad_values = read.sum_to_size(ctx.values_shape)
    return grad_input, None, grad_values, None


def _index_list(operator, indices):
    if not isinstance(indices, (tuple, list)):
        raise TypeError(
            f"{operator}: indices must be a tuple of Tensors, not {type(indices).__name__}."
        )
    try:
        warn_of_bytes(indices)
    except AttributeError:  # an item without a dtype
        place = next(k for k, i in enumerate(indices) if not isinstance(i, fl.Tensor | None))
        raise TypeError(
            f"{operator}: item {place} of indices must be a Tensor or None, not {type(indices[place]).__name__}."
        ) from None
    return list(indices)


def _as_fill(input, indices, values, accumulate):
    """One value under one mask fills as masked_fill does, of any dtype that input can hold; others stay as they are."""
    if accumulate or values.dtype is input.dtype or values.numel() != 1:
        return values
    given = [index for index in indices if index is not None]
    if len(given) != 1 or not is_mask(given[0]):
        return values
    if values.is_complex() and not input.is_complex() and input.dtype is not fl.bool:
        return values
    return values.reshape(()).to(input.dtype)


def _goes_alone(operator, indices):
    """Whether the index is a mask of 0 dims, which chooses all of input or nothing; it stands beside no other."""
    if not any(index is not None and index.dim() == 0 and is_mask(index) for index in indices):
        return False
    if len(indices) > 1:
        raise IndexError(
            f"{operator}: a mask of 0 dims is an index alone, but there are {len(indices)}. "
            "Write input[mask, index] = values."
        )
    return True


@composite(out=False)
def index_put(input, indices, values, accumulate=False):
    """A copy of input with out[indices] = values, or += with accumulate, where values that meet add up.

    Args:
        indices (tuple of Tensor or None): one for each leading dim of input; masks stand for all their dims.
        values (Tensor): broadcast to the sizes of input[indices]; the dtype of input, or one value under one mask.
    """
    indices = _index_list("index_put", indices)
    values = _as_fill(input, indices, values, accumulate)
    if _goes_alone("index_put", indices):
        return input.clone().index_put_((indices[0].bool(),), values, accumulate)
    return _index_put(input, indices, values, accumulate)


@composite(out=False)
def index_put_(input, indices, values, accumulate=False):
    """index_put in place."""
    indices = _index_list("index_put_", indices)
    values = _as_fill(input, indices, values, accumulate)
    if _goes_alone("index_put_", indices):  # of a matrix of one row, input
        input.unsqueeze(0).index_put_((indices[0].bool().reshape(1),), values, accumulate)
        return input
    if recording(input, values):
        return input.copy_(_index_put(input, indices, values, accumulate))
    return indexing.index_put_(input, indices, values, accumulate)


def index_set(input, index, value):
    """input[index] = value where the core alone does not know how: tensors, lists, arrays, truth values."""
    if (
        type(index) is fl.Tensor
        and index.dtype is fl.bool
        and index.shape == input.shape
        and (type(value) is int or (type(value) is float and input.dtype.is_floating_point))
    ):
        input.masked_fill_(index, value)
        return
    if not isinstance(value, fl.Tensor):
        number = type(value) in (float, int, bool)
        if not number and (isinstance(value, (list, tuple, str, dict, set)) or value is None):
            raise TypeError(
                f"indexing: {type(value).__name__} cannot be written into a tensor of "
                f"{input.dtype}. Write a number or a Tensor."
            )
        if not number and hasattr(value, "__array__"):
            value = fl.as_tensor(value, dtype=input.dtype, device=input.device)
        else:
            value = fl.full((), value, dtype=input.dtype, device=input.device)
    view, rest = split_index(input, index)
    if not rest:
        while value.dim() > view.dim() and value.size(0) == 1:
            value = value[0]
        view.copy_(value)
        return
    if (
        len(rest) == 1
        and value.dim() == 0
        and is_mask(rest[0])
        and rest[0].dtype is fl.bool
        and rest[0].shape == view.shape
    ):
        view.masked_fill_(rest[0], value)
        return
    warn_of_bytes(rest)
    value = _as_fill(view, rest, value, False)
    if recording(view, value):
        view.copy_(_index_put(view, rest, value, False))
    else:
        indexing.index_put_(view, rest, value, False)


_core._bind("index_set", index_set)
