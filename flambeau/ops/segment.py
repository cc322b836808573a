"""Reductions over segments of different lengths: segment_reduce."""

import math

from .core import operators as fl
from .core.arguments import every, require_tensors, some, wrap_dim
from .core.declare import NAMESPACES, composite

_REDUCTIONS = ("sum", "mean", "max", "min", "prod")
_EMPTY = {"sum": 0.0, "mean": math.nan, "max": -math.inf, "min": math.inf, "prod": 1.0}


def _starts_and_lengths(lengths, offsets, size, unsafe):
    """(first position, length) of each segment, int64, both (*batch, S)."""
    if offsets is not None:
        offsets = offsets.long()
        starts, lengths = offsets[..., :-1], offsets.diff(dim=-1)
        if some(lengths < 0) or some(offsets < 0) or some(offsets > size):
            raise RuntimeError(
                f"segment_reduce: offsets must not fall, and lie from 0 to {size}, the size of data."
            )
        return starts, lengths
    lengths = lengths.long()
    if some(lengths < 0):
        raise RuntimeError("segment_reduce: lengths has a number below 0.")
    ends = lengths.cumsum(-1)
    total = ends[..., -1] if lengths.size(-1) else lengths.sum(-1)
    if not (every(total <= size) if unsafe else every(total == size)):
        raise RuntimeError(
            f"segment_reduce: lengths add up to {total.tolist()}, but data has {size} along the axis. They must be "
            "equal (not above, with unsafe=True)."
        )
    return ends - lengths, lengths


@composite(method=False)
def segment_reduce(
    data, reduce, *, lengths=None, indices=None, offsets=None, axis=0, unsafe=False, initial=None
):
    """The sum, mean, max, min or prod of each of several segments of `data` along a dimension.

    Args:
        data (Tensor): (*B, N, *R), floating.
        reduce (str): "sum", "mean", "max", "min" or "prod".
        lengths (Tensor, optional): (*B, S), integers that add up to N along the last dimension.
        offsets (Tensor, optional): (*B, S + 1), where segments begin and the last one ends; instead of lengths.
        axis (int): the place of N, which is the last dimension of lengths or offsets.
        unsafe (bool): let lengths add up to less than N; the rest is left out.
        initial (float, optional): what each segment begins with; an empty one gives it. Without it an empty one
            gives 0, NaN, -inf, inf or 1.

    Returns:
        Tensor: (*B, S, *R).

    Raises:
        RuntimeError: lengths or offsets do not fit, both are missing, or reduce is none of these.
        NotImplementedError: indices is given, or data or lengths has another dtype.

    Example:
        >>> import flambeau as torch
        >>> torch.segment_reduce(torch.tensor([1., 2., 3.]), "sum", lengths=torch.tensor([2, 1]))
        tensor([3., 3.])
    """
    require_tensors("segment_reduce", data=data)
    if reduce in ("amax", "amin"):
        reduce = reduce[1:]
    if reduce not in _REDUCTIONS:
        raise RuntimeError(
            f"segment_reduce: reduce is {reduce!r}; it must be one of {', '.join(_REDUCTIONS)}."
        )
    if indices is not None:
        raise NotImplementedError(
            "segment_reduce: indices is not offered. Give lengths or offsets."
        )
    given = lengths if offsets is None else offsets
    if given is None:
        raise RuntimeError("segment_reduce: give lengths or offsets of the segments.")
    if given.dtype not in (fl.int64, fl.int32) or not data.is_floating_point():
        raise NotImplementedError(
            f"segment_reduce: takes floating data and lengths of int64 or int32, not {data.dtype} and {given.dtype}."
        )
    axis = wrap_dim(axis, data.dim(), "segment_reduce")
    batch = given.shape[:-1]
    if axis != given.dim() - 1 or data.shape[:axis] != batch:
        raise RuntimeError(
            f"segment_reduce: axis is {axis}, where data {tuple(data.shape)} and lengths or offsets "
            f"{tuple(given.shape)} do not meet: both begin with the same batch, then comes the axis."
        )
    count = given.size(-1) - (offsets is not None)
    shape = (*batch, count, *data.shape[axis + 1 :])
    starts, lengths = _starts_and_lengths(lengths, offsets, data.size(axis), unsafe)
    rows, places = _rows(data, axis, starts, lengths)
    batches = math.prod(batch)
    flat = (batches * count, *data.shape[axis + 1 :])
    base = fl.full(flat, _EMPTY[reduce], dtype=data.dtype, device=data.device)
    if reduce in ("sum", "mean"):
        result = fl.zeros(flat, dtype=data.dtype, device=data.device).index_add(0, places, rows)
    else:
        how = {"max": "amax", "min": "amin"}.get(reduce, reduce)
        result = base.index_reduce(0, places, rows, how, include_self=False)
    if initial is not None:
        result = _with_initial(result, reduce, initial)
    if reduce == "mean":
        sizes = lengths.reshape(-1, *[1] * (len(flat) - 1)).to(data.dtype)
        empty = base if initial is None else fl.full_like(base, initial)
        result = fl.where(sizes == 0, empty, result / sizes.clamp(min=1))
    return result.reshape(shape)


def _with_initial(result, reduce, initial):
    if reduce == "prod":
        return result * initial
    if reduce in ("sum", "mean"):
        return result + initial
    # Where it is reached by the segment the gradient is the segment's.
    beyond = result < initial if reduce == "max" else result > initial
    return fl.where(beyond, fl.full_like(result, initial), result)


def _rows(data, axis, starts, lengths):
    """(the rows of all batches that belong to a segment, the segment of each, counted through)."""
    size, count = data.size(axis), starts.size(-1)
    rows = data.flatten(0, axis)
    starts, lengths = starts.reshape(-1, count), lengths.reshape(-1, count)
    batches = starts.size(0)
    positions = fl.arange(size, device=data.device).expand(batches, size)
    places = fl.searchsorted(starts.contiguous(), positions.contiguous(), right=True) - 1
    known = places.clamp(min=0)
    inside = (places >= 0) & (
        positions < (starts + lengths).gather(1, known) if count else places > size
    )
    places = (known + fl.arange(batches, device=data.device).unsqueeze(1) * count).reshape(-1)
    inside = inside.reshape(-1)
    if every(inside):
        return rows, places
    return rows[inside], places[inside]


NAMESPACES["torch"]["_segment_reduce"] = segment_reduce  # the name of its first years
