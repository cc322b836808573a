"""Products of compressed rows and segments of entries on GPUs, summed in order."""

from ... import _core
from ..core import operators as fl
from .index import wrapped
from .order import sorted_by
from .rules import rule
from .windows import sums_of_rows

_SUMMED = (_core.float32, _core.float64, _core.int64)


def _ends(starts, n):
    return _core.cat([starts, _core.full((1,), n, dtype=_core.int64, device=starts.device)])


@rule("order")
def order(keys):
    ordered, places = sorted_by(keys.long().contiguous())
    new = _core.ones(keys.numel(), dtype=_core.bool, device=keys.device)
    new[1:] = ordered[1:] != ordered[:-1]
    return places, _ends(new.nonzero()[:, 0], keys.numel())


@rule("pointers")
def pointers(rows, extent):
    counts = fl.bincount(rows.long(), minlength=extent)[:extent].cumsum(0)
    zero = _core.zeros(1, dtype=_core.int64, device=rows.device)
    return _core.cat([zero, counts]).to(rows.dtype)


@rule("expand")
def expand(pointers, n):
    if pointers.dim() != 1:
        return NotImplemented
    places = fl.arange(n, dtype=pointers.dtype, device=pointers.device)
    return fl.searchsorted(pointers[1:], places, right=True).to(pointers.dtype)


@rule("times_dense")
def times_dense(pointers, columns, values, order, dense):
    if dense.dtype not in _SUMMED or values.dtype is not dense.dtype:
        return NotImplemented
    order = None if order is None else order.long()
    columns = wrapped("mm", columns.long(), dense.shape[0])
    return sums_of_rows(dense, columns, pointers.long(), False, values, order)


@rule("sampled")
def sampled(rows, columns, x, y):
    return (x[rows.long()] * y[columns.long()]).sum(1)


@rule("segment_sum")
def segment_sum(values, order, starts):
    if values.dtype not in _SUMMED:
        return NotImplemented
    shape = values.shape[1:]
    made = sums_of_rows(values.reshape(values.shape[0], -1), order.long(), starts.long())
    return made.reshape(-1, *shape)


def _per_entry(of_groups, values, order, starts):
    """What stands for each segment at each of its entries: (N, *D)."""
    n = values.shape[0]
    group = expand(starts.long(), n)
    places = order.long()
    spread = of_groups.index_select(0, group)
    return _core.empty_like(spread).index_copy_(0, places, spread)


@rule("divide")
def divide(values, order, starts):
    sums = segment_sum(values, order, starts)
    if sums is NotImplemented:
        return sums
    return values / _per_entry(sums, values, order, starts)


@rule("shift")
def shift(values, order, starts):
    group = expand(starts.long(), values.shape[0])
    ordered = values.index_select(0, order.long())
    groups = starts.numel() - 1
    top = _core.full(
        (groups, *values.shape[1:]), float("-inf"), dtype=values.dtype, device=values.device
    )
    top.index_reduce_(0, group, ordered, "amax")
    return values - _per_entry(top, values, order, starts)


@rule("merge")
def merge(keys, n):
    return order(keys)


@rule("common")
def common(keys, other_keys):
    place = fl.searchsorted(other_keys.long(), keys.long())
    inside = place < other_keys.numel()
    same = inside.clone()
    if other_keys.numel():
        place = place.clamp(max=other_keys.numel() - 1)
        same &= other_keys[place] == keys
    found = same.nonzero()[:, 0]
    return found, place[found]


@rule("coordinates")
def coordinates(pointers, columns):
    return fl.stack((expand(pointers, columns.numel()).to(columns.dtype), columns))
