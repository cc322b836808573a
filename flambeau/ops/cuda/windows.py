"""Resampling, adaptive pooling and bags of rows on GPUs."""

import functools

from ... import _core
from ..core import operators as fl
from .launch import launch, made_like, on_meta
from .rules import rule


def _tables(key, make, dtype, device):
    """(begin, first, weights) of windows, on the device."""
    begin, first, weights = make(*key)
    real = _core.float64 if dtype is _core.float64 else _core.float32
    return begin.to(device), first.to(device), weights.to(device, real)


@functools.lru_cache(256)
def _resizing(key, dtype, device):
    return _tables(key, _core._resize_windows, dtype, device)


def sums_over_windows(name, input, dim, size, tables):
    """`input` with each element of a dim the weighted sum over its window."""
    input = input.contiguous()
    sizes = list(input.shape)
    had, sizes[dim] = sizes[dim], size
    out = _core.empty(sizes, dtype=input.dtype, device=input.device)
    inner = 1
    for s in sizes[dim + 1 :]:
        inner *= s
    n, dtype = out.numel(), input.dtype.name

    def write():
        from ...kernels.gpu import windows

        return windows.write_sums(dtype)

    outer = n // max(size * inner, 1)
    arguments = [[outer, size, had, inner], [out, input, *tables]]
    launch(name, ("windows", dtype), write, input.device.index, n, arguments)
    return out


@rule("_resize")
def resize(input, sizes, depth, height, width, kind, corners, back):
    if input.dtype not in (_core.float32, _core.float64):
        if not input.dtype.is_floating_point:
            return NotImplemented
        wide = resize(input.float(), sizes, depth, height, width, kind, corners, back)
        return wide.to(input.dtype)
    result, ratios = input, (depth, height, width)
    for dim, size in enumerate(sizes, input.dim() - len(sizes)):
        ratio, had = ratios[dim - input.dim()], result.shape[dim]
        if ratio >= 0:
            tables = _resizing((kind, had, size, ratio, corners, back), input.dtype, input.device)
            result = sums_over_windows("resize", result, dim, size, tables)
    return result


# -- adaptive pooling


