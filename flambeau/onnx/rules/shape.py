"""Views and rearrangements."""

import flambeau

from ..builder import Value
from . import rule
from .pointwise import promoted
from .reduction import dims_of

_END = 2**63 - 1  # as the end of a slice: up to the last


def flat_sizes(sizes):
    """Sizes given one by one or as one sequence."""
    if len(sizes) == 1 and isinstance(sizes[0], (tuple, list)):
        return list(sizes[0])
    return list(sizes)


@rule("reshape", "view")
def _(g, input, *sizes, shape=None, size=None):
    sizes = flat_sizes(sizes) or list(shape or size or ())
    if len(sizes) == 1 and isinstance(sizes[0], flambeau.dtype):
        raise NotImplementedError("onnx.export: view as another dtype.")
    return g.reshape(input, sizes)


@rule("view_as", "reshape_as")
def _(g, input, other):
    return g.op("Reshape", input, g.shape(other), allowzero=1)


@rule("flatten", "ravel")
def _(g, input, start_dim=0, end_dim=-1):
    if input.ndim == 0:
        return g.reshape(input, [1])
    start, end = start_dim % input.ndim, end_dim % input.ndim
    dims = range(start, end + 1)
    if any(d in input.dynamic for d in dims):
        middle = [-1]
    else:
        size = 1
        for d in dims:
            size *= input.shape[d]
        middle = [size]
    return g.reshape(input, [g.size(input, d) for d in range(start)] + middle
                     + [g.size(input, d) for d in range(end + 1, input.ndim)])  # fmt: skip


@rule("unflatten")
def _(g, input, dim, sizes):
    dim %= input.ndim
    before = [g.size(input, d) for d in range(dim)]
    return g.reshape(
        input, [*before, *sizes, *(g.size(input, d) for d in range(dim + 1, input.ndim))]
    )


@rule("squeeze")
def _(g, input, dim=None):
    if dim is None:
        dims = [d for d, n in enumerate(input.shape) if n == 1 and d not in input.dynamic]
    else:
        dims = [d for d in dims_of(dim, input.ndim) or [] if input.ndim and input.shape[d] == 1]
    return g.squeeze(input, *dims) if dims else g.op("Identity", input)


@rule("unsqueeze")
def _(g, input, dim):
    return g.unsqueeze(input, dim)


@rule("transpose", "swapaxes", "swapdims")
def _(g, input, dim0, dim1):
    order = list(range(input.ndim))
    if order:
        order[dim0], order[dim1] = order[dim1], order[dim0]
    return g.permute(input, order)


@rule("t", "mT.__get__", "mH.__get__", "adjoint")
def last_two_swapped(g, input):
    order = list(range(input.ndim))
    if len(order) > 1:
        order[-2:] = order[-1], order[-2]
    return g.permute(input, order)


@rule("T.__get__", "H.__get__")
def _(g, input):
    return g.permute(input, range(input.ndim)[::-1])


@rule("permute")
def _(g, input, *dims):
    return g.permute(input, [d % input.ndim for d in flat_sizes(dims)])


@rule("movedim", "moveaxis")
def _(g, input, source, destination):
    source, destination = dims_of(source, input.ndim), dims_of(destination, input.ndim)
    order = [None] * input.ndim
    for s, d in zip(source, destination):
        order[d] = s
    rest = iter(d for d in range(input.ndim) if d not in source)
    return g.permute(input, [next(rest) if d is None else d for d in order])


@rule("expand", "broadcast_to")
def _(g, input, *sizes):
    sizes = [1 if isinstance(n, int) and n == -1 else n for n in flat_sizes(sizes)]
    return g.op("Expand", input, g.ints(sizes))


@rule("expand_as")
def _(g, input, other):
    return g.op("Expand", input, g.shape(other))


