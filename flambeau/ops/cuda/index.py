"""Reading and writing by index on GPUs."""

from ... import _core
from ..core import operators as fl
from .launch import launch, made_like, on_meta, report
from .order import running_count, sorted_by
from .rules import rule

_raw = _core.indexing


def take(name, out, source, strides, indices):
    """out[...] = source[...]: `strides` of the source along out's dims, indices as (tensor, size, stride).

    Each index broadcasts to out; bytes go as they are, whatever the dtype.
    """
    n, size = out.numel(), out.element_size()
    if n == 0:
        return out
    indices = [(i.long().expand(out.shape), limit, step) for i, limit, step in indices]
    dims = []
    for d in reversed(range(out.dim())):
        if out.shape[d] > 1:
            line = [out.shape[d], out.stride(d) * size, strides[d] * size]
            dims += [*line, *(i.stride(d) * 8 for i, _, _ in indices)]
    width = 3 + len(indices)
    if not dims:
        dims = [1] + [0] * (width - 1)
    ndim = len(dims) // width
    facts = [v for _, limit, step in indices for v in (limit, step * size)]
    device = out.device.index

    def write():
        from ...kernels.gpu import index

        return index.write_take(size, ndim, len(indices))

    pointers = [out, source, *(i for i, _, _ in indices)]
    arguments = [n, pointers, dims, facts, list(report(out, name))]
    launch(name, ("take", size, ndim, len(indices)), write, device, n, arguments)
    return out


@rule("gather")
def gather(input, dim, index):
    out = made_like(on_meta(_raw.gather, input, dim, index), input.device)
    if input.dim() == 0:
        return out.copy_(input.expand(out.shape))
    dim %= input.dim()
    strides = [0 if d == dim else s for d, s in enumerate(input.stride())]
    return take("gather", out, input, strides, [(index, input.shape[dim], input.stride(dim))])


@rule("index_select")
def index_select(input, dim, index):
    out = made_like(on_meta(_raw.index_select, input, dim, index), input.device)
    if input.dim() == 0:
        return out.copy_(input)
    dim %= input.dim()
    strides = [0 if d == dim else s for d, s in enumerate(input.stride())]
    shape = [-1 if d == dim else 1 for d in range(input.dim())]
    along = [(index.reshape(shape), input.shape[dim], input.stride(dim))]
    return take("index_select", out, input, strides, along)


@rule("embedding")
def embedding(weight, index):
    out = made_like(on_meta(_raw.embedding, weight, index), weight.device)
    strides = [0] * index.dim() + [weight.stride(1)]
    rows = [(index.unsqueeze(-1), weight.shape[0], weight.stride(0))]
    return take("embedding", out, weight, strides, rows)


@rule("take")
def take_flat(input, index):
    out = made_like(on_meta(_raw.take, input, index), input.device)
    return take("take", out, input.contiguous(), [0] * out.dim(), [(index, input.numel(), 1)])


def _positions(indices, device):
    """Indices as int64 or None, masks as the places where they are true; on the device."""
    found = []
    for index in indices:
        if index is None:
            found.append(None)
            continue
        index = index.to(device)
        if index.dtype in (_core.bool, _core.uint8):
            found += index.nonzero().unbind(1) if index.dim() else [index.nonzero()[:, 0] * 0]
        else:
            found.append(index.long())
    return found


class _Selected:
    """Which dims of a tensor are indexed, and where those of the indices stand in the result."""

    def __init__(self, input, indices):
        indices = [*indices, *[None] * (input.dim() - len(indices))]
        self.dims = [d for d, i in enumerate(indices) if i is not None]
        self.indices = [indices[d] for d in self.dims]
        self.shape = fl.broadcast_tensors(*self.indices)[0].shape if self.dims else ()
        adjacent = self.dims == list(range(self.dims[0], self.dims[-1] + 1)) if self.dims else True
        self.place = self.dims[0] if self.dims and adjacent else 0
        self.rest = [d for d in range(input.dim()) if d not in self.dims]
        before = [d for d in self.rest if d < self.place] if adjacent else []
        after = self.rest[len(before) :]
        self.before, self.after = before, after
        sizes = lambda dims: tuple(input.shape[d] for d in dims)
        self.sizes = (*sizes(before), *self.shape, *sizes(after))

    def aligned(self, index):
        """An index as it broadcasts to the result."""
        return index.reshape(index.shape + (1,) * len(self.after))


@rule("index")
def index(input, indices):
    if any(i is not None and i.dtype in (_core.bool, _core.uint8) for i in indices):
        mask = next(i for i in indices if i is not None)
        alone = len([i for i in indices if i is not None]) == 1
        if not (alone and mask.dim() <= input.dim()):
            on_meta(_raw.index, input, indices)
        _check_mask(input, indices)
        indices = _positions(indices, input.device)
    else:
        indices = [None if i is None else i.to(input.device) for i in indices]
    found = made_like(on_meta(_raw.index, input, indices), input.device)
    if not any(i is not None for i in indices):
        return found.copy_(input)
    selected = _Selected(input, [None if i is None else i.long() for i in indices])
    strides = [input.stride(d) for d in selected.before]
    strides += [0] * len(selected.shape) + [input.stride(d) for d in selected.after]
    along = [
        (selected.aligned(i), input.shape[d], input.stride(d))
        for d, i in zip(selected.dims, selected.indices, strict=True)
    ]
    return take("index", found, input, strides, along)


