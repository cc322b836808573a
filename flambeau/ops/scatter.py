"""Scattering: an index of the shape of the source, and reductions into the cells it names; the others are in write.py.

Values that meet in one cell are combined in the order of the source, whatever the number of threads; of
several values assigned to one cell the last one stays.
"""

import functools
from operator import gt

from .. import _core
from .._core import indexing
from .core import operators as fl
from .core.declare import composite, primitive

_Tensor = _core.Tensor
private = functools.partial(primitive, method=False, function=False, out=False)

# What csrc/kernels/index/scatter.h calls Combine.
_ASSIGN, _SUM, _PROD, _AMAX, _AMIN = range(5)
_COMBINE = {"sum": _SUM, "prod": _PROD, "amax": _AMAX, "amin": _AMIN}


def recording(*tensors):
    """True when a result of these tensors would have a history."""
    if _core.is_grad_enabled():
        for t in tensors:
            if isinstance(t, _Tensor) and t.requires_grad:
                return True
    return False


def row_major(input):
    """A contiguous copy to be written into."""
    return input.clone() if input.is_contiguous() else input.contiguous()


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


def _written(ctx, write, input, dim, index, src, combine):
    ctx.save_for_backward(index)
    ctx.dim, ctx.src_shape = dim, src.shape
    return write(input, dim, index, src, combine)


@private
def _scatter(ctx, input, dim, index, src):
    return _written(ctx, indexing.scatter, input, dim, index, src, _ASSIGN)


@_scatter.derivative
def _(ctx, grad_output):
    (index,) = ctx.saved
    wanted = ctx.needs_input_grad[0]
    grad_input = fl.scatter(grad_output, ctx.dim, index, 0) if wanted else None
    return grad_input, None, None, _grad_src(ctx, grad_output)


def _grad_src(ctx, grad_output):
    """What src gets: the gradients at the places it was written to."""
    if not ctx.needs_input_grad[3]:
        return None
    (index,) = ctx.saved
    return _from_corner(grad_output.gather(ctx.dim, index), ctx.src_shape)


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
    return _written(ctx, indexing.scatter_add, input, dim, index, src, _SUM)


@_scatter_add.derivative
def _(ctx, grad_output):
    return grad_output, None, None, _grad_src(ctx, grad_output)


def _reaches_beyond(shape, target, dim):
    """Whether `shape` is larger than `target` in another dim than dim."""
    if len(shape) != len(target) or not any(map(gt, shape, target)):
        return False
    return any(shape[d] > target[d] for d in range(len(target)) if d != dim % len(target))


def _source(operator, input, dim, index, src, value):
    """src or value, of which one is given, as a tensor."""
    if src is None and value is None:
        raise TypeError(f"{operator}: give src or value.")
    if src is None and isinstance(value, fl.Tensor) and value.dim():
        raise TypeError(
            f"{operator}: value must be a number, not a tensor {tuple(value.shape)}. Give it as src."
        )
    if isinstance(src, fl.Tensor):
        return src
    src = value if src is None else src
    if not isinstance(src, fl.Tensor):
        if isinstance(dim, int) and _reaches_beyond(index.shape, input.shape, dim):
            raise RuntimeError(
                f"{operator}: index {tuple(index.shape)} is larger than self {tuple(input.shape)} in a dim other "
                f"than {dim}. It must fit into it."
            )
        try:
            return _filled(src, input, index.shape)
        except TypeError:
            name = "src" if value is None else "value"
            raise TypeError(
                f"{operator}: {name} must be a number, not {type(src).__name__}."
            ) from None
    return src.to(input.dtype).expand(index.shape) if src.dim() == 0 and index.dim() > 0 else src


