"""Max and average pooling over 1 to 3 spatial dimensions, plain and adaptive.

Each pooling is a primitive beside another for its gradient, which is linear: everything here is
differentiable to any order. The kernels are csrc/kernels/pool.

A pooling's `windows` are (input sizes, output sizes, kernel, stride, padding, dilation), one integer a
spatial dimension; kernel None means adaptive.
"""

import math
from functools import lru_cache

from .. import _core
from ..types import iinfo
from .core import operators as fl
from .core.arguments import is_left_out, is_plain
from .core.declare import primitive, register
from .core.ways import native_way
from .windows import at_least, has_pixels, per_dim, pixel_order, window_count


@primitive(name="_max_pool", keeps_format=True, method=False, function=False, out=False)
def _max(ctx, input, with_indices, windows):
    """(the largest element of each window, its index in the flattened plane or None)."""
    values, indices = _core._max_pool(input, with_indices or ctx.needs_input_grad[0], *windows)
    ctx.save_for_backward(indices)
    ctx.windows = windows
    if indices is None:
        return values
    ctx.mark_non_differentiable(indices)
    return values, indices


@_max.derivative
def _(ctx, grad_output, grad_indices=None):
    (indices,) = ctx.saved
    return _max_backward(grad_output, indices, ctx.windows), None, None


@primitive(name="_max_pool_backward", keeps_format=True, method=False, function=False, out=False)
def _max_backward(ctx, grad_output, indices, windows):
    """grad_output added up where the maxima lie."""
    ctx.save_for_backward(indices)
    ctx.windows = windows
    return _core._max_pool_backward(grad_output, indices, *windows)


@_max_backward.derivative
def _(ctx, grad):
    (indices,) = ctx.saved
    space = len(ctx.windows[0])
    taken = grad.flatten(-space).gather(-1, indices.flatten(-space))
    return taken.reshape(indices.shape), None, None


@primitive(method=False, function=False)
def _fractional_max_pool(ctx, input, samples, kernel, out):
    """(maxima, indices) of windows (csrc/kernels/pool/fractional.h): input (N, C, *sizes), samples (N, C, dims)."""
    values, indices = _core._fractional_max_pool(input, samples, kernel, out)
    ctx.save_for_backward(indices)
    ctx.windows = (input.shape[2:], out, None, None, None, None)
    ctx.mark_non_differentiable(indices)
    return values, indices


@_fractional_max_pool.derivative
def _(ctx, grad_output, _):
    (indices,) = ctx.saved
    return _max_backward(grad_output, indices, ctx.windows), None, None, None


@primitive(name="_avg_pool", keeps_format=True, method=False, function=False, out=False)
def _avg(ctx, input, include_pad, divisor, windows):
    """The sum of each window / divisor: see csrc/kernels/pool/pool.h."""
    ctx.save_for_backward(input)
    ctx.arguments = (include_pad, divisor, windows)
    return _core._avg_pool(input, include_pad, divisor, *windows)


@_avg.derivative
def _(ctx, grad_output):
    return _avg_backward(grad_output, *ctx.saved, *ctx.arguments), None, None, None


@primitive(name="_avg_pool_backward", keeps_format=True, method=False, function=False, out=False)
def _avg_backward(ctx, grad_output, input, include_pad, divisor, windows):
    """Each gradient spread over its window, / divisor. As in PyTorch the result requires grad if the input does."""
    ctx.arguments = (include_pad, divisor, windows)
    by_pixels = has_pixels(input)
    if windows[2] is None and set(windows[1]) == {1} and (by_pixels or _is_plane(input)):
        # One gradient for all of a channel: rows of channels that repeat, or planes of one number.
        share = (grad_output / math.prod(windows[0])).expand(input.shape)
        return (
            share.contiguous(memory_format=pixel_order(input)) if by_pixels else share.contiguous()
        )
    return _core._avg_pool_backward(grad_output, include_pad, divisor, *windows)


def _is_plane(input):
    return input.device.type == "cpu" and is_plain(input) and input.is_contiguous()


@_avg_backward.derivative
def _(ctx, grad):
    return _avg(grad, *ctx.arguments), None, None, None, None


# --------------------------------------------------------------------------------------- checks


def _shape(name, input):
    if not isinstance(input, _core.Tensor):
        raise TypeError(f"{name}(): argument 'input' must be Tensor, not {type(input).__name__}.")
    return input.shape


def _check_input(name, n, shape):
    if len(shape) not in (n + 1, n + 2):
        raise RuntimeError(
            f"{name}: input {tuple(shape)} must have {n + 2} dims, (N, C, sizes), or {n + 1} "
            "without a batch. unsqueeze(0) adds a batch of one."
        )