@rule("repeat", "tile")
def _(g, input, *sizes):
    sizes = flat_sizes(sizes)
    if len(sizes) > input.ndim:
        input = g.reshape(
            input, [1] * (len(sizes) - input.ndim) + [g.size(input, d) for d in range(input.ndim)]
        )
    elif len(sizes) < input.ndim:
        sizes = [1] * (input.ndim - len(sizes)) + sizes
    return g.op("Tile", input, g.ints(sizes))


@rule("repeat_interleave")
def _(g, input, repeats, dim=None, output_size=None):
    if isinstance(repeats, Value):
        raise NotImplementedError("onnx.export: repeat_interleave with a tensor of repeats.")
    if dim is None:
        flat = g.op("Reshape", input, g.axes(-1, 1))
        return g.op("Reshape", g.op("Tile", flat, g.axes(1, repeats)), g.axes(-1))
    dim %= input.ndim
    wide = g.unsqueeze(input, dim + 1)
    wide = g.op(
        "Tile", wide, g.axes(*(repeats if d == dim + 1 else 1 for d in range(input.ndim + 1)))
    )
    sizes = [g.size(input, d) for d in range(input.ndim)]
    sizes[dim] = -1 if dim in input.dynamic else sizes[dim] * repeats
    return g.reshape(wide, sizes)


# ------------------------------------------------------------------------------------ join and part


@rule("cat", "concat", "concatenate")
def _(g, tensors, dim=0):
    tensors = [t for t in tensors if t.shape != (0,)] or tensors[:1]
    return g.op("Concat", *promoted(g, *tensors), axis=dim)


@rule("stack")
def _(g, tensors, dim=0):
    dim %= len(g.out.shape)
    return g.op("Concat", *(g.unsqueeze(t, dim) for t in promoted(g, *tensors)), axis=dim)


@rule("hstack")
def _(g, tensors):
    return g.op("Concat", *promoted(g, *tensors), axis=0 if tensors[0].ndim == 1 else 1)


@rule("vstack", "row_stack")
def _(g, tensors):
    tensors = [g.unsqueeze(t, 0) if t.ndim == 1 else t for t in tensors]
    return g.op("Concat", *promoted(g, *tensors), axis=0)


def _parts(g, input, sizes, dim):
    if len(sizes) == 1:
        return (g.op("Identity", input),)
    return tuple(g.op("Split", input, g.ints(sizes), axis=dim, outputs=len(sizes)))


@rule("split", "split_with_sizes")
def _(g, tensor, split_size_or_sections, dim=0):
    sizes = split_size_or_sections
    if isinstance(sizes, (tuple, list)):
        return _parts(g, tensor, list(sizes), dim)
    if isinstance(sizes, int) and dim % tensor.ndim not in tensor.dynamic:
        whole = tensor.shape[dim]
        return _parts(
            g, tensor, [min(sizes, whole - at) for at in range(0, whole, sizes)] or [0], dim
        )
    raise NotImplementedError(
        "onnx.export: split of a dynamic dim by a number of elements; how many parts there are would depend on the "
        "input. Give the sizes, or use chunk()."
    )


@rule("chunk")
def _(g, input, chunks, dim=0):
    dim %= input.ndim
    if dim not in input.dynamic:
        return _parts(g, input, [part.shape[dim] for part in g.out], dim)
    whole = g.size(input, dim)
    each = g.op("Div", g.op("Add", whole, chunks - 1), chunks)
    last = g.op("Sub", whole, g.op("Mul", each, chunks - 1))
    return _parts(g, input, [each] * (chunks - 1) + [last], dim)


@rule("tensor_split")
def _(g, input, indices_or_sections, dim=0):
    g.static(input, dim, "tensor_split")
    return _parts(g, input, [part.shape[dim] for part in g.out], dim)


@rule("unbind")
def _(g, input, dim=0):
    size = g.static(input, dim, "unbind")
    parts = _parts(g, input, [1] * size, dim)
    return tuple(g.squeeze(part, dim) for part in parts)


@rule("narrow")
def _(g, input, dim, start, length):
    stop = (
        g.op("Add", g.ints([start]), g.ints([length]))
        if _any_value(start, length)
        else start + length
    )
    return g.slice(input, dim, start, stop)