def _check_mask(input, indices):
    at = 0
    for index in indices:
        if index is None or index.dtype not in (_core.bool, _core.uint8):
            at += 1
            continue
        if index.shape != input.shape[at : at + index.dim()]:
            raise IndexError(
                f"index: the mask {tuple(index.shape)} does not fit the dims of {tuple(input.shape)} from {at} on."
            )
        at += index.dim()


# -- masks


@rule("nonzero")
def nonzero(input):
    flat = (input != 0).reshape(-1)
    places = true_places(flat)
    found = _core.empty(input.dim(), places.numel(), dtype=_core.int64, device=input.device)
    for d in reversed(range(input.dim())):
        found[d].copy_(places % max(input.shape[d], 1))
        places = places // max(input.shape[d], 1)
    return found.t()


def true_places(flat):
    """Where a flat mask is true, in order; waits for their number."""
    if flat.numel() == 0:
        return _core.empty(0, dtype=_core.int64, device=flat.device)
    counts = running_count(flat)
    total = counts[-1].item()
    out = _core.empty(total, dtype=_core.int64, device=flat.device)

    def write():
        from ...kernels.gpu import index

        return index.write_compact()

    n = flat.numel()
    launch("nonzero", ("compact",), write, flat.device.index, n if total else 0, [n, [out, counts]])
    return out


@rule("masked_select")
def masked_select(input, mask):
    input, mask = fl.broadcast_tensors(input, mask)
    places = true_places(mask.reshape(-1))
    out = _core.empty(places.numel(), dtype=input.dtype, device=input.device)
    return take("masked_select", out, input.contiguous(), [0], [(places, input.numel(), 1)])


# -- writing

_COMBINES = ("assign", "add", "multiply", "maximum", "minimum")


def write_rows(name, target, keys, source, combine, include):
    """Rows of `source` (n, w) into those of `target` (s, w) that `keys` (n) tell, in the order of the source."""
    n, width = source.shape
    if n == 0 or width == 0:
        return
    device = target.device.index
    keys = wrapped(name, keys, target.shape[0])
    ordered, order = sorted_by(keys)
    dtype = target.dtype
    word = dtype.name
    combine = _COMBINES[combine]
    if combine == "assign":
        # Bytes go as they are.
        word = {1: "uint8", 2: "int16", 4: "int32", 8: "int64", 16: "complex128"}[
            target.element_size()
        ]

    def write():
        from ...kernels.gpu import index

        return index.write_segments(word, combine, include)

    key = ("segments", word, combine, include)
    launch(name, key, write, device, n * width, [[n, width], [target, source, order, ordered]])


def wrapped(name, index, size):
    """int64 indices counted from the beginning; those out of range are reported."""
    index = index.reshape(-1).contiguous()
    out = _core.empty_like(index)

    def write():
        from ...kernels.gpu import index as kernels

        return kernels.write_check()

    n = index.numel()
    arguments = [n, [out, index], [size], list(report(index, name))]
    launch(name, ("check",), write, index.device.index, n, arguments)
    return out


def _in_front(tensor, dims):
    """(rows over `dims`, the others) as a contiguous matrix, and the view it is a copy of."""
    rest = [d for d in range(tensor.dim()) if d not in dims]
    moved = tensor.permute(*dims, *rest) if tensor.dim() else tensor
    rows = 1
    for d in dims:
        rows *= tensor.shape[d]
    return moved, moved.contiguous().reshape(rows, -1) if tensor.numel() else None


def _finish(moved, matrix):
    if matrix.data_ptr() != moved.data_ptr() or not moved.is_contiguous():
        moved.copy_(matrix.view(moved.shape))


@rule("index_add_", "index_copy_", "index_fill_", "index_reduce_")
def index_write_(self, dim, index, source, combine, include_self):
    on_meta(_raw.index_add_, self, dim, index, source, combine, include_self)
    if index.numel() == 0 or self.numel() == 0:
        return self
    if self.dim() == 0:
        return write_all(self, source, combine, include_self)
    dim %= self.dim()
    moved, matrix = _in_front(self, [dim])
    rows = source.reshape(self.shape[:dim] + (index.numel(),) + self.shape[dim + 1 :])
    rows = rows.movedim(dim, 0).contiguous().reshape(index.numel(), -1)
    write_rows("index_add", matrix, index.long(), rows, combine, include_self)
    _finish(moved, matrix)
    return self


def write_all(self, source, combine, include_self):
    """Into a tensor of no dims, whose only index is 0."""
    matrix = self.reshape(1, 1).clone()
    keys = _core.zeros(source.numel(), dtype=_core.int64, device=self.device)
    write_rows("index_add", matrix, keys, source.reshape(-1, 1).contiguous(), combine, include_self)
    return self.copy_(matrix.reshape(()))


