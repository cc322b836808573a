"""Writing by index: scatter, index_add, index_put, x[...] = v and their kin; the mirror of index.py.

Values that meet in one cell are combined in the order of the source, whatever the number of threads; of
several values assigned to one cell the last one stays.
"""

import functools

from .. import _core
from .._core import indexing
from .core import operators as fl
from .core.arguments import dim_error
from .core.declare import composite, primitive
from .index import index_cells, is_mask, split_index, warn_of_bytes

private = functools.partial(primitive, method=False, function=False, out=False)

# What csrc/kernels/index/scatter.h calls Combine.
_ASSIGN, _SUM, _PROD, _AMAX, _AMIN = range(5)
_COMBINE = {"sum": _SUM, "prod": _PROD, "amax": _AMAX, "amin": _AMIN}


def recording(*tensors):
    """True when a result of these tensors would have a history."""
    return fl.is_grad_enabled() and any(
        isinstance(t, fl.Tensor) and t.requires_grad for t in tensors
    )


def in_place(input, operator, raw, *args):
    """input = operator(input, *args): written directly, or through a recorded copy where gradients are due."""
    if recording(input, *args):
        return input.copy_(operator(input.clone(), *args))
    raw(input, *args)
    return input


def _filled(value, like, shape):
    """A number as a tensor of `shape` and of the dtype of `like` (one element in memory)."""
    return fl.full((), value, dtype=like.dtype, device=like.device).expand(shape)


# ---- scatter: an index of the shape of the source


@private
def _scatter(ctx, input, dim, index, src):
    ctx.save_for_backward(index)
    ctx.dim, ctx.src_shape = dim, src.shape
    return indexing.scatter_(input.clone(), dim, index, src, _ASSIGN, True)


@_scatter.derivative
def _(ctx, grad_output):
    (index,) = ctx.saved
    grad_input = grad_src = None
    if ctx.needs_input_grad[0]:
        grad_input = fl.scatter(grad_output, ctx.dim, index, 0)
    if ctx.needs_input_grad[3]:
        grad_src = _from_corner(grad_output.gather(ctx.dim, index), ctx.src_shape)
    return grad_input, None, None, grad_src


def _from_corner(part, shape):
    """`part` as the first corner of zeros of `shape`: scatter reads no more of src than index covers."""
    if part.shape == shape:
        return part
    zeros = fl.zeros(shape, dtype=part.dtype, device=part.device)
    return (
        fl.index_put(zeros, _corner(part.shape, part.device), part)
        if part.dim()
        else part.reshape(shape)
    )


def _corner(shape, device):
    ndim = len(shape)
    return [
        fl.arange(size, device=device).reshape([-1 if d == k else 1 for d in range(ndim)])
        for k, size in enumerate(shape)
    ]


@private
def _scatter_add(ctx, input, dim, index, src):
    ctx.save_for_backward(index)
    ctx.dim, ctx.src_shape = dim, src.shape
    return indexing.scatter_add_(input.clone(), dim, index, src, _SUM, True)


@_scatter_add.derivative
def _(ctx, grad_output):
    (index,) = ctx.saved
    grad_src = None
    if ctx.needs_input_grad[3]:
        grad_src = _from_corner(grad_output.gather(ctx.dim, index), ctx.src_shape)
    return grad_output, None, None, grad_src


def _source(operator, input, index, src, value):
    """src or value, of which one is given, as a tensor."""
    if src is None and value is None:
        raise TypeError(f"{operator}: give src or value.")
    src = value if src is None else src
    if not isinstance(src, fl.Tensor):
        return _filled(src, input, index.shape)
    return src.to(input.dtype).expand(index.shape) if src.dim() == 0 and index.dim() > 0 else src


def _scatter_reduce_name(operator, reduce):
    if reduce not in ("add", "multiply"):
        raise RuntimeError(
            f"{operator}: reduce is {reduce!r}; it must be 'add' or 'multiply'. scatter_reduce has "
            "more."
        )
    return "sum" if reduce == "add" else "prod"


