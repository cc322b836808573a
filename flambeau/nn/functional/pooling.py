"""Pooling: the maximum or the mean of windows, given by their size or by the output's."""

import math

import flambeau

from ..._core import _in_vmap, _keep_format
from ...ops import pool
from ...ops.core.autocast import full_precision
from .sizes import ntuple


def _named(function, n, end=""):
    """`function` under its public name: lp_pool becomes lp_pool2d for n = 2."""
    function.__name__ = function.__qualname__ = f"{function.__name__}{n}d{end}"
    return function


def _with_its_indices(function, with_indices, n):
    """Both under their public names."""
    with_indices.__doc__ = f"{function.__name__}{n}d with return_indices=True."
    with_indices.__name__ = function.__name__
    return _named(function, n), _named(with_indices, n, "_with_indices")


def _max_pool(n):
    plain = getattr(flambeau, f"max_pool{n}d")
    with_indices = getattr(pool, f"max_pool{n}d_with_indices")

    def max_pool_with_indices(
        input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False,
        return_indices=False,
    ) -> tuple:  # fmt: skip
        return with_indices(
            input, kernel_size, kernel_size if stride is None else stride, padding, dilation,
            ceil_mode,
        )  # fmt: skip

    def max_pool(
        input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False,
        return_indices=False,
    ) -> object:  # fmt: skip
        if stride is None:
            stride = kernel_size
        if return_indices:
            return max_pool_with_indices(input, kernel_size, stride, padding, dilation, ceil_mode)
        return plain(input, kernel_size, stride, padding, dilation, ceil_mode)

    max_pool.__doc__ = f"""The maximum of each window of the last {n} dimensions.

    With return_indices also where it lies in the flattened plane of its channel."""
    return _with_its_indices(max_pool, max_pool_with_indices, n)


max_pool1d, max_pool1d_with_indices = _max_pool(1)
max_pool2d, max_pool2d_with_indices = _max_pool(2)
max_pool3d, max_pool3d_with_indices = map(full_precision, _max_pool(3))


def avg_pool1d(input, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True):
    """The mean of each window of the last dimension."""
    return pool.avg_pool1d(
        input, kernel_size, kernel_size if stride is None else stride, padding, ceil_mode,
        count_include_pad,
    )  # fmt: skip


def _avg_pool(n):
    plain = getattr(pool, f"avg_pool{n}d")

    def avg_pool(
        input, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True,
        divisor_override=None, *, out=None,
    ):  # fmt: skip
        if stride is None:
            stride = kernel_size
        return plain(
            input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override,
            out=out,
        )  # fmt: skip

    avg_pool.__doc__ = (
        f"The mean of each window of the last {n} dimensions; or its sum / divisor_override."
    )
    return _named(avg_pool, n)


avg_pool2d, avg_pool3d = _avg_pool(2), full_precision(_avg_pool(3))


def _adaptive_sizes(operator, input, output_size, n):
    """output_size with None replaced by the size of the input."""
    shape = input.shape
    if len(shape) <= n:
        raise ValueError(
            f"{operator}: input {tuple(shape)} must have {n + 2} dims, (N, C, sizes), or "
            f"{n + 1} without a batch."
        )
    if type(output_size) is int:
        return output_size
    sizes = ntuple(output_size, n, f"{operator}: output_size")
    return tuple(
        given if given is not None else size for given, size in zip(sizes, shape[-n:], strict=True)
    )


def _adaptive_avg_pool(n):
    pooled = getattr(pool, f"adaptive_avg_pool{n}d")

    def adaptive_avg_pool(input, output_size):
        """The mean of windows chosen so that the output has `output_size`; None keeps the input's."""
        return pooled(input, _adaptive_sizes(f"adaptive_avg_pool{n}d", input, output_size, n))

    return _named(adaptive_avg_pool, n)


adaptive_avg_pool1d, adaptive_avg_pool2d = map(_adaptive_avg_pool, (1, 2))
adaptive_avg_pool3d = full_precision(_adaptive_avg_pool(3))


def _adaptive_max_pool(n):
    pooled = getattr(pool, f"adaptive_max_pool{n}d")

    def with_indices(input, output_size, return_indices=False):
        return pooled(input, _adaptive_sizes(f"adaptive_max_pool{n}d", input, output_size, n))

    def adaptive_max_pool(input, output_size, return_indices=False):
        """The maximum of windows chosen so that the output has `output_size`."""
        both = with_indices(input, output_size)
        return both if return_indices else both[0]

    return _with_its_indices(adaptive_max_pool, with_indices, n)