def _windows(name, n, input, *given):
    """The checked windows of a plain pooling."""
    try:
        return _plan(name, n, _shape(name, input), *given)
    except TypeError:  # a list among the arguments, or one that is wrong
        return _plan(
            name, n, _shape(name, input), *(tuple(g) if isinstance(g, list) else g for g in given)
        )


@lru_cache(1024)
def _plan(name, n, shape, kernel_size, stride, padding, dilation, ceil_mode):
    """Cached: a loop repeats its shapes."""
    _check_input(name, n, shape)
    kernel = per_dim(kernel_size, n, name, "kernel_size")
    stride = kernel if is_left_out(stride) else per_dim(stride, n, name, "stride")
    padding, dilation = per_dim(padding, n, name, "padding"), per_dim(dilation, n, name, "dilation")
    at_least(1, kernel, name, "kernel_size")
    at_least(1, stride, name, "stride")
    at_least(0, padding, name, "padding")
    at_least(1, dilation, name, "dilation")
    for k, p, d in zip(kernel, padding, dilation, strict=True):
        if p > (d * (k - 1) + 1) // 2:
            raise RuntimeError(
                f"{name}: padding {p} is more than half of the window, which reaches over "
                f"{d * (k - 1) + 1} (kernel_size {k}, dilation {d})."
            )
    channels, sizes = shape[-n - 1], tuple(shape[-n:])
    if 0 in sizes:
        raise RuntimeError(
            f"{name}: input {tuple(shape)} has no element to pool; all its last {n} sizes must be at least 1."
        )
    out = tuple(
        window_count(*five, ceil_mode)
        for five in zip(sizes, kernel, stride, padding, dilation, strict=True)
    )
    if min(out) < 1 or channels == 0:
        raise RuntimeError(
            f"{name}: an input of {tuple(sizes)} would give an output of {tuple(out)}, which is "
            "empty. Use a smaller window, or more padding."
        )
    return sizes, out, kernel, stride, padding, dilation