def _any_value(*values):
    return any(isinstance(v, Value) for v in values)


@rule("select")
def select(g, input, dim, index):
    if isinstance(index, int):
        return g.op("Gather", input, g.constant(index, flambeau.int64), axis=dim)
    return g.squeeze(g.op("Gather", input, g.ints([index]), axis=dim), dim)


@rule("flip")
def _(g, input, *dims):
    dims = [d % input.ndim for d in flat_sizes(dims)]
    return g.op("Slice", input, g.axes(*[-1] * len(dims)), g.axes(*[-_END] * len(dims)), g.axes(*dims),
                g.axes(*[-1] * len(dims)))  # fmt: skip


@rule("fliplr")
def _(g, input):
    return g.slice(input, 1, -1, -_END, -1)


@rule("flipud")
def _(g, input):
    return g.slice(input, 0, -1, -_END, -1)


@rule("roll")
def _(g, input, shifts, dims=None):
    if dims is None:
        flat = g.op("Reshape", input, g.axes(-1))
        return g.op("Reshape", _rolled(g, flat, 0, shifts), g.shape(input))
    shifts = shifts if isinstance(shifts, (tuple, list)) else [shifts]
    for dim, shift in zip(dims_of(dims, input.ndim), shifts):
        input = _rolled(g, input, dim, shift)
    return input


def _rolled(g, value, dim, shift):
    if not isinstance(shift, int):
        shift = g.op("Neg", shift)
        return g.op(
            "Concat", g.slice(value, dim, shift, _END), g.slice(value, dim, 0, shift), axis=dim
        )
    return (
        g.op("Concat", g.slice(value, dim, -shift, _END), g.slice(value, dim, 0, -shift), axis=dim)
        if shift
        else value
    )


def _triangle(upper):
    def triangle(g, input, diagonal=0):
        whole = input
        if input.dtype == flambeau.bool:
            whole = g.cast(input, flambeau.int32)
        return g.cast(g.op("Trilu", whole, g.ints([diagonal]) if isinstance(diagonal, Value)
                           else g.constant(diagonal, flambeau.int64), upper=int(upper)), input.dtype)  # fmt: skip

    return triangle


rule("triu")(_triangle(True))
rule("tril")(_triangle(False))


@rule("meshgrid")
def _(g, *tensors, indexing="ij"):
    if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)):
        tensors = tuple(tensors[0])
    order = list(range(len(tensors)))
    if indexing == "xy" and len(order) > 1:
        order[:2] = 1, 0
    sizes = [g.shape(tensors[i]) for i in order]
    shape = g.op("Concat", *sizes, axis=0)
    results = []
    for i, tensor in enumerate(tensors):
        place = order.index(i)
        wide = [d for d in range(len(tensors)) if d != place]
        results.append(g.op("Expand", g.unsqueeze(tensor, *wide), shape))
    return tuple(results)


# -------------------------------------------------------------------------------------- pixels


@rule("pixel_shuffle")
def _(g, input, upscale_factor):
    return g.op("DepthToSpace", input, blocksize=upscale_factor, mode="CRD")


@rule("pixel_unshuffle")
def _(g, input, downscale_factor):
    r, sizes = downscale_factor, [g.size(input, d) for d in range(4)]
    parts = g.op("Reshape", input, g.ints([
        sizes[0], sizes[1], _divided(g, sizes[2], r), r, _divided(g, sizes[3], r), r]))  # fmt: skip
    parts = g.permute(parts, (0, 1, 3, 5, 2, 4))
    return g.reshape(
        parts, [sizes[0], sizes[1] * r * r, _divided(g, sizes[2], r), _divided(g, sizes[3], r)]
    )


def _divided(g, size, r):
    return size // r if isinstance(size, int) else g.op("Div", size, r)


