"""Rules of _core.indexing: reading, writing and ordering by index.

An index that differs from level to level reaches into its own part of a value by one more index for each
level, which counts its slices.
"""

import math

from ... import _core
from ..._core import indexing
from ...calls import IndexRangeError
from .. import masks, move, search, write
from ..core import operators as fl
from ..core.arguments import some
from ..sparse import products
from .levels import sizes
from .values import (
    along,
    batched,
    folded,
    front,
    full,
    is_batched,
    joint_levels,
    rule,
    unbatched,
    unfolded,
)


def _depends_on_data(name):
    def refuse(*args):
        raise RuntimeError(
            f"vmap: {name}: the shape of its result depends on the values, which differ from slice to slice, "
            "so slices do not stack. Use an operator of fixed shape (where, masked_fill, nonzero_static)."
        )

    return refuse


for _name in ("nonzero", "unique", "without_repeats", "bincount"):
    getattr(indexing, _name).batch_rule = _depends_on_data(_name)


def _runs_along(name, n_tensors, place):
    """fn(*tensors, ..., dim at `place`, ...) of tensors of one number of dims."""
    function = getattr(indexing, name)

    def run(*args):
        def call(*values):
            *values, dim = values
            given = [*values, *args[n_tensors:]]
            given[place] = dim
            return function(*given)

        return along(call, args[:n_tensors], args[place])

    function.batch_rule = run


for _name, _place in {
    "argsort": 1, "cummax": 1, "cummin": 1, "cumprod": 1, "cumsum": 1, "flip": 1, "kthvalue": 2, "logcumsumexp": 1,
    "median": 1, "mode": 1, "roll": 2, "sort": 1, "topk": 2,
}.items():  # fmt: skip
    _runs_along(_name, 1, _place)


@rule(indexing.gather)
def _(input, dim, index):
    def call(value, places, d):
        return indexing.gather(value, d, places)

    if index.dim() == input.dim():
        return along(call, (input, index), dim)
    made = along(call, (input.reshape(-1), index.reshape(-1)), dim)  # a 0-dim one counts as a line
    return made.reshape(index.shape)


# ------------------------------------------------------------------------------------------ reading


@rule(indexing.masked_select)
def _(input, mask):
    if is_batched(mask):
        _depends_on_data("masked_select")()
    shape = fl.broadcast_shapes(input.shape, mask.shape)
    places = indexing.nonzero(mask.expand(shape).reshape(-1)).reshape(-1)
    return input.expand(shape).reshape(-1).index_select(0, places)


def _offsets(levels, step, device):
    """step times the number of each slice: (B,) of all levels together."""
    return step * fl.arange(math.prod(sizes[level] for level in levels), device=device)


def _checked(index, size, name):
    """An index within its own slice: -size to size - 1 become 0 to size - 1."""
    if some((index < -size) | (index >= size)):
        raise IndexRangeError(
            f"{name}: an index is outside of {-size} to {size - 1}, the places of a dim of {size}."
        )
    return fl.where(index < 0, index + size, index)


def _spread(index, levels, size, name):
    """(B * M,) places in rows (B * size) for an index (M,) of each slice."""
    index = folded(_checked(index, size, name), levels)
    index = index.reshape(len(index), -1)
    return (index + _offsets(levels, size, index.device).unsqueeze(1)).reshape(-1)


@rule(indexing.index_select)
def _(input, dim, index):
    if not input.dim():
        return indexing.index_select(input.reshape(1), 0, index.reshape(-1)).reshape(())
    dim %= input.dim()
    levels = joint_levels(input, index)
    if not is_batched(index):
        return batched(indexing.index_select(full(input, levels), dim + len(levels), index), levels)
    index = index.reshape(-1)
    if not is_batched(input):
        places = folded(index, levels)
        made = indexing.index_select(input, dim, places.reshape(-1))
        return unfolded(made.unflatten(dim, tuple(places.shape)).movedim(dim, 0), levels)
    rows = folded(input, levels).movedim(1 + dim, 1).flatten(0, 1)
    made = indexing.index_select(rows, 0, _spread(index, levels, input.size(dim), "index_select"))
    count = math.prod(sizes[level] for level in levels)
    return unfolded(made.unflatten(0, (count, -1)).movedim(1, 1 + dim), levels)


