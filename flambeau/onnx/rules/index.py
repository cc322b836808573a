"""Reading and writing by index."""

import flambeau

from ..builder import Value
from . import rule
from .shape import _END, select


@rule("embedding")
def _(
    g, input, weight, padding_idx=None, max_norm=None, norm_type=2.0, scale_grad_by_freq=False,
    sparse=False,
):  # fmt: skip
    if max_norm is not None:
        raise NotImplementedError("onnx.export: embedding with max_norm.")
    return g.op("Gather", weight, input, axis=0)


@rule("index_select")
def _(g, input, dim, index):
    return g.op("Gather", input, index, axis=dim)


@rule("gather", "take_along_dim")
def _(g, input, dim, index=None, sparse_grad=False):
    if isinstance(dim, Value):
        dim, index = index, dim
    return g.op("GatherElements", input, index, axis=dim)


def _scatter(reduction):
    def scatter(g, input, dim, index, src, reduce=None):
        kind = {
            "sum": "add",
            "add": "add",
            "prod": "mul",
            "multiply": "mul",
            "amax": "max",
            "amin": "min",
            None: reduction,
        }[reduce]
        if not isinstance(src, Value):
            src = g.op("Expand", g.constant(src, input.dtype), g.shape(index))
        else:
            src = _cut(g, src, index)
        return g.op("ScatterElements", input, index, src, axis=dim, reduction=kind)

    return scatter


def _cut(g, src, index):
    """The part of src that index reads: where it is larger, the front."""
    if src.shape == index.shape:
        return src
    dims = list(range(src.ndim))
    return g.op("Slice", src, g.axes(*[0] * src.ndim), g.shape(index), g.axes(*dims))


rule("scatter")(_scatter(None))
rule("scatter_add")(_scatter("add"))


@rule("index_add")
def _(g, input, dim, index, source, alpha=1):
    dim %= input.ndim
    order = [dim, *(d for d in range(input.ndim) if d != dim)]
    back = [order.index(d) for d in range(input.ndim)]
    source = source if alpha == 1 else g.op("Mul", source, alpha)
    result = g.op(
        "ScatterND",
        g.permute(input, order),
        g.unsqueeze(index, -1),
        g.permute(source, order),
        reduction="add",
    )
    return g.permute(result, back)


@rule("masked_select")
def _(g, input, mask):
    shape = g.shape(input)
    mask = g.op("Expand", mask, shape)
    places = g.permute(g.op("NonZero", mask, dtype=flambeau.int64), (1, 0))
    return g.op("GatherND", input, places)


@rule("take")
def _(g, input, index):
    return g.op("Gather", g.op("Reshape", input, g.axes(-1)), index, axis=0)


@rule("one_hot")
def _(g, tensor, num_classes=-1):
    if num_classes == -1:
        raise NotImplementedError(
            "onnx.export: one_hot without num_classes, which would depend on the values."
        )
    return g.op(
        "OneHot",
        tensor,
        g.ints([num_classes]),
        g.constant([0, 1], flambeau.int64),
        axis=-1,
        dtype=flambeau.int64,
    )


# ------------------------------------------------------------------------------------ x[index]


def _expanded(index, ndim):
    """An index as a list, with ... written out."""
    index = list(index) if isinstance(index, tuple) else [index]
    taken = sum(1 if not isinstance(i, Value) or i.dtype != flambeau.bool else i.ndim
                for i in index if i is not None and i is not ...)  # fmt: skip
    if ... not in [i for i in index if not isinstance(i, Value)]:
        index.append(...)
    place = next(k for k, i in enumerate(index) if i is ...)
    return index[:place] + [slice(None)] * (ndim - taken) + index[place + 1 :]


def _as_tensor(g, item):
    if isinstance(item, (list, tuple, flambeau.Tensor)):
        item = g.constant(flambeau.as_tensor(item))
    return item


@rule("__getitem__")
def getitem(g, input, index):
    """Slices and numbers first, then the tensors together."""
    items = [
        i if i is None or i is ... or isinstance(i, (int, slice, Value)) and not isinstance(i, bool)
        else _as_tensor(g, i)
        for i in (index if isinstance(index, tuple) else (index,))
    ]  # fmt: skip
    items = _expanded(tuple(items), input.ndim)
    value, tensors, dim = input, {}, 0
    slices = []
    kept = []  # what stands in each dim of the value after slicing: "dim", "int", "new"
    for item in items:
        if item is None:
            kept.append(("new", None))
            continue
        if isinstance(item, slice):
            if item != slice(None):
                slices.append((dim, item))
            kept.append(("dim", None))
        elif isinstance(item, Value) and item.shape is not None and item.dtype == flambeau.bool:
            if item.ndim != 1:
                if len([i for i in items if i is not None and i != slice(None)]) == 1 and dim == 0:
                    return _masked(g, input, item)
                raise NotImplementedError(
                    "onnx.export: a mask of several dims together with other indices."
                )
            places = g.squeeze(g.op("NonZero", item, dtype=flambeau.int64), 0)
            places.shape, places.dynamic = (item.shape[0],), frozenset({0})
            kept.append(("tensor", places))
        elif isinstance(item, Value) and item.shape is not None:
            kept.append(("tensor", item))
        else:
            kept.append(("int", item))
        dim += 1
    for at, item in slices:
        value = _sliced(g, value, at, item)
    # Numbers take their dim away, from the last on, so that the others keep their places.
    dim, order = 0, []
    for kind, item in kept:
        if kind != "new":
            order.append((kind, item, dim))
            dim += 1
    for kind, item, at in reversed(order):
        if kind == "int":
            value = select(g, value, at, item)
    left = [(kind, item) for kind, item in kept if kind != "int"]
    new = [place for place, (kind, _) in enumerate(left) if kind == "new"]
    tensors = {place: item for place, (kind, item) in enumerate(left) if kind == "tensor"}
    if tensors and new:
        value = g.unsqueeze(value, *new)
        return _gathered(g, value, tensors, len(left))
    if new:
        return g.unsqueeze(value, *new)
    if tensors:
        return _gathered(g, value, tensors, len(left))
    return value if value is not input else g.op("Identity", input)