@composite(out="same")
def scatter(input, dim, index, src=None, *, value=None, reduce=None):
    """A copy of input with out[index[i, j], j] = src[i, j] for dim 0, and alike along any dim.

    Args:
        input (Tensor): (*S).
        index (Tensor): int32 or int64, of the ndim of input, no larger than src, nor than input but along dim.
        src (Tensor or number): of the dtype of input; a number stands for every element.
        reduce (str, optional): "add" or "multiply" instead of assigning.
    """
    src = _source("scatter", input, index, src, value)
    if reduce is not None:
        return scatter_reduce(input, dim, index, src, _scatter_reduce_name("scatter", reduce))
    return _scatter(input, dim, index, src)


@composite(function=False, out=False)
def scatter_(input, dim, index, src=None, *, value=None, reduce=None):
    """scatter in place."""
    src = _source("scatter_", input, index, src, value)
    if reduce is not None:
        return scatter_reduce_(input, dim, index, src, _scatter_reduce_name("scatter_", reduce))
    if recording(input, src):
        return input.copy_(_scatter(input, dim, index, src))
    return indexing.scatter_(input, dim, index, src, _ASSIGN, True)


@composite(out="same")
def scatter_add(input, dim, index, src):
    """scatter that adds to what is there."""
    return _scatter_add(input, dim, index, src)


@composite(function=False, out=False)
def scatter_add_(input, dim, index, src):
    """scatter_add in place."""
    if recording(input, src):
        return input.copy_(_scatter_add(input, dim, index, src))
    return indexing.scatter_add_(input, dim, index, src, _SUM, True)


@composite(out="same")
def scatter_reduce(input, dim, index, src, reduce, *, include_self=True):
    """scatter that combines all values of a cell, with what is there before if include_self.

    Args:
        reduce (str): "sum", "prod", "mean", "amax" or "amin".
        include_self (bool): without it the named cells start empty; others keep their value.
    """
    return _reduced(_AlongIndex(dim, index), input, src, reduce, include_self, "scatter_reduce")


@composite(function=False, out=False)
def scatter_reduce_(input, dim, index, src, reduce, *, include_self=True):
    """scatter_reduce in place."""
    if not recording(input, src) and reduce in _COMBINE:
        return indexing.scatter_reduce_(input, dim, index, src, _COMBINE[reduce], include_self)
    return input.copy_(
        scatter_reduce(input.clone(), dim, index, src, reduce, include_self=include_self)
    )


@composite(out="same")
def index_reduce(input, dim, index, source, reduce, *, include_self=True):
    """index_add with reduce "prod", "mean", "amax" or "amin" in place of the sum."""
    if reduce == "sum":
        raise RuntimeError(
            "index_reduce: reduce is 'sum'; it must be 'prod', 'mean', 'amax' or 'amin'. For sums "
            "use index_add."
        )
    return _reduced(_SlicesIndex(dim, index), input, source, reduce, include_self, "index_reduce")


@composite(function=False, out=False)
def index_reduce_(input, dim, index, source, reduce, *, include_self=True):
    """index_reduce in place."""
    if isinstance(source, fl.Tensor):
        _core._check_out(input, input.dtype, (index, source), "index_reduce_")
    return input.copy_(
        index_reduce(input.clone(), dim, index, source, reduce, include_self=include_self)
    )


class _AlongIndex:
    """The cells that scatter names: how to write them, add to them, read them and fill them."""

    def __init__(self, dim, index):
        self.dim, self.index = dim, index

    def write(self, input, source, combine, include_self):
        return indexing.scatter_reduce_(input, self.dim, self.index, source, combine, include_self)

    def add(self, input, source):
        return fl.scatter_add(input, self.dim, self.index, source)

    def read(self, input):
        return fl.gather(input, self.dim, self.index)

    def fill(self, input, value):
        return fl.scatter(input, self.dim, self.index, value)

    def covered(self, source):
        """The part of source that is used."""
        for dim, size in enumerate(self.index.shape):
            source = source.narrow(dim, 0, size)
        return source


class _SlicesIndex(_AlongIndex):
    """The same for index_add: one index for each slice along dim."""

    def write(self, input, source, combine, include_self):
        return indexing.index_reduce_(input, self.dim, self.index, source, combine, include_self)

    def add(self, input, source):
        return fl.index_add(input, self.dim, self.index, source)

    def read(self, input):
        return fl.index_select(input, self.dim, self.index)

    def fill(self, input, value):
        return fl.index_fill(input, self.dim, self.index, value)

    def covered(self, source):
        return source