@rule(indexing.embedding)
def _(weight, indices):
    levels = joint_levels(weight, indices)
    value, own = unbatched(weight)
    if own and all(value.stride(k) == 0 for k in range(len(own))):
        value, own = value[(0,) * len(own)], ()  # all alike
    if not own:
        return batched(indexing.embedding(value, full(indices, levels)), levels)
    rows = folded(weight, levels).flatten(0, 1)
    places = _spread(indices, levels, weight.size(0), "embedding")
    made = indexing.embedding(rows, places)
    count = math.prod(sizes[level] for level in levels)
    return unfolded(made.reshape(count, *indices.shape, weight.size(1)), levels)


@rule(indexing.take)
def _(input, index):
    levels = joint_levels(input, index)
    if not is_batched(input):
        return batched(indexing.take(input, full(index, levels)), levels)
    places = _spread(index, levels, input.numel(), "take")
    count = math.prod(sizes[level] for level in levels)
    made = indexing.take(folded(input, levels).reshape(-1), places)
    return unfolded(made.reshape(count, *index.shape), levels)


def _as_numbers(indices):
    """Masks as the places where they are true."""
    found = []
    for index in indices:
        if index is not None and index.dtype in (fl.bool, fl.uint8):
            if is_batched(index):
                _depends_on_data("index")()
            found += indexing.nonzero(index).unbind(1)
        else:
            found.append(index)
    return found


class _Places:
    """Indices (a tensor or None for each leading dim) of a tensor, and how the result lies."""

    def __init__(self, indices, levels):
        self.indices, self.levels = _as_numbers(indices), levels
        named = [k for k, index in enumerate(self.indices) if index is not None]
        self.width = max((index.dim() for index in self.indices if index is not None), default=0)
        adjacent = named == list(range(named[0], named[-1] + 1)) if named else True
        self.first = (
            named[0] if named and adjacent else 0
        )  # where the indexed dims stand in a result
        self.differ = any(is_batched(index) for index in self.indices)
        self.adjacent, n = adjacent, len(levels)
        if self.differ:
            count = [sizes[level] for level in levels]
            device = self.indices[named[0]].device
            self.all = [
                fl.arange(size, device=device).reshape(-1, *[1] * (n - k - 1 + self.width))
                for k, size in enumerate(count)
            ]
            self.all += [
                None if index is None else front(index, levels, self.width)
                for index in self.indices
            ]
            # Levels and indices lie together at the front of the result, unless all follow each other.
            self.moves = self.first
        else:
            self.all = [None] * n + self.indices
            self.moves = 0

    def to_slices(self, value):
        """A result of the core as (levels, result of a slice)."""
        n = len(self.levels)
        if self.differ:
            if self.moves:
                order = range(n, n + self.width), range(n + self.moves, n + self.moves + self.width)
                return value.movedim(list(order[0]), list(order[1])) if self.width else value
            return value
        if not self.adjacent and n:
            return value.movedim(list(range(self.width, self.width + n)), list(range(n)))
        return value

    def from_slices(self, value):
        """The inverse, for values that are written."""
        n = len(self.levels)
        if self.differ:
            if self.moves and self.width:
                places = list(range(n + self.moves, n + self.moves + self.width))
                return value.movedim(places, list(range(n, n + self.width)))
            return value
        if not self.adjacent and n:
            return value.movedim(list(range(n)), list(range(self.width, self.width + n)))
        return value


@rule(indexing.index)
def _index(input, indices):
    levels = joint_levels(input, *indices)
    places = _Places(indices, levels)
    return batched(places.to_slices(indexing.index(full(input, levels), places.all)), levels)


@rule(indexing.searchsorted)
def _(sequence, values, right, out_int32, sorter):
    levels = joint_levels(sequence, values, sorter)
    if not is_batched(sequence) and not is_batched(sorter) and sequence.dim() == 1:
        return batched(
            indexing.searchsorted(sequence, full(values, levels), right, out_int32, sorter), levels
        )
    shape = values.shape
    if sequence.dim() == 1:
        values = values.reshape(-1)
    given = [
        None if t is None else full(t, levels).contiguous() for t in (sequence, values, sorter)
    ]
    made = indexing.searchsorted(given[0], given[1], right, out_int32, given[2])
    return batched(made.reshape(*made.shape[: len(levels)], *shape), levels)


@rule(search.histc)
def _(input, bins=100, min=0, max=0):
    """Counts by adding ones where each element falls."""
    flat = input.reshape(-1)
    wide = flat.double()
    low, high = float(min), float(max)
    if low == high and flat.numel():
        low, high = wide.amin(), wide.amax()
    alike = fl.as_tensor(low == high, device=input.device).double()
    low, high = low - alike, high + alike
    place = (wide - low) / (high - low) * bins
    inside = (wide >= low) & (wide <= high)
    place = fl.where(inside, place, 0).long().clamp(0, bins - 1)
    counts = input.new_zeros(bins)
    return counts.scatter_add(0, place, inside.to(flat.dtype))


