"""Frame: where the entries of a sparse tensor stand. With values it makes a tensor."""

import math

from ... import _core
from ...types import LAYOUTS
from ..core import operators as fl
from ..core.declare import primitive

STRIDED, COO, CSR, CSC, BSR, BSC = range(6)
NAMES = tuple(layout.name for layout in LAYOUTS)
NUMBERS = {layout: number for number, layout in enumerate(LAYOUTS)}

is_sparse = _core._is_sparse


class Frame:
    """Layout, indices and sizes of a sparse tensor: all but its values."""

    __slots__ = ("layout", "compressed", "indices", "size", "dense_dim", "coalesced")

    def __init__(self, layout, compressed, indices, size, dense_dim, coalesced):
        self.layout, self.compressed = layout, compressed
        self.indices = indices
        self.size = tuple(size)
        self.dense_dim = dense_dim
        self.coalesced = coalesced

    def make(self, values):
        """The tensor of these values, without history."""
        return _core._sparse_make(
            self.layout,
            self.compressed,
            self.indices,
            values,
            self.size,
            self.dense_dim,
            self.coalesced,
        )

    def assemble(self, values):
        """The tensor of these values, part of their graph."""
        if values.requires_grad and _core.is_grad_enabled():
            return assembled(values, self)
        return self.make(values)

    @property
    def sparse_dim(self):
        return len(self.size) - self.dense_dim

    @property
    def sparse_size(self):
        return self.size[: self.sparse_dim]

    @property
    def dense_size(self):
        return self.size[self.sparse_dim :]

    @property
    def batch_dim(self):
        """Of a compressed layout: how many dimensions stand before the matrix."""
        return self.indices.dim() - 1

    @property
    def by_rows(self):
        """Whether rows are compressed, not columns."""
        return self.layout in (CSR, BSR)

    @property
    def blocked(self):
        return self.layout in (BSR, BSC)

    def renewed(self, indices=None, size=None, coalesced=None, dense_dim=None):
        """A COO frame that differs in what is given."""
        return Frame(
            COO,
            None,
            self.indices if indices is None else indices,
            self.size if size is None else size,
            self.dense_dim if dense_dim is None else dense_dim,
            self.coalesced if coalesced is None else coalesced,
        )

    def block_size(self, values):
        start = self.batch_dim + 1
        return tuple(values.shape[start : start + 2]) if self.blocked else (1, 1)

    def flat(self, values):
        """Values by element: (elements, *dense sizes). Blocks are taken apart."""
        if self.layout == COO:
            return values
        return values.reshape(self.count(values), *self.dense_size)

    def count(self, values):
        """How many elements values have, each of the dense sizes."""
        return math.prod(values.shape[: values.dim() - self.dense_dim])

    def places(self, values_shape):
        """The index of each element as flat() orders them: (sparse dims, elements), int64.

        Args:
            values_shape: of the values, which tells the sizes of blocks.
        """
        if self.layout == COO:
            return self.indices
        batch = self.batch_dim
        if self.layout == CSR and not batch and not self.indices.is_meta:
            return _core.sparse.coordinates(self.compressed, self.indices)
        outer = expand_compressed(self.compressed, self.indices.shape[-1])
        inner = self.indices.to(_core.int64)
        rows, columns = (outer, inner) if self.by_rows else (inner, outer)
        if self.blocked:
            height, width = values_shape[batch + 1 : batch + 3]
            device = inner.device
            down = fl.arange(height, device=device).reshape(-1, 1)
            across = fl.arange(width, device=device)
            rows = (rows[..., None, None] * height + down).expand(*rows.shape, height, width)
            columns = (columns[..., None, None] * width + across).expand(
                *columns.shape, height, width
            )
        parts = [rows.reshape(-1), columns.reshape(-1)]
        if batch:
            each = rows.numel() // max(math.prod(self.size[:batch]), 1)
            numbers = fl.arange(math.prod(self.size[:batch]), device=rows.device)
            numbers = numbers.repeat_interleave(each)
            for size in reversed(self.size[:batch]):
                parts.insert(0, numbers % max(size, 1))
                numbers = numbers // max(size, 1)
        return fl.stack(parts)


def expand_compressed(compressed, nnz):
    """The row of each entry, from where the rows begin: (*batch, nnz), int64."""
    if compressed.is_meta:
        return fl.empty((*compressed.shape[:-1], nnz), dtype=_core.int64, device=compressed.device)
    return _core.sparse.expand(compressed, nnz)


def frame_of(input):
    layout, compressed, indices, _, dense_dim, coalesced = _core._sparse_parts(input)
    return Frame(layout, compressed, indices, input.shape, dense_dim, coalesced)


def split(input):
    """(frame, values): values have no history."""
    layout, compressed, indices, values, dense_dim, coalesced = _core._sparse_parts(input)
    return Frame(layout, compressed, indices, input.shape, dense_dim, coalesced), values


def number_of(input):
    """The number of the layout, 0 of a strided tensor."""
    return NUMBERS[_core._layout_of(input)]


def layout_name(input):
    return _core._layout_of(input).name


def entries(input):
    """The values, part of the graph of the sparse tensor."""
    if input.requires_grad and _core.is_grad_enabled():
        return _entries(input)
    return _core._sparse_parts(input)[3]


def frame_and_entries(input):
    """(frame, values): values are part of the graph."""
    frame, values = split(input)
    if input.requires_grad and _core.is_grad_enabled():
        values = _entries(input)
    return frame, values


@primitive(method=False, function=False)
def _entries(ctx, input):
    frame, values = split(input)
    ctx.frame = frame
    return values


@_entries.derivative
def _(ctx, grad_output):
    frame = ctx.frame
    if frame.layout != COO or frame.coalesced or frame.sparse_dim == 0:
        return frame.assemble(grad_output)
    # Of an index that stands twice each entry has the whole derivative: one is kept, their mean.
    order, starts = _core.sparse.order(flat_index(frame.indices, frame.sparse_size))
    counts = starts[1:] - starts[:-1]
    group = fl.arange(len(counts), device=order.device).repeat_interleave(counts)
    group = fl.empty_like(group).index_copy(0, order, group)
    sums = grad_output.new_zeros((len(counts), *grad_output.shape[1:]))
    counts = counts.to(grad_output.dtype).reshape(-1, *(1,) * frame.dense_dim)
    mean = sums.index_add(0, group, grad_output) / counts
    first = frame.indices.index_select(1, order.index_select(0, starts[:-1]))
    return frame.renewed(first, coalesced=True).assemble(mean)


@primitive(name="_assemble", method=False, function=False)
def assembled(ctx, values, frame):
    """The sparse tensor of these values; its derivative, which looks places up, is in places.py."""
    ctx.frame, ctx.shape = frame, values.shape
    return frame.make(values)


for _operator in (_entries, assembled):
    _operator.sparse = True


def same_places(a, b):
    """Whether two frames surely have the same entries in the same order."""
    return (
        a.layout == b.layout
        and a.size == b.size
        and same_memory(a.indices, b.indices)
        and (a.compressed is None or same_memory(a.compressed, b.compressed))
    )


def same_memory(a, b):
    return (
        a.shape == b.shape
        and a.dtype is b.dtype
        and a.data_ptr() == b.data_ptr()
        and a.stride() == b.stride()
    )


def flat_index(places, size):
    """One number for each index: its place in a contiguous tensor of these sizes."""
    if len(size) == 1:
        return places[0]
    flat = places[0]
    for row, extent in zip(places[1:], size[1:], strict=True) if len(size) else ():
        flat = flat * extent + row
    return flat
