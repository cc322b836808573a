"""Sums and maxima over windows on a GPU, a thread for each result.

sums     out[o, j, x] = sum of weights[t] * in[o, begin[j] + t - first[j], x] for first[j] <= t < first[j + 1]
maxima   of adaptive pooling: the largest element of the window of each pixel, and where it lies in its plane
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
            value = source[plane + there]
            taken = (value > best.value) | k.of(language.isnan, value)
            best.value = k.where(taken, value, best.value)
            at.value = k.where(taken, there, at.value)
        values[i] = best.value
        if with_indices:
            indices[i] = at.value
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