def _reduced(cells, input, source, reduce, include_self, operator):
    if reduce == "mean":
        return _mean(cells, input, source, include_self)
    if reduce not in _COMBINE:
        raise RuntimeError(
            f"{operator}: reduce is {reduce!r}; it must be 'sum', 'prod', 'mean', 'amax' or 'amin'."
        )
    if reduce == "sum":
        return cells.add(input if include_self else cells.fill(input, 0), source)
    if reduce == "prod":
        return _product(input, source, cells, include_self)
    return _extreme(input, source, cells, reduce, include_self)


def _mean(cells, input, source, include_self):
    used = cells.covered(source)
    counts = cells.add(
        fl.full(input.shape, int(include_self), dtype=input.dtype, device=input.device),
        fl.ones_like(used),
    )
    counts = counts.masked_fill(counts == 0, 1)
    total = cells.add(input if include_self else cells.fill(input, 0), source)
    if input.dtype.is_floating_point or input.dtype.is_complex:
        return total / counts
    return fl.div(total, counts, rounding_mode="floor")


@private
def _product(ctx, input, source, cells, include_self):
    result = cells.write(input.clone(), source, _PROD, include_self)
    ctx.save_for_backward(input, source, result)
    ctx.cells, ctx.include_self = cells, include_self
    return result


@_product.derivative
def _(ctx, grad_output):
    input, source, result = ctx.saved
    cells, include_self = ctx.cells, ctx.include_self
    grad_input = grad_source = None
    if ctx.needs_input_grad[0]:
        one_for_zero = input.masked_fill(input == 0, 1)
        grad_input = (
            grad_output * _product(one_for_zero, source, cells, include_self) / one_for_zero
        )
        if not include_self:
            grad_input = cells.fill(grad_input, 0)
    if ctx.needs_input_grad[1]:
        used = cells.covered(source)
        zero = used == 0
        zeros_in_cell = cells.read(
            cells.add(
                fl.zeros(input.shape, dtype=input.dtype, device=input.device), zero.to(input.dtype)
            )
        )
        only_zero = zero & (zeros_in_cell == 1)
        # Leaving out the one zero of a cell gives the product of the others; of two, the product stays 0.
        without = _product(input, used.masked_fill(only_zero, 1), cells, include_self)
        grad_source = fl.where(
            only_zero,
            cells.read(grad_output * without),
            cells.read(grad_output * result) / used.masked_fill(zero, 1),
        )
        if grad_source.shape != source.shape:
            grad_source = _from_corner(grad_source, source.shape)
    return grad_input, grad_source, None, None


@private
def _extreme(ctx, input, source, cells, reduce, include_self):
    result = cells.write(input.clone(), source, _COMBINE[reduce], include_self)
    ctx.save_for_backward(input, source, result)
    ctx.cells, ctx.include_self = cells, include_self
    return result


@_extreme.derivative
def _(ctx, grad_output):
    input, source, result = ctx.saved
    cells = ctx.cells
    # All that reach the extreme share its gradient evenly.
    from_input = (input == result).to(grad_output.dtype)
    if not ctx.include_self:
        from_input = cells.fill(from_input, 0)
    from_source = (cells.covered(source) == cells.read(result)).to(grad_output.dtype)
    sharers = cells.add(from_input, from_source)
    # Nobody shares a NaN.
    share = grad_output / fl.where((sharers == 0) & ~result.isnan(), 1, sharers)
    grad_input = grad_source = None
    if ctx.needs_input_grad[0]:
        grad_input = from_input * share
    if ctx.needs_input_grad[1]:
        grad_source = from_source * cells.read(share)
        if grad_source.shape != source.shape:
            grad_source = _from_corner(grad_source, source.shape)
    return grad_input, grad_source, None, None, None


# ---- index_add and kin: one index for each slice along dim


@private
def _index_write(ctx, input, dim, index, source, combine):
    ctx.save_for_backward(index)
    ctx.dim, ctx.combine, ctx.source_shape = dim, combine, source.shape
    raw = indexing.index_add_ if combine == _SUM else indexing.index_copy_
    return raw(input.clone(), dim, index, source, combine, True)


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
    return grad_input, None, None, grad_source, None