@rule("scatter_", "scatter_add_", "scatter_reduce_")
def scatter_(self, dim, index, src, combine, include_self):
    on_meta(_raw.scatter_, self, dim, index, src, combine, include_self)
    if index.numel() == 0:
        return self
    if self.dim() == 0:
        return write_all(self, src.reshape(-1)[: index.numel()], combine, include_self)
    dim %= self.dim()
    matrix = self.contiguous().reshape(-1, 1)
    if matrix.data_ptr() == self.data_ptr() and not self.is_contiguous():
        matrix = matrix.clone()
    at = wrapped("scatter", index.long(), self.shape[dim]).reshape(index.shape)
    keys = _core.zeros(index.shape, dtype=_core.int64, device=self.device)
    step = 1
    for d in reversed(range(self.dim())):
        along = (
            at
            if d == dim
            else fl.arange(index.shape[d], device=self.device).reshape(
                [-1 if k == d else 1 for k in range(self.dim())]
            )
        )
        keys = keys + along * step
        step *= self.shape[d]
    values = src[tuple(slice(0, s) for s in index.shape)].contiguous().reshape(-1, 1)
    write_rows("scatter", matrix, keys.reshape(-1), values, combine, include_self)
    if matrix.data_ptr() != self.data_ptr():
        self.copy_(matrix.view(self.shape))
    return self


@rule("index_put_")
def index_put_(self, indices, values, accumulate):
    _check_mask(self, indices)
    indices = _positions(indices, self.device)
    values = values.to(self.device)
    on_meta(_raw.index_put_, self, indices, values, accumulate)
    if not any(i is not None for i in indices):
        view = self.add_(values) if accumulate else self.copy_(values)
        return view
    selected = _Selected(self, indices)
    count = 1
    for size in selected.sizes:
        count *= size
    if count == 0:
        return self
    keys, step = None, 1
    for d, i in reversed(list(zip(selected.dims, selected.indices, strict=True))):
        at = wrapped("index_put_", i, self.shape[d]).reshape(i.shape)
        keys = at * step if keys is None else keys + at * step
        step *= self.shape[d]
    keys = keys.expand(selected.shape).reshape(-1)
    extra = max(0, values.dim() - len(selected.sizes))
    values = values.reshape(values.shape[extra:]).expand(selected.sizes)
    n_before, n_index = len(selected.before), len(selected.shape)
    order = [
        *range(n_before, n_before + n_index),
        *range(n_before),
        *range(n_before + n_index, values.dim()),
    ]
    rows = (values.permute(order) if order else values).contiguous().reshape(keys.numel(), -1)
    moved, matrix = _in_front(self, selected.dims)
    write_rows("index_put_", matrix, keys, rows, 1 if accumulate else 0, True)
    _finish(moved, matrix)
    return self


@rule("put_")
def put_(self, index, source, accumulate):
    on_meta(_raw.put_, self, index, source, accumulate)
    if index.numel() == 0:
        return self
    matrix = self.contiguous().reshape(-1, 1)
    rows = source.contiguous().reshape(-1, 1)
    write_rows("put_", matrix, index.long().reshape(-1), rows, 1 if accumulate else 0, True)
    if matrix.data_ptr() != self.data_ptr():
        self.copy_(matrix.view(self.shape))
    return self


@rule("index_add", "index_copy")
def index_write(self, dim, index, source, combine):
    return index_write_(
        self.clone(memory_format=fl.contiguous_format), dim, index, source, combine, True
    )


@rule("scatter", "scatter_add")
def scatter(self, dim, index, src, combine):
    return scatter_(self.clone(memory_format=fl.contiguous_format), dim, index, src, combine, True)


@rule("masked_scatter_")
def masked_scatter_(self, mask, source):
    on_meta(_raw.masked_scatter_, self, mask, source)
    places = true_places(mask.expand(self.shape).reshape(-1))
    if places.numel() > source.numel():
        raise RuntimeError(
            f"masked_scatter_: the mask selects {places.numel()} elements, but source has only {source.numel()}."
        )
    if places.numel():
        flat = source.contiguous().reshape(-1)[: places.numel()]
        put_(self, places, flat, False)
    return self


@rule("flip")
def flip(input, dims):
    out = made_like(on_meta(_raw.flip, input, dims), input.device)
    if input.numel() == 0 or input.dim() == 0:
        return out.copy_(input)
    flipped = {d % input.dim() for d in dims}
    strides = [-s if d in flipped else s for d, s in enumerate(input.stride())]
    start = input
    for d in flipped:
        start = start.narrow(d, input.shape[d] - 1, 1)
    return take("flip", out, start, strides, [])


@rule("roll")
def roll(input, shifts, dims):
    out = made_like(on_meta(_raw.roll, input, shifts, dims), input.device)
    if input.numel() == 0:
        return out
    for shift, dim in zip(shifts, dims, strict=True):
        n = input.shape[dim]
        shift %= n
        input = fl.cat([input.narrow(dim, n - shift, shift), input.narrow(dim, 0, n - shift)], dim)
    return out.copy_(input)
