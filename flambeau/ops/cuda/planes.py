"""Windows of planes as columns, planes in other sizes by the nearest element, and grids of points, on GPUs."""

from ... import _core
from ..core import operators as fl
from .conv import _padded, _stepped, _taps, _windows
from .launch import made_like, on_meta
from .rules import rule
from .windows import sums_over_windows


def _counts(sizes, kernel, dilation, padding, stride):
    """How many windows there are along rows and columns."""
    return [
        (size + 2 * p - d * (k - 1) - 1) // s + 1
        for size, k, d, p, s in zip(sizes, kernel, dilation, padding, stride)
    ]


@rule("_unfold")
def unfold(input, kernel, dilation, padding, stride):
    found = on_meta(_core._unfold, input, kernel, dilation, padding, stride)
    if found.numel() == 0:
        return made_like(found, input.device)
    counts = _counts(input.shape[2:], kernel, dilation, padding, stride)
    padded = _padded(input, padding, counts, kernel, stride, dilation)
    windows = _windows(padded, counts, kernel, stride, dilation)  # (N, C, *counts, *kernel)
    return windows.permute(0, 1, 4, 5, 2, 3).reshape(found.shape)


@rule("_fold")
def fold(columns, sizes, kernel, dilation, padding, stride):
    result = made_like(
        on_meta(_core._fold, columns, sizes, kernel, dilation, padding, stride), columns.device
    )
    if result.numel() == 0:
        return result
    n, channels = result.shape[:2]
    counts = _counts(sizes, kernel, dilation, padding, stride)
    whole = [size + 2 * p for size, p in zip(sizes, padding)]
    padded = _core.zeros((n, channels, *whole), dtype=result.dtype, device=result.device)
    taken = columns.reshape(n, channels, *kernel, *counts)
    # A tap reaches each element at most once, so sums have one order.
    for tap in _taps(kernel):
        place = padded
        for d in range(2):
            place = _stepped(place, 2 + d, tap[d] * dilation[d], counts[d], stride[d])
        place.add_(taken[:, :, tap[0], tap[1]])
    for d in range(2):
        padded = padded.narrow(2 + d, padding[d], sizes[d])
    return result.copy_(padded)


def _places(had, size, ratio, shift, device):
    """The old place of each of `size` new ones, in float32 as on the CPU."""
    steps = fl.arange(size, device=device).float()
    ratio = _core.full((), ratio, dtype=_core.float32, device=device)
    shift = _core.full((), shift, dtype=_core.float32, device=device)
    return ((steps + shift) * ratio).long().clamp(0, had - 1)


def _each(ndim, sizes, ratios):
    """(dim, size, ratio) of the last dims."""
    count = len(sizes)
    return list(zip(range(ndim - count, ndim), sizes, ratios[3 - count :]))


@rule("_nearest")
def nearest(input, sizes, depth, height, width, shift):
    on_meta(_core._nearest, input, sizes, depth, height, width, shift)
    result = input.contiguous()
    for dim, size, ratio in _each(input.dim(), sizes, (depth, height, width)):
        places = _places(input.shape[dim], size, ratio, shift, input.device)
        result = result.index_select(dim, places)
    return result


@rule("_nearest_backward")
def nearest_backward(grad, sizes, depth, height, width, shift):
    on_meta(_core._nearest_backward, grad, sizes, depth, height, width, shift)
    given = grad.dtype
    if grad.dtype.is_complex:
        parts = _core.view_as_real(grad).unbind(-1)
        parts = [nearest_backward(p, sizes, depth, height, width, shift) for p in parts]
        return fl.complex(*parts)
    result = grad = grad.float() if grad.dtype.itemsize == 2 else grad
    for dim, size, ratio in _each(grad.dim(), sizes, (depth, height, width)):
        places = _places(size, grad.shape[dim], ratio, shift, grad.device)
        # Places never go back: those of an old element lie side by side.
        begin = fl.searchsorted(places, fl.arange(size + 1, device=grad.device))
        ones = _core.ones(grad.shape[dim], dtype=grad.dtype, device=grad.device)
        result = sums_over_windows("nearest", result, dim, size, (begin, begin, ones))
    return result.to(given)


def _line(count, corners):
    """The places of so many pixels from -1 to 1."""
    if count == 1:
        return [0.0]
    if corners:
        return [2 * i / (count - 1) - 1 for i in range(count)]
    return [(2 * i + 1) / count - 1 for i in range(count)]


@rule("_affine_grid")
def affine_grid(theta, sizes, corners):
    on_meta(_core._affine_grid, theta, sizes, corners)
    n, dtype, device = len(sizes), theta.dtype, theta.device
    if dtype not in (_core.float32, _core.float64):
        return NotImplemented
    result = None
    for d in range(n):
        line = _core.tensor(_line(sizes[n - 1 - d], corners), dtype=dtype).to(device)
        shape = [1] * (n + 2)
        shape[n - d] = -1
        term = line.reshape(shape) * theta[:, :, d].reshape(-1, *[1] * n, n)
        result = term if result is None else result + term
    return result + theta[:, :, n].reshape(-1, *[1] * n, n)