def _scaled(input, source, alpha):
    """alpha * source, if the dtypes allow it."""
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
    return _index_write(input, dim, index, _scaled(input, source, alpha), _SUM)


@composite(function=False, out=False)
def index_add_(input, dim, index, source, *, alpha=1):
    """index_add in place."""
    source = _scaled(input, source, alpha)
    if recording(input, source):
        return input.copy_(_index_write(input, dim, index, source, _SUM))
    return indexing.index_add_(input, dim, index, source, _SUM, True)


@composite(out="same")
def index_copy(input, dim, index, source):
    """A copy of input with out[:, index[j], :] = source[:, j, :], for index along dim."""
    return _index_write(input, dim, index, source, _ASSIGN)


@composite(function=False, out=False)
def index_copy_(input, dim, index, source):
    """index_copy in place."""
    if recording(input, source):
        return input.copy_(_index_write(input, dim, index, source, _ASSIGN))
    return indexing.index_copy_(input, dim, index, source, _ASSIGN, True)


def _slices_of(operator, input, dim, index, value):
    """(index without negatives, value as a source of index_copy)."""
    if not -max(1, input.dim()) <= dim < max(1, input.dim()):
        raise dim_error(dim, input.dim(), operator)
    if index.dtype not in (fl.int64, fl.int32):
        raise IndexError(
            f"{operator}: index is {index.dtype}, but it must be int64. Convert it with .long()."
        )
    size = input.size(dim) if input.dim() else 1
    index = fl.where(index < 0, index + size, index).reshape(-1)
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
        if value.requires_grad or value.is_meta:
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
    return _index_write(input, dim, index, source, _ASSIGN)


@composite(function=False, out=False)
def index_fill_(input, dim, index, value):
    """index_fill in place."""
    if input.dim() == 0:
        index_fill_(input.view(1), dim, index, value)
        return input
    _core._check_out(input, input.dtype, (index,), "index_fill_")
    index, source = _slices_of("index_fill", input, dim, index, value)
    if recording(input, source):
        return input.copy_(_index_write(input, dim, index, source, _ASSIGN))
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
        warn_of_bytes(indices, stacklevel=4)
    except AttributeError:  # an item without a dtype
        place = next(k for k, i in enumerate(indices) if not isinstance(i, fl.Tensor | None))
        raise TypeError(
            f"{operator}: item {place} of indices must be a Tensor or None, not {type(indices[place]).__name__}."
        ) from None
    return list(indices)


@composite(out=False)
def index_put(input, indices, values, accumulate=False):
    """A copy of input with out[indices] = values, or += with accumulate, where values that meet add up.

    Args:
        indices (tuple of Tensor or None): one for each leading dim of input; masks stand for all their dims.
        values (Tensor): broadcast to the sizes of input[indices]; the dtype of input.
    """
    indices = _index_list("index_put", indices)
    return _index_put(input, indices, values, accumulate)


@composite(out=False)
def index_put_(input, indices, values, accumulate=False):
    """index_put in place."""
    indices = _index_list("index_put_", indices)
    if recording(input, values):
        return input.copy_(_index_put(input, indices, values, accumulate))
    return indexing.index_put_(input, indices, values, accumulate)


def index_set(input, index, value):
    """input[index] = value where the core alone does not know how: tensors, lists, arrays, truth values."""
    if not isinstance(value, fl.Tensor):
        if isinstance(value, (list, tuple, str, dict, set)) or value is None:
            raise TypeError(
                f"indexing: {type(value).__name__} cannot be written into a tensor of "
                f"{input.dtype}. Write a number or a Tensor."
            )
        if hasattr(value, "__array__"):
            value = fl.as_tensor(value, dtype=input.dtype, device=input.device)
        else:
            value = fl.full((), value, dtype=input.dtype, device=input.device)
    if type(index) is fl.Tensor and index.dtype is fl.int64 and index.dim() > 0:
        view, rest = input, (index,)
    else:
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
    warn_of_bytes(rest, stacklevel=3)
    if recording(view, value):
        view.copy_(_index_put(view, rest, value, False))
    else:
        indexing.index_put_(view, rest, value, False)


_core._bind("index_set", index_set)