@rule(indexing.bincount)
def _(input, weights, minlength):
    """Of slices whose counts are equally many."""
    levels = joint_levels(input, weights)
    places = folded(input, levels)
    if not places.numel() or some(places < 0):
        made = indexing.bincount(places.reshape(-1), None, minlength)  # or an error
        return batched(full(made, levels), levels)
    lengths = (places.amax(1) + 1).clamp(min=minlength)
    length = _alike("bincount", lengths)
    spread = places + _offsets(levels, length, input.device).unsqueeze(1)
    weights = None if weights is None else folded(weights, levels).reshape(-1)
    made = indexing.bincount(spread.reshape(-1), weights, length * len(places))
    return unfolded(made.reshape(-1, length), levels)


def _alike(name, sizes_of_slices):
    """The one number that a vector with an element a slice holds."""
    low, high = int(sizes_of_slices.min()), int(sizes_of_slices.max())
    if low != high:
        _depends_on_data(name)()
    return low


@rule(move.repeat_interleave)
def _(input, repeats=None, dim=None, *, output_size=None):
    """Counts that differ from slice to slice must have one sum."""
    counts = input if repeats is None else repeats
    if not is_batched(counts):
        return _core._run_inside(
            move.repeat_interleave, input, repeats, dim, output_size=output_size
        )
    if repeats is not None:
        if dim is None or not input.dim():
            input, dim = input.reshape(-1), 0
        counts = counts.expand(input.size(dim))
    if counts.dtype not in (fl.int64, fl.int32) or some(counts < 0):
        raise RuntimeError("repeat_interleave: repeats must be int64 or int32, and 0 or more.")
    total = _alike("repeat_interleave", unbatched(counts.sum(0))[0])
    if output_size not in (None, total):
        raise RuntimeError(
            f"repeat_interleave: output_size is {output_size}, but the repeats sum to {total}."
        )
    places = fl.arange(total, device=counts.device)
    places = fl.searchsorted(counts.cumsum(0), places, right=True)
    return places if repeats is None else input.index_select(dim, places)


# ------------------------------------------------------------------------------------------ writing


def _target(input, levels):
    """(a value that may be written, whether it is the tensor's own)."""
    value, own = unbatched(input)
    return (value, True) if own == levels else (full(input, levels).clone(), False)


def _written(input, value, is_own, levels):
    return input if is_own else batched(value, levels)


@rule(indexing.scatter_, indexing.scatter_add_, indexing.scatter_reduce_)
def _(input, dim, index, src, combine, include_self):
    levels = joint_levels(input, index, src)
    value, is_own = _target(input, levels)
    given = [full(t, levels) for t in (index, src)]
    place = value
    if not input.dim():
        place, given = (
            value.unsqueeze(-1),
            [t.unsqueeze(-1) if t.dim() == len(levels) else t for t in given],
        )
        dim = 0
    dim = dim + len(levels) if dim >= 0 else dim
    indexing.scatter_reduce_(place, dim, *given, combine, include_self)
    return _written(input, value, is_own, levels)


@rule(indexing.scatter, indexing.scatter_add)
def _(input, dim, index, src, combine):
    return indexing.scatter_reduce_(input.clone(), dim, index, src, combine, True)


@rule(indexing.index_add_, indexing.index_copy_, indexing.index_fill_, indexing.index_reduce_)
def _(input, dim, index, source, combine, include_self):
    levels = joint_levels(input, index, source)
    n = len(levels)
    value, is_own = _target(input, levels)
    if not input.dim():
        input_slices, dim = value.unsqueeze(-1), 0
    else:
        input_slices, dim = value, dim % input.dim()
    index = index.reshape(-1)
    if source.dim() < input_slices.dim() - n:  # one value for all places
        shape = list(input_slices.shape[n:])
        shape[dim] = index.numel()
        source = (
            source.reshape(shape) if source.numel() == math.prod(shape) else source.expand(shape)
        )
    if not is_batched(index):
        indexing.index_reduce_(
            input_slices, dim + n, index, full(source, levels), combine, include_self
        )
        return _written(input, value, is_own, levels)
    size = input_slices.size(dim + n)
    rows = input_slices.flatten(0, n - 1).movedim(1 + dim, 1)
    flat = rows.flatten(0, 1).contiguous().clone()
    added = folded(source, levels).movedim(1 + dim, 1).flatten(0, 1)
    places = _spread(index, levels, size, "index_add_")
    indexing.index_reduce_(flat, 0, places, added, combine, include_self)
    made = flat.reshape(rows.shape).movedim(1, 1 + dim).reshape(value.shape)
    value.copy_(made)
    return _written(input, value, is_own, levels)