def _scatter_reduce_name(operator, reduce, of_tensor):
    if reduce not in ("add", "multiply"):
        raise RuntimeError(
            f"{operator}: reduce is {reduce!r}; it must be 'add' or 'multiply'. scatter_reduce has "
            "more."
        )
    if of_tensor:
        _core._warn_once(
            "reduce of scatter",
            f"{operator}: reduce is deprecated beside a src. Use scatter_add or scatter_reduce.",
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
    of_tensor = isinstance(src, fl.Tensor)
    src = _source("scatter", input, dim, index, src, value)
    if reduce is not None:
        return scatter_reduce(
            input, dim, index, src, _scatter_reduce_name("scatter", reduce, of_tensor)
        )
    return _scatter(input, dim, index, src)


@composite(function=False, out=False)
def scatter_(input, dim, index, src=None, *, value=None, reduce=None):
    """scatter in place."""
    of_tensor = isinstance(src, fl.Tensor)
    src = _source("scatter_", input, dim, index, src, value)
    if reduce is not None:
        return scatter_reduce_(
            input, dim, index, src, _scatter_reduce_name("scatter_", reduce, of_tensor)
        )
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


class _Cells:
    """The cells that an index names: how to write them, add to them, read them and fill them.

    A subclass names the operators: `_write`, which takes combine and include_self, `_add`, `_read`, `_fill`.
    """

    def __init__(self, dim, index):
        self.dim, self.index = dim, index

    def write(self, input, *source_and_how):
        return getattr(indexing, self._write)(input, self.dim, self.index, *source_and_how)

    def add(self, input, source):
        return getattr(fl, self._add)(input, self.dim, self.index, source)

    def read(self, input):
        return getattr(fl, self._read)(input, self.dim, self.index)

    def fill(self, input, value):
        return getattr(fl, self._fill)(input, self.dim, self.index, value)


class _AlongIndex(_Cells):
    """Those of scatter: an index for each element."""

    _write, _add, _read, _fill = "scatter_reduce_", "scatter_add", "gather", "scatter"

    def covered(self, source):
        """The part of source that is used."""
        for dim, size in enumerate(self.index.shape):
            source = source.narrow(dim, 0, size)
        return source


class _SlicesIndex(_Cells):
    """Those of index_add: an index for each slice along dim."""

    _write, _add, _read, _fill = "index_reduce_", "index_add", "index_select", "index_fill"

    def covered(self, source):
        return source


def _reduced(cells, input, source, reduce, include_self, operator):
    if reduce == "mean":
        return _mean(cells, input, source, include_self, operator)
    if reduce not in _COMBINE:
        raise RuntimeError(
            f"{operator}: reduce is {reduce!r}; it must be 'sum', 'prod', 'mean', 'amax' or 'amin'."
        )
    if reduce == "sum":
        return cells.add(input if include_self else cells.fill(input, 0), source)
    if reduce == "prod":
        return _product(input, source, cells, include_self)
    return _extreme(input, source, cells, reduce, include_self)


def _mean(cells, input, source, include_self, operator):
    if input.dtype is fl.bool:
        from ..kernels.types import DtypeError

        raise DtypeError(
            f"{operator}: the mean of bools is none of them. Convert input and src with .float()."
        )
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


def _combined(ctx, input, source, cells, combine, include_self):
    """A copy of input with what source writes into its cells; all that backward needs is kept."""
    result = cells.write(row_major(input), source, combine, include_self)
    ctx.save_for_backward(input, source, result, cells.index)
    ctx.cells, ctx.dim, ctx.include_self = type(cells), cells.dim, include_self
    return result


@private
def _product(ctx, input, source, cells, include_self):
    return _combined(ctx, input, source, cells, _PROD, include_self)


@_product.derivative
def _(ctx, grad_output):
    input, source, result, index = ctx.saved
    cells, include_self = ctx.cells(ctx.dim, index), ctx.include_self
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
    return _combined(ctx, input, source, cells, _COMBINE[reduce], include_self)


@_extreme.derivative
def _(ctx, grad_output):
    input, source, result, index = ctx.saved
    cells = ctx.cells(ctx.dim, index)
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
        if not ctx.include_self:  # which a NaN there does not change
            grad_input = cells.fill(grad_input, 0)
    if ctx.needs_input_grad[1]:
        grad_source = from_source * cells.read(share)
        if grad_source.shape != source.shape:
            grad_source = _from_corner(grad_source, source.shape)
    return grad_input, grad_source, None, None, None
