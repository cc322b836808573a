"""Searching, counting and distinct values on GPUs: sorts, running counts and sums in the order of the source."""

from ... import _core
from ..core import operators as fl
from .launch import launch, made_like, on_meta
from .order import order_keys, sort_rows, sorted_by
from .rules import rule

_raw = _core.indexing
_WIDEST = 64  # elements of a row that unique sorts by, one sort each


@rule("searchsorted")
def searchsorted(sequence, values, right, int32, sorter):
    out = made_like(
        on_meta(_raw.searchsorted, sequence, values, right, int32, sorter), values.device
    )
    if out.numel() == 0:
        return out
    keys, n = order_keys(sequence), sequence.shape[-1]
    if sorter is not None:
        keys = keys.gather(-1, sorter)
    found = _core.empty(values.shape, dtype=_core.int64, device=values.device)
    of_row = 0 if sequence.dim() == 1 else values.shape[-1]

    def write():
        from ...kernels.gpu import search

        return search.write_search(right)

    arguments = [
        [found.numel(), of_row, n, n.bit_length() + 1],
        [found, keys.contiguous(), order_keys(values).contiguous()],
    ]
    launch("searchsorted", ("search", right), write, values.device.index, found.numel(), arguments)
    return out.copy_(found)


def _sums_at(places, weights, bins, dtype):
    """How often each place occurs, or the sums of weights there."""
    out = _core.zeros(bins, dtype=dtype, device=places.device)
    if weights is None:
        weights = _core.ones(places.numel(), dtype=dtype, device=places.device)
    return _raw.index_add_(out, 0, places, weights.to(dtype).contiguous(), 1, True)


@rule("bincount")
def bincount(input, weights, bins):
    least, greatest = (input.min().item(), input.max().item()) if input.numel() else (0, -1)
    wrong = (
        bins < 0
        or input.dtype is not _core.int64
        or (weights is not None and weights.shape != input.shape)
    )
    if wrong or input.dim() != 1 or least < 0 or greatest == 2**63 - 1:
        return _raw.bincount(
            input.cpu(), None if weights is None else weights.cpu(), bins
        )  # which says why not
    bins = max(bins, greatest + 1)
    dtype = _core.int64 if weights is None else weights.dtype
    return _sums_at(input, weights, bins, dtype)


@rule("histc")
def histc(input, weights, bins, low, high):
    on_meta(_raw.histc, input, weights, bins, low, high)
    flat = input.reshape(-1)
    inside = (flat >= low) & (flat <= high)
    values = flat[inside]
    places = ((values - low) * bins / (high - low)).long().clamp(0, bins - 1)
    taken = None if weights is None else weights.reshape(-1)[inside]
    return _sums_at(places, taken, bins, input.dtype)


# -- distinct values


def _changes(rows, keys):
    """Where a row (n, width) is another than the one before it; NaN is another each time."""
    flags = _core.ones(keys.shape[0], dtype=_core.bool, device=keys.device)
    if keys.shape[0] > 1:
        differs = keys[1:] != keys[:-1]
        if rows.dtype.is_floating_point:
            differs = differs | rows[1:].isnan()
        flags[1:] = differs.any(1)
    return flags


@rule("unique")
def unique(input, consecutive, n, width, wants_inverse, wants_counts):
    empty = _core.empty(0, dtype=_core.int64, device=input.device)
    if n == 0:
        return empty, empty, empty
    if width > _WIDEST and not consecutive:
        return NotImplemented
    if width == 0:
        input, width = _core.zeros(n, dtype=_core.int64, device=input.device), 1
    rows = input.reshape(n, width)
    keys = order_keys(rows)
    order = fl.arange(n, device=input.device)
    if not consecutive:
        for column in reversed(range(width)):
            order = order[sorted_by(keys[order, column].contiguous())[1]]
    new = _changes(rows[order], keys[order])
    starts = new.nonzero()[:, 0]
    inverse = counts = empty
    if wants_inverse:
        inverse = _core.empty(n, dtype=_core.int64, device=input.device)
        inverse[order] = new.long().cumsum(0) - 1
    if wants_counts:
        counts = _core.cat([starts[1:], _core.full((1,), n, device=input.device)]) - starts
    return order[starts], inverse, counts


@rule("without_repeats")
def without_repeats(input):
    rows = input.reshape(-1, 1)
    return input[_changes(rows, order_keys(rows))]


# -- what a row comes down to


def _chosen(name, input, dim, keepdim, choose, *options):
    """(values, indices) at the place of each sorted row that choose(sorted keys, rows) tells."""
    values, indices = made_like(
        on_meta(getattr(_raw, name), input, dim, keepdim, *options), input.device
    )
    if input.numel() == 0 or input.dim() == 0:
        return (values.copy_(input) if input.numel() else values), indices.zero_()
    moved = input.movedim(dim, -1)
    rows = moved.reshape(-1, moved.shape[-1])
    keys, places = sort_rows(order_keys(rows).contiguous())
    at = choose(keys, rows)
    found = places.gather(1, at.reshape(-1, 1))
    indices.copy_(found.reshape(indices.shape))
    values.copy_(rows.gather(1, found).reshape(values.shape))
    return values, indices


@rule("median")
def median(input, dim, keepdim, ignore_nan):
    def choose(keys, rows):
        n = rows.shape[1]
        if not rows.dtype.is_floating_point:
            return _core.full((rows.shape[0],), (n - 1) // 2, device=rows.device)
        valid = n - rows.isnan().sum(1)  # NaN is sorted behind all
        if ignore_nan:
            return ((valid - 1) // 2).clamp(min=0)
        return fl.where(valid < n, valid, (n - 1) // 2)

    return _chosen("median", input, dim, keepdim, choose, ignore_nan)


@rule("mode")
def mode(input, dim, keepdim):
    def choose(keys, rows):
        n = rows.shape[1]
        places = fl.arange(n, device=rows.device).expand(keys.shape)
        new = _core.ones(keys.shape, dtype=_core.bool, device=rows.device)
        new[:, 1:] = keys[:, 1:] != keys[:, :-1]
        begins = fl.where(new, places, 0).cummax(1)[0]
        return (places - begins).argmax(1)

    return _chosen("mode", input, dim, keepdim, choose)


@rule("draw_by_weight")
def draw_by_weight(weights, u):
    """(places, whether all weights are good)"""
    sums = weights.double().cumsum(-1)
    total = sums[..., -1:]
    places = searchsorted(sums, u * total, True, False, None).clamp(max=weights.shape[-1] - 1)
    good = (weights >= 0).all() & (total > 0).all() & fl.isfinite(total).all()
    return places, good.item()


# -- integers


def _divisors(name, x, y, multiples):
    out = _core.empty(x.shape, dtype=_core.int64, device=x.device)

    def write():
        from ...kernels.gpu import search

        return search.write_divisors(multiples)

    n = out.numel()
    arguments = [n, [out, x.long().contiguous(), y.long().contiguous()]]
    launch(name, ("divisors", multiples), write, x.device.index, n, arguments)
    return out.to(x.dtype)


@rule("_gcd")
def gcd(x, y):
    on_meta(_core._gcd, x, y)
    return _divisors("gcd", x, y, False)


@rule("_lcm")
def lcm(x, y):
    on_meta(_core._lcm, x, y)
    return _divisors("lcm", x, y, True)