@rule(indexing.index_add, indexing.index_copy)
def _(input, dim, index, source, combine):
    return indexing.index_reduce_(input.clone(), dim, index, source, combine, True)


@rule(indexing.put_)
def _(input, index, source, accumulate):
    levels = joint_levels(input, index, source)
    value, is_own = _target(input, levels)
    flat = value.reshape(-1).clone()
    places = _spread(index, levels, input.numel(), "put_")
    indexing.put_(flat, places, full(source.reshape(-1), levels).reshape(-1), accumulate)
    value.copy_(flat.reshape(value.shape))
    return _written(input, value, is_own, levels)


@rule(indexing.index_put_)
def _(input, indices, values, accumulate):
    levels = joint_levels(input, values, *indices)
    value, is_own = _target(input, levels)
    places = _Places(indices, levels)
    kept = input.dim() - len(places.indices) + sum(index is None for index in places.indices)
    given = places.from_slices(front(values, levels, places.width + kept))
    indexing.index_put_(value, places.all, given, accumulate)
    return _written(input, value, is_own, levels)


@rule(indexing.masked_scatter_)
def _(input, mask, source):
    made = _masked_scatter(input, mask, source)
    levels = joint_levels(made)
    value, is_own = _target(input, levels)
    value.copy_(full(made, levels))
    return _written(input, value, is_own, levels)


def _masked_scatter(input, mask, source):
    """masks._masked_scatter by differentiable operators."""
    order = (mask.expand(input.shape).reshape(-1).long().cumsum(0) - 1).clamp(min=0)
    if some(order[-1:] >= source.numel()):
        raise RuntimeError(
            f"masked_scatter: mask has more true elements than source, {tuple(source.shape)}, has elements."
        )
    if not source.numel():
        return input.clone()
    return fl.where(mask, source.reshape(-1).take(order).reshape(input.shape), input)


masks._masked_scatter.batch_rule = _masked_scatter


@rule(masks.nonzero_static)
def _(input, *, size, fill_value=-1):
    """The places that are nonzero come first in a stable order of truth."""
    truth = (input != 0).reshape(-1)
    total = truth.numel()
    order = fl.argsort((~truth).long(), stable=True)
    count = truth.long().sum()
    rows = (
        fl.stack(fl.unravel_index(order, input.shape), 1) if input.dim() else order[:, None][:, :0]
    )
    rows = rows[:size]
    if size > total:
        rows = fl.cat([rows, rows.new_full((size - total, input.dim()), fill_value)])
    return fl.where(fl.arange(size, device=input.device).unsqueeze(1) < count, rows, fill_value)


@rule(write.index_fill)
def _(input, dim, index, value):
    """A value that differs from slice to slice is chosen where the index has been."""
    if not is_batched(value):
        return _core._run_inside(write.index_fill, input, dim, index, value)
    lines = input.reshape(1) if input.dim() == 0 else input
    dim %= lines.dim()
    hit = fl.zeros(lines.size(dim), dtype=fl.bool, device=input.device)
    hit = write.index_fill(hit, 0, index, True)
    hit = hit.reshape([-1 if d == dim else 1 for d in range(lines.dim())])
    return fl.where(hit, value.to(input.dtype), lines).reshape(input.shape)


@rule(products.rows_times_dense)
def _(values, dense, rows):
    """A sparse matrix by dense ones: their columns stand beside each other. Entry by entry where those differ."""
    if is_batched(values):
        parts = values.unsqueeze(1) * dense.index_select(0, rows.columns)
        return parts.new_zeros((rows.size[0], dense.size(1))).index_add(0, rows.rows, parts)
    levels = joint_levels(dense)
    stacks = folded(dense, levels)  # (B, S, D)
    flat = stacks.movedim(0, 1).flatten(1)
    made = products.rows_times_dense(values, flat, rows)
    return unfolded(made.unflatten(1, (len(stacks), -1)).movedim(1, 0), levels)


@rule(products._sampled)
def _(x, y, rows):
    return (x.index_select(0, rows.rows) * y.index_select(0, rows.columns)).sum(-1)
