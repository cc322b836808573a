"""Sums and maxima over windows on a GPU, a thread for each result.

sums     out[o, j, x] = sum of weights[t] * in[o, begin[j] + t - first[j], x] for first[j] <= t < first[j + 1]
maxima   of adaptive pooling: the largest element of the window of each pixel, and where it lies in its plane
steps    the same of windows of one size, a stride apart; back, each pixel takes from the windows it is the largest of
rows     the sum, or mean, of the rows of a table that each bag names, with a factor for each
"""

from .. import language
from ..types import compute_dtype
from .code import Code


def write_sums(dtype):
    """kernel(i64 sizes[4], i64 pointers[5]): outer, results, elements of the dim, inner; out, in, begin, first, weights."""
    k = Code(sizes=4, pointers=5)
    outer, size, had, inner = k.integers("sizes")
    real = compute_dtype(dtype)
    out, source, begin, first, weights = k.arrays("pointers", dtype, dtype, "int64", "int64", real)
    with k.threads(outer * size * inner) as i:
        x, j, o = i % inner, i // inner % size, i // (inner * size)
        start = first[j]
        at = (o * had + begin[j]) * inner + x
        total = k.variable(0.0, real)
        with k.loop(start, first[j + 1]) as t:
            total.value = k.fma(weights[t], source[at + (t - start) * inner], total.value)
        out[i] = total.value
    return k.text()


def write_maxima(dtype, with_indices):
    """kernel(i64 sizes[7], i64 pointers[3]): planes, three sizes of the input, three of the output; values, indices, in."""
    k = Code(sizes=7, pointers=3)
    planes, *sizes = k.integers("sizes")
    had, wanted = sizes[:3], sizes[3:]
    values, indices, source = k.arrays("pointers", dtype, "int64", dtype)
    real = compute_dtype(dtype)
    pixels = wanted[0] * wanted[1] * wanted[2]
    with k.threads(planes * pixels) as i:
        plane = i // pixels * (had[0] * had[1] * had[2])
        place = (
            i // (wanted[1] * wanted[2]) % wanted[0],
            i // wanted[2] % wanted[1],
            i % wanted[2],
        )
        begin = [p * h // w for p, h, w in zip(place, had, wanted)]
        end = [((p + 1) * h + (w - 1)) // w for p, h, w in zip(place, had, wanted)]
        at = k.variable((begin[0] * had[1] + begin[1]) * had[2] + begin[2])
        best = k.variable(source[plane + at.value], real)
        with (
            k.loop(begin[0], end[0]) as a,
            k.loop(begin[1], end[1]) as b,
            k.loop(begin[2], end[2]) as c,
        ):
            there = (a * had[1] + b) * had[2] + c
            _keep(k, best, at, source[plane + there], there)
        values[i] = best.value
        if with_indices:
            indices[i] = at.value
    return k.text()


def _keep(k, best, at, value, there, is_first=None):
    """Takes what is larger than the best, NaN, or the first one."""
    taken = (value > best.value) | k.of(language.isnan, value)
    if is_first is not None:
        taken = taken | is_first
    best.value = k.where(taken, value, best.value)
    at.value = k.where(taken, there, at.value)


def _steps(k):
    """(planes, sizes, windows, kernel, stride, padding, dilation) of up to three dims."""
    planes, *rest = k.integers("sizes")
    return planes, *[rest[3 * i : 3 * i + 3] for i in range(6)]


def _coordinates(k, i, sizes):
    """(plane, place along each dim)"""
    inner = i // sizes[2]
    return inner // (sizes[1] * sizes[0]), (inner // sizes[1] % sizes[0], inner % sizes[1], i % sizes[2])  # fmt: skip


def write_steps(dtype, with_indices):
    """kernel(i64 sizes[19], i64 pointers[3]): see _steps; values, indices, in. The first of equals, the last NaN."""
    k = Code(sizes=19, pointers=3)
    planes, had, wanted, kernel, stride, padding, dilation = _steps(k)
    values, indices, source = k.arrays("pointers", dtype, "int64", dtype)
    with k.threads(planes * (wanted[0] * wanted[1] * wanted[2])) as i:
        plane, place = _coordinates(k, i, wanted)
        start = plane * (had[0] * had[1] * had[2])
        begin = [p * s - edge for p, s, edge in zip(place, stride, padding)]
        best, at = k.variable(0, compute_dtype(dtype)), k.variable(-1)
        inside = lambda d, x: (x >= 0) & (x < had[d])
        with k.loop(0, kernel[0]) as a:
            x = begin[0] + a * dilation[0]
            with k.when(inside(0, x)), k.loop(0, kernel[1]) as b:
                y = begin[1] + b * dilation[1]
                with k.when(inside(1, y)), k.loop(0, kernel[2]) as c:
                    z = begin[2] + c * dilation[2]
                    with k.when(inside(2, z)):
                        there = (x * had[1] + y) * had[2] + z
                        _keep(k, best, at, source[start + there], there, at.value < 0)
        values[i] = best.value
        if with_indices:
            indices[i] = at.value
    return k.text()


def write_steps_backward(dtype):
    """kernel(i64 sizes[19], i64 pointers[3]): see _steps; gradients of the input, of the values, indices.

    Windows that hold a pixel are added in their order.
    """
    k = Code(sizes=19, pointers=3)
    planes, had, wanted, kernel, stride, padding, dilation = _steps(k)
    result, grads, indices = k.arrays("pointers", dtype, dtype, "int64")
    with k.threads(planes * (had[0] * had[1] * had[2])) as i:
        plane, place = _coordinates(k, i, had)
        start = plane * (wanted[0] * wanted[1] * wanted[2])
        here = (place[0] * had[1] + place[1]) * had[2] + place[2]
        spans = []
        for d in range(3):
            last = place[d] + padding[d]
            first = last - (kernel[d] - 1) * dilation[d]
            first = k.where(first > 0, (k.larger(first, 0) + (stride[d] - 1)) // stride[d], 0)
            spans.append((first, k.smaller(last // stride[d] + 1, wanted[d])))
        total = k.variable(0, compute_dtype(dtype))
        with k.loop(*spans[0]) as a, k.loop(*spans[1]) as b, k.loop(*spans[2]) as c:
            window = start + (a * wanted[1] + b) * wanted[2] + c
            with k.when(indices[window] == here):
                total.value = total.value + grads[window]
        result[i] = total.value
    return k.text()


def write_rows(dtype, mean=False, factors=False, ordered=False):
    """kernel(i64 sizes[2], i64 pointers[6]): bags, width; out, table, index, begins (one more than bags), factors, order.

    Entry t of a bag takes row index[t] times factors[t]; with `ordered` what belongs to it stands at order[t]. Of a
    row below 0 all elements are 0.
    """
    k = Code(sizes=2, pointers=6)
    bags, width = k.integers("sizes")
    dtypes = dtype, dtype, "int64", "int64", dtype, "int64"
    out, table, index, begins, factor, order = k.arrays("pointers", *dtypes)
    real = compute_dtype(dtype)
    with k.threads(bags * width) as i:
        bag, x = i // width, i % width
        begin, end = begins[bag], begins[bag + 1]
        total = k.variable(0.0, real)
        with k.loop(begin, end) as t:
            at = order[t] if ordered else t
            row = index[at]
            outside = row < 0
            value = k.where(outside, 0, table[k.where(outside, 0, row) * width + x])
            total.value = k.fma(factor[at], value, total.value) if factors else total.value + value
        if mean:
            count = k.larger(end - begin, 1)
            total.value = total.value / count.cast(real)
        out[i] = total.value
    return k.text()