def _sliced(g, value, dim, item):
    step = 1 if item.step is None else g.number(item.step, "the step of a slice")
    start = 0 if item.start is None else item.start
    stop = _END if item.stop is None else item.stop
    return g.slice(value, dim, start, stop, step)


def _masked(g, input, mask):
    places = g.permute(g.op("NonZero", mask, dtype=flambeau.int64), (1, 0))
    return g.op("GatherND", input, places)


def _gathered(g, value, tensors, ndim):
    """value[..., tensors ...]: one tensor is Gather, several broadcast together are GatherND."""
    places = sorted(tensors)
    if len(places) == 1:
        return g.op("Gather", value, tensors[places[0]], axis=places[0])
    rest = [d for d in range(ndim) if d not in places]
    front = g.permute(value, [*places, *rest])
    together = _stacked(g, [tensors[p] for p in places])
    result = g.op("GatherND", front, together)
    if places != list(range(places[0], places[-1] + 1)):
        return result  # their dims go to the front
    width = max(t.ndim for t in tensors.values())
    before = places[0]
    order = [
        *range(width, width + before),
        *range(width),
        *range(width + before, width + len(rest)),
    ]
    return g.permute(result, order)


def _stacked(g, indices):
    """Index tensors, broadcast together, with their numbers side by side in a last dim."""
    total = indices[0]
    for other in indices[1:]:
        total = g.op("Add", total, other)
    shape = g.op("Shape", total, dtype=flambeau.int64)
    return g.op("Concat", *(g.unsqueeze(g.op("Expand", i, shape), -1) for i in indices), axis=-1)


# --------------------------------------------------------------------------------- x[index] = value


@rule("put")
def put(g, input, index, value):
    """input with input[index] = value."""
    if isinstance(index, Value) and index.dtype == flambeau.bool:
        if isinstance(value, Value) and value.shape != ():
            places = g.permute(g.op("NonZero", index, dtype=flambeau.int64), (1, 0))
            return g.op("ScatterND", input, places, g.cast(value, input.dtype))
        mask = index
        if index.ndim < input.ndim:
            mask = g.unsqueeze(index, *range(index.ndim, input.ndim))
        return g.op("Where", mask, g.cast(value, input.dtype), input, dtype=input.dtype)
    value = g.cast(value, input.dtype)
    if index is ...:
        return g.op("Expand", value, g.shape(input))
    # The numbers of the elements, indexed alike, say where to write.
    numbers = _numbers(g, input)
    places = getitem(g, numbers, index)
    flat = g.op("Reshape", input, g.axes(-1))
    values = g.op("Expand", value, g.op("Shape", places, dtype=flambeau.int64))
    written = g.op(
        "ScatterND",
        flat,
        g.op("Reshape", places, g.axes(-1, 1)),
        g.op("Reshape", values, g.axes(-1)),
    )
    return g.op("Reshape", written, g.shape(input))


def _numbers(g, input):
    if not input.dynamic:
        count = 1
        for n in input.shape:
            count *= n
        made = g.constant(flambeau.arange(count).reshape(input.shape))
        return Value(made.name, flambeau.int64, input.shape)
    shape = g.shape(input)
    count = g.op("ReduceProd", shape, keepdims=0)
    made = g.op("Range", g.constant(0, flambeau.int64), count, g.constant(1, flambeau.int64))
    made = g.op("Reshape", made, shape)
    return Value(made.name, flambeau.int64, input.shape, input.dynamic)


@rule("index_put")
def _(g, input, indices, values, accumulate=False):
    if accumulate:
        raise NotImplementedError("onnx.export: index_put with accumulate=True.")
    return put(g, input, tuple(slice(None) if i is None else i for i in indices), values)


@rule("index_copy")
def _(g, input, dim, index, source):
    return put(g, input, (*[slice(None)] * (dim % input.ndim), index), source)


@rule("index_fill")
def _(g, input, dim, index, value):
    return put(g, input, (*[slice(None)] * (dim % input.ndim), index), value)