@functools.lru_cache(256)
def _shares(had, size, back, dtype, device):
    """Windows of means: of `had` elements for each of `size`, or what each element gives to them."""

    def make(had, size, back):
        spans = [(j * had // size, -(-(j + 1) * had // size)) for j in range(size)]
        if back:
            # Windows begin and end in order, so those that hold an element lie side by side.
            holders = [[j for j, (b, e) in enumerate(spans) if b <= i < e] for i in range(had)]
            begin = [h[0] for h in holders]
            weights = [[1 / (spans[j][1] - spans[j][0]) for j in h] for h in holders]
        else:
            begin = [b for b, _ in spans]
            weights = [[1 / (e - b)] * (e - b) for b, e in spans]
        first = [0]
        for w in weights:
            first.append(first[-1] + len(w))
        flat = [w for one in weights for w in one]
        return (
            _core.tensor(begin, dtype=_core.int64),
            _core.tensor(first, dtype=_core.int64),
            _core.tensor(flat, dtype=_core.float64),
        )

    return _tables((had, size, back), make, dtype, device)


def adaptive_mean(input, in_sizes, out_sizes, back=False):
    """Means over windows that share a plane evenly; `back`: each gradient spread over its window."""
    spatial = len(in_sizes)
    real = _core.float64 if input.dtype is _core.float64 else _core.float32
    result = input.to(real)
    for d, (had, size) in enumerate(zip(in_sizes, out_sizes, strict=True)):
        tables = _shares(had, size, back, real, input.device)
        dim = input.dim() - spatial + d
        result = sums_over_windows("adaptive_avg_pool", result, dim, had if back else size, tables)
    return result.to(input.dtype)


def _three(values, fill):
    return [fill] * (3 - len(values)) + list(values)


def _steps(in_sizes, out_sizes, kernel, stride, padding, dilation):
    """What the kernels of windows a stride apart are told, beside the number of planes."""
    numbers = (in_sizes, 1), (out_sizes, 1), (kernel, 1), (stride, 1), (padding, 0), (dilation, 1)
    return [n for values, fill in numbers for n in _three(values, fill)]


def _in_a_row(result, dtype):
    """The tensor itself if it is contiguous and of this dtype, else one that is."""
    if result.is_contiguous() and result.dtype is dtype:
        return result
    return _core.empty(result.shape, dtype=dtype, device=result.device)


def maxima(input, values, indices, *window):
    """Fills `values`, and `indices` if given, with the largest elements of windows: in_sizes ... dilation."""
    dtype = input.dtype if input.dtype.is_floating_point else _core.int64
    source, numbers = input.to(dtype).contiguous(), _steps(*window)
    out = _in_a_row(values, dtype)
    dtype, shown = dtype.name, indices is not None

    def write():
        from ...kernels.gpu import windows

        return windows.write_steps(dtype, shown)

    n = out.numel()
    planes = n // (numbers[3] * numbers[4] * numbers[5])
    arguments = [[planes, *numbers], [out, indices if shown else 0, source]]
    key = "maxima_of_steps", dtype, shown
    launch("max_pool", key, write, input.device.index, n, arguments)
    return values if out is values else values.copy_(out)


def maxima_backward(grad_output, indices, result, *window):
    """Fills `result` with the gradients of the elements that were largest."""
    numbers, dtype = _steps(*window), result.dtype.name
    out = _in_a_row(result, result.dtype)

    def write():
        from ...kernels.gpu import windows

        return windows.write_steps_backward(dtype)

    n = out.numel()
    planes = n // (numbers[0] * numbers[1] * numbers[2])
    arguments = [[planes, *numbers], [out, grad_output.contiguous(), indices.contiguous()]]
    key = "maxima_of_steps_backward", dtype
    launch("max_pool_backward", key, write, result.device.index, n, arguments)
    return result if out is result else result.copy_(out)


def adaptive_maxima(input, with_indices, in_sizes, out_sizes):
    none = [None] * 4
    found = on_meta(_core._max_pool, input, with_indices, in_sizes, out_sizes, *none)
    values = made_like(found[0], input.device)
    out = _core.empty(values.shape, dtype=values.dtype, device=input.device)
    indices = (
        _core.empty(values.shape, dtype=_core.int64, device=input.device) if with_indices else None
    )
    dtype, shown = input.dtype.name, bool(with_indices)

    def write():
        from ...kernels.gpu import windows

        return windows.write_maxima(dtype, shown)

    n = out.numel()
    pixels = 1
    for size in out_sizes:
        pixels *= size
    arguments = [
        [n // max(pixels, 1), *_three(in_sizes, 1), *_three(out_sizes, 1)],
        [out, indices if shown else 0, input.contiguous()],
    ]
    launch("adaptive_max_pool", ("maxima", dtype, shown), write, input.device.index, n, arguments)
    return values.copy_(out), indices


# -- bags of rows


@rule("bag_sums")
def bag_sums(weight, index, offsets, mean):
    from .index import wrapped

    device = weight.device
    if offsets is None:
        count, per = index.shape
        begins = fl.arange(count + 1, device=device) * per
    else:
        count = offsets.numel()
        end = _core.full((1,), index.numel(), dtype=_core.int64, device=device)
        begins = _core.cat([offsets.long(), end])
    return sums_of_rows(
        weight, wrapped("embedding_bag", index.long(), weight.shape[0]), begins, mean
    )


def sums_of_rows(table, index, begins, mean=False, factors=None, order=None):
    """The sum of the rows of a table (n, width) that each bag names, in order: (bags, width)."""
    width, count = table.shape[1], begins.numel() - 1
    out = _core.empty(count, width, dtype=table.dtype, device=table.device)
    key = table.dtype.name, mean, factors is not None, order is not None

    def write():
        from ...kernels.gpu import windows

        return windows.write_rows(*key)

    given = [index, begins, factors, order]
    given = [0 if t is None else t.contiguous() for t in given]
    arguments = [[count, width], [out, table.contiguous(), *given]]
    launch("sums_of_rows", ("bags", *key), write, table.device.index, out.numel(), arguments)
    return out
