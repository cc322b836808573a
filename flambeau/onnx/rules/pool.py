"""Poolings."""

import flambeau

from . import rule
from .convolution import spatial


def _batched(pool, n):
    """A pool that also takes inputs without a batch."""

    def both(g, input, *args, **kwargs):
        if input.ndim == n + 2:
            return pool(g, input, *args, **kwargs)
        from ..builder import Value

        outer = g.unsqueeze(input, 0)
        wide = Value(
            outer.name, input.dtype, (1, *input.shape), frozenset(d + 1 for d in input.dynamic)
        )
        result = pool(g, wide, *args, **kwargs)
        if isinstance(result, tuple):
            return tuple(g.squeeze(r, 0) for r in result)
        return g.squeeze(result, 0)

    return both


def _max_pool(n):
    def max_pool(
        g, input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False,
        return_indices=False,
    ):  # fmt: skip
        attributes = dict(
            kernel_shape=spatial(kernel_size, n), pads=spatial(padding, n) * 2, dilations=spatial(dilation, n),
            strides=spatial(stride or kernel_size, n), ceil_mode=int(ceil_mode),
        )  # fmt: skip
        if not return_indices:
            return g.op("MaxPool", input, **attributes)
        values, indices = g.op("MaxPool", input, outputs=2, **attributes)
        indices.dtype = flambeau.int64
        # ONNX counts over the whole tensor, here each plane counts for itself.
        plane = g.constant(1, flambeau.int64)
        for dim in range(2, n + 2):
            plane = g.op("Mul", plane, g.ints([g.size(input, dim)]))
        return values, g.op("Mod", indices, plane)

    return _batched(max_pool, n)


def _avg_pool(n):
    def avg_pool(g, input, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True,
                 divisor_override=None):  # fmt: skip
        if divisor_override is not None:
            raise NotImplementedError("onnx.export: avg_pool with divisor_override.")
        return g.op(
            "AveragePool", input, kernel_shape=spatial(kernel_size, n), pads=spatial(padding, n) * 2,
            strides=spatial(stride or kernel_size, n), ceil_mode=int(ceil_mode),
            count_include_pad=int(count_include_pad),
        )  # fmt: skip

    return _batched(avg_pool, n)


def _uneven(g, input, dim, size, have, kind):
    """Windows of several lengths, which no pooling of ONNX has: one after the other along a dim."""
    windows = [
        g.reduce(
            kind,
            g.slice(input, dim, i * have // size, -(-(i + 1) * have // size)),
            [dim],
            keepdim=True,
        )
        for i in range(size)
    ]
    return g.op("Concat", *windows, axis=dim)


def _adaptive(n, kind, whole, reduction):
    def adaptive(g, input, output_size, return_indices=False):
        if return_indices:
            raise NotImplementedError("onnx.export: adaptive_max_pool with return_indices=True.")
        wanted = output_size if isinstance(output_size, (tuple, list)) else [output_size] * n
        if all(w == 1 for w in wanted):
            return g.op(whole, input)
        kernel, stride, uneven = [], [], []
        for dim, size in enumerate(wanted, 2):
            if size is None or (dim not in input.dynamic and size == input.shape[dim]):
                kernel.append(1)
                stride.append(1)
                continue
            have = g.static(input, dim, "adaptive pooling to more than one value")
            if have % size:
                uneven.append((dim, size))
                have = size
            kernel.append(have // size)
            stride.append(have // size)
        result = input
        if any(k > 1 for k in kernel) or not uneven:
            result = g.op(kind, input, kernel_shape=kernel, strides=stride)
        for dim, size in uneven:
            result = _uneven(g, result, dim, size, input.shape[dim], reduction)
        return result

    return _batched(adaptive, n)


def _lp_pool(n):
    def lp_pool(g, input, norm_type, kernel_size, stride=None, ceil_mode=False):
        if ceil_mode and g.opset < 18:
            raise NotImplementedError(
                "onnx.export: lp_pool with ceil_mode=True needs opset_version 18 or more."
            )
        return g.op(
            "LpPool", input, p=int(norm_type), kernel_shape=spatial(kernel_size, n),
            strides=spatial(stride or kernel_size, n), ceil_mode=1 if ceil_mode else None,
        )  # fmt: skip

    return _batched(lp_pool, n)


for _n in (1, 2, 3):
    rule(f"max_pool{_n}d", f"max_pool{_n}d_with_indices")(_max_pool(_n))
    rule(f"avg_pool{_n}d")(_avg_pool(_n))
    rule(f"adaptive_avg_pool{_n}d")(_adaptive(_n, "AveragePool", "GlobalAveragePool", "ReduceMean"))
    rule(f"adaptive_max_pool{_n}d")(_adaptive(_n, "MaxPool", "GlobalMaxPool", "ReduceMax"))
    rule(f"lp_pool{_n}d")(_lp_pool(_n))