@lru_cache(1024)
def _misses(sizes, out, kernel, stride, padding, dilation):
    """Whether a window that begins in the padding steps over the whole input, by a dilation beyond it."""
    return any(
        d > size and any((i * s - p) % d >= size for i in range(min(o, -(-p // s))))
        for size, o, k, s, p, d in zip(sizes, out, kernel, stride, padding, dilation, strict=True)
    )


def _max_of_missing(name, input, windows, return_indices):
    """The largest elements where some windows hold none: there -inf, or the least integer."""
    sizes, out, kernel, stride, padding, dilation = windows
    if return_indices:
        raise RuntimeError(
            f"{name}: a window of kernel_size={kernel}, padding={padding} and dilation={dilation} "
            f"holds no element of an input of {sizes}, so its maximum has no index."
        )
    least = iinfo(input.dtype).min if not input.dtype.is_floating_point else float("-inf")
    around = [p for p in reversed(padding) for _ in range(2)]
    padded = fl.constant_pad_nd(input, around, least)
    sizes = tuple(size + 2 * p for size, p in zip(sizes, padding, strict=True))
    found = _max(padded, False, (sizes, out, kernel, stride, (0,) * len(sizes), dilation))
    return found if isinstance(found, _core.Tensor) else found[0]


def _adaptive_windows(name, n, input, output_size):
    """The checked windows of an adaptive pooling; None keeps the input's size."""
    shape = _shape(name, input)
    if isinstance(output_size, list):
        output_size = tuple(output_size)
    try:
        windows = _adaptive_plan(name, n, shape, output_size)
    except TypeError:  # one that is no size
        windows = _adaptive_plan.__wrapped__(name, n, shape, output_size)
    if not input.dtype.is_floating_point:
        raise NotImplementedError(
            f"{name}: takes floating dtypes, but got {input.dtype}. Convert the input."
        )
    return windows


@lru_cache(1024)
def _adaptive_plan(name, n, shape, output_size):
    """Cached: a loop repeats its shapes."""
    _check_input(name, n, shape)
    if "max" in name and len(shape) == n + 2 and shape[1] == 0:
        raise RuntimeError(
            f"{name}: input {tuple(shape)} has no channels; only the first dim may be empty."
        )
    sizes = tuple(shape[-n:])
    given = output_size if isinstance(output_size, (tuple, list)) else (output_size,) * n
    if len(given) != n:
        raise RuntimeError(f"{name}: output_size {tuple(given)} must be {n} sizes, or one for all.")
    out = tuple(
        size if o is None else per_dim(o, 1, name, "output_size")[0]
        for o, size in zip(given, sizes, strict=True)
    )
    at_least(0, out, name, "output_size")
    if min(sizes) == 0:
        raise RuntimeError(f"{name}: input {tuple(shape)} is empty in a dim beside the batch.")
    return sizes, out, None, None, None, None


# ------------------------------------------------------------------------------------ operators


def _max_pools(n):
    """max_pool<n>d and max_pool<n>d_with_indices."""
    name = f"max_pool{n}d"

    def with_indices(
        input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False
    ) -> tuple:
        windows = _windows(name, n, input, kernel_size, stride, padding, dilation, ceil_mode)
        if max(windows[-1]) > min(windows[0]) and _misses(*windows):
            return _max_of_missing(name, input, windows, True)
        return _max(input, True, windows)

    def plain(
        input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False,
        return_indices=False,
    ) -> object:  # fmt: skip
        windows = _windows(name, n, input, kernel_size, stride, padding, dilation, ceil_mode)
        if max(windows[-1]) > min(windows[0]) and _misses(*windows):
            return _max_of_missing(name, input, windows, return_indices)
        found = _max(input, return_indices, windows)
        return found if return_indices or isinstance(found, _core.Tensor) else found[0]

    plain.__doc__ = f"""The largest element of each window over the last {n} dimensions; a NaN wins.

    Args:
        input (Tensor): (N, C, ...) or (C, ...).
        kernel_size, dilation (int or {n} ints): the window.
        stride (int or {n} ints, optional): between windows; kernel_size if not given.
        padding (int or {n} ints): at most half the window; padded positions never win.
        ceil_mode (bool): also a last window that starts inside but reaches past the end.
        return_indices (bool): also the index of each maximum in its flattened plane, the first of equals.

    Dtype: all but complex. Gradient: saves the indices; goes to the maximum alone.
    """
    with_indices.__doc__ = f"max_pool{n}d and the index of each maximum in its flattened plane."
    plain.__name__ = plain.__qualname__ = name
    with_indices.__name__ = with_indices.__qualname__ = name + "_with_indices"
    register(name, plain)
    if n > 1:
        register(name + "_with_indices", with_indices, namespaces=())
    else:
        register(name + "_with_indices", with_indices)
    return native_way(plain, name), with_indices


def _adaptive_max_pools(n):
    """adaptive_max_pool<n>d, which gives the indices too."""
    name = f"adaptive_max_pool{n}d"

    def pool(input, output_size) -> tuple:
        return _max(input, True, _adaptive_windows(name, n, input, output_size))

    pool.__doc__ = f"""The largest element of each of output_size windows over the last {n} dimensions, and its index.

    Window i of a dimension covers [floor(i size / output), ceil((i + 1) size / output)).
    """
    pool.__name__ = pool.__qualname__ = name
    register(name, pool, namespaces=("torch",) if n == 1 else ())
    return pool


def _avg_pools(n):
    """avg_pool<n>d."""
    name = f"avg_pool{n}d"

    def pool(
        input, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True,
        divisor_override=None, *, out=None,
    ):  # fmt: skip
        windows = _windows(name, n, input, kernel_size, stride, padding, 1, ceil_mode)
        if divisor_override == 0:
            raise RuntimeError(f"{name}: divisor_override is 0.")
        result = _avg(input, count_include_pad, divisor_override or 0, windows)
        return result if out is None else _core._finish_out(result, out, name)

    pool.__doc__ = f"""The mean of each window over the last {n} dimensions.

    Args: as max_pool{n}d, and
        count_include_pad (bool): padded zeros count as elements.
        divisor_override (int, optional): divides the sum instead of the count.

    Dtype: all. float16 and bfloat16 are summed in float32 and rounded once.
    """
    pool.__name__ = pool.__qualname__ = name
    register(name, pool, namespaces=("torch",) if n == 1 else ())
    return native_way(pool, name)


def _adaptive_avg_pools(n):
    """adaptive_avg_pool<n>d."""
    name = f"adaptive_avg_pool{n}d"

    whole = tuple(range(-n, 0))

    def pool(input, output_size):
        if not input.numel() and output_size in (1, (1,) * n, [1] * n) and input.dim() > n:
            return input.mean(whole, keepdim=True)  # NaN where an average is of nothing
        return _avg(input, False, 0, _adaptive_windows(name, n, input, output_size))

    pool.__doc__ = f"""The mean of each of output_size windows over the last {n} dimensions; windows as in adaptive_max_pool{n}d."""
    pool.__name__ = pool.__qualname__ = name
    register(name, pool, namespaces=("torch",) if n == 1 else ())
    return pool


max_pool1d, max_pool1d_with_indices = _max_pools(1)
max_pool2d, max_pool2d_with_indices = _max_pools(2)
max_pool3d, max_pool3d_with_indices = _max_pools(3)
adaptive_max_pool1d, adaptive_max_pool2d, adaptive_max_pool3d = (
    _adaptive_max_pools(n) for n in (1, 2, 3)
)
avg_pool1d, avg_pool2d, avg_pool3d = (_avg_pools(n) for n in (1, 2, 3))
adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d = (
    _adaptive_avg_pools(n) for n in (1, 2, 3)
)
