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