adaptive_max_pool1d, adaptive_max_pool1d_with_indices = _adaptive_max_pool(1)
adaptive_max_pool2d, adaptive_max_pool2d_with_indices = _adaptive_max_pool(2)
adaptive_max_pool3d, adaptive_max_pool3d_with_indices = map(full_precision, _adaptive_max_pool(3))


def _lp_pool(n, average):
    def lp_pool(input, norm_type, kernel_size, stride=None, ceil_mode=False):
        """(sum of x**p)**(1/p) of each window."""
        kernel = ntuple(kernel_size, n, f"lp_pool{n}d: kernel_size")
        mean = average(input.pow(norm_type), kernel, stride, 0, ceil_mode)
        # relu drops a negative sum, which an odd power can have.
        return (mean.sign() * mean.abs().relu()).mul(math.prod(kernel)).pow(1.0 / norm_type)

    return _named(lp_pool, n)


lp_pool1d, lp_pool2d, lp_pool3d = map(_lp_pool, (1, 2, 3), (avg_pool1d, avg_pool2d, avg_pool3d))


def _max_unpool(input, indices, kernel_size, stride, padding, output_size, n):
    kernel = ntuple(kernel_size, n, f"max_unpool{n}d: kernel_size")
    stride = kernel if stride is None else ntuple(stride, n, f"max_unpool{n}d: stride")
    padding = ntuple(padding, n, f"max_unpool{n}d: padding")
    if indices.dtype != flambeau.int64:
        raise RuntimeError(
            f"max_unpool{n}d: indices are {indices.dtype}, but they must be int64, as "
            f"max_pool{n}d(return_indices=True) gives them."
        )
    if input.shape != indices.shape:
        raise RuntimeError(
            f"max_unpool{n}d: indices {tuple(indices.shape)} must have the shape of input, "
            f"{tuple(input.shape)}."
        )
    if 0 in input.shape[max(input.dim() - n - 1, 1) :]:
        raise RuntimeError(
            f"max_unpool{n}d: input {tuple(input.shape)} has no elements; only its batch may be "
            "empty."
        )
    default = [
        (size - 1) * s + k - 2 * p
        for size, s, k, p in zip(input.shape[-n:], stride, kernel, padding, strict=True)
    ]
    size = default if output_size is None else list(output_size)[-n:]
    if any(s < 0 for s in size):
        raise RuntimeError(
            f"max_unpool{n}d: output_size {size} is negative; kernel_size {kernel}, stride {stride} and "
            f"padding {padding} over input {tuple(input.shape)} give {default}."
        )
    for got, usual, s in zip(size, default, stride, strict=True):
        if not usual - s < got < usual + s:
            raise ValueError(
                f"max_unpool{n}d: output_size {size} must be from "
                f"{[d - s for d, s in zip(default, stride, strict=True)]} to "
                f"{[d + s for d, s in zip(default, stride, strict=True)]}."
            )
    planes = input.shape[:-n]
    if n > 1 and input.dim() == n + 2 and not input.is_contiguous() and not _in_vmap():
        pixels = input.movedim(1, -1)
        if pixels.is_contiguous():  # channels last: put among the pixels
            batch, channels = planes
            flat = input.new_zeros((batch, math.prod(size), channels))
            out = flat.scatter(1, indices.movedim(1, -1).flatten(1, n), pixels.flatten(1, n))
            return out.reshape(batch, *size, channels).movedim(-1, 1)
    flat = input.new_zeros((*planes, math.prod(size)))
    out = flat.scatter(-1, indices.flatten(-n), input.flatten(-n))
    return _keep_format(out.reshape(*planes, *size), input)


def _max_unpool_of(n):
    def max_unpool(input, indices, kernel_size, stride=None, padding=0, output_size=None):
        """Each value at the place where max_pool found it, 0 elsewhere."""
        return _max_unpool(input, indices, kernel_size, stride, padding, output_size, n)

    return _named(max_unpool, n)


max_unpool1d = _max_unpool_of(1)
max_unpool2d, max_unpool3d = map(full_precision, map(_max_unpool_of, (2, 3)))