@rule("channel_shuffle")
def _(g, input, groups):
    sizes = [g.size(input, d) for d in range(input.ndim)]
    parts = g.reshape(input, [sizes[0], groups, sizes[1] // groups, *sizes[2:]])
    return g.op("Reshape", g.permute(parts, (0, 2, 1, *range(3, input.ndim + 1))), g.shape(input))


@rule("pad")
def _(g, input, pad, mode="constant", value=None):
    pads = [g.number(p, "pad") for p in pad]
    kinds = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}
    n = input.ndim
    starts, ends = [0] * n, [0] * n
    for i in range(len(pads) // 2):
        starts[n - 1 - i], ends[n - 1 - i] = pads[2 * i], pads[2 * i + 1]
    if mode == "circular":
        for dim in range(n):
            if starts[dim] or ends[dim]:
                parts = [g.slice(input, dim, -starts[dim], _END)] if starts[dim] > 0 else []
                parts.append(input)
                parts += [g.slice(input, dim, 0, ends[dim])] if ends[dim] > 0 else []
                wide = Value(
                    g.op("Concat", *parts, axis=dim).name, input.dtype, input.shape, input.dynamic
                )
                input = wide
        return input
    whole = g.cast(input, flambeau.int32) if input.dtype == flambeau.bool else input
    fill = g.constant(0 if value is None else value, whole.dtype) if mode == "constant" else None
    return g.cast(g.op("Pad", whole, g.axes(*starts, *ends), fill, mode=kinds[mode]), input.dtype)


@rule("unfold")
def _(g, input, *args, **kwargs):
    if g.called == "Tensor.unfold":
        return _windows(g, input, *args, **kwargs)
    return _columns(g, input, *args, **kwargs)


def _windows(g, input, dimension, size, step):
    dim = dimension % input.ndim
    count = (g.static(input, dim, "unfold") - size) // step + 1
    places = [[start * step + i for i in range(size)] for start in range(count)]
    gathered = g.op("Gather", input, g.constant(places, flambeau.int64), axis=dim)
    order = [d for d in range(input.ndim + 1) if d != dim + 1] + [dim + 1]
    return g.permute(gathered, order)


def _columns(g, input, kernel_size, dilation=1, padding=0, stride=1):
    from .convolution import spatial

    (kh, kw), (dh, dw), (ph, pw), (sh, sw) = (
        spatial(v, 2) for v in (kernel_size, dilation, padding, stride)
    )
    h, w = (g.static(input, d, "unfold") for d in (2, 3))
    rows = [
        [y * sh + i * dh for y in range((h + 2 * ph - dh * (kh - 1) - 1) // sh + 1)]
        for i in range(kh)
    ]
    columns = [
        [x * sw + j * dw for x in range((w + 2 * pw - dw * (kw - 1) - 1) // sw + 1)]
        for j in range(kw)
    ]
    padded = g.op("Pad", input, g.axes(0, 0, ph, pw, 0, 0, ph, pw)) if ph or pw else input
    taken = g.op("Gather", padded, g.constant(rows, flambeau.int64), axis=2)  # (N, C, kh, oh, W)
    taken = g.op(
        "Gather", taken, g.constant(columns, flambeau.int64), axis=4
    )  # (N, C, kh, oh, kw, ow)
    taken = g.permute(taken, (0, 1, 2, 4, 3, 5))
    return g.reshape(
        taken, [g.size(input, 0), input.shape[1] * kh * kw, len(rows[0]) * len(columns[0])]
    )


@rule("diagonal")
def _(g, input, offset=0, dim1=0, dim2=1):
    dim1, dim2 = dim1 % input.ndim, dim2 % input.ndim
    n = min(
        g.static(input, dim1, "diagonal") + min(offset, 0),
        g.static(input, dim2, "diagonal") - max(offset, 0),
    )
    rest = [d for d in range(input.ndim) if d not in (dim1, dim2)]
    value = g.permute(input, [dim1, dim2, *rest])
    places = [[i - min(offset, 0), i + max(offset, 0)] for i in range(n)]
    value = g.op("GatherND", value, g.constant(places, flambeau.int64))
    return g.permute(value, [*range(1, len(rest) + 1), 0])
