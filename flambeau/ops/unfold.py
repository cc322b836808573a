"""Windows of planes as columns, and columns added up where they were taken: each the other's derivative.

The loops are csrc/kernels/elements/unfold.cpp. `windows` are (kernel, dilation, padding, stride), two numbers each.
"""

from .. import _core
from .core import operators as fl
from .core.arguments import is_plain
from .core.declare import primitive

_FOLDED = (fl.float32, fl.float64, fl.complex64, fl.complex128)


def unfolded(images, windows, counts):
    """images (N, C, H, W) as (N, C * taps, windows), `counts` of them in each dim."""
    if is_plain(images):
        return _unfold(images, windows)
    kernel, _, padding, _ = windows
    images = fl.constant_pad_nd(images, (padding[1], padding[1], padding[0], padding[0]))
    n, c, h, w = images.shape
    index = _window_index((h, w), windows, counts, images.device)
    out = images.reshape(n, c, h * w).index_select(2, index)
    return out.reshape(n, c * kernel[0] * kernel[1], counts[0] * counts[1])


def folded(columns, sizes, windows, counts):
    """The sums (N, C, *sizes) of columns (N, C * taps, windows) laid back."""
    if columns.dtype in _FOLDED and is_plain(columns):
        return _fold(columns, tuple(sizes), windows)
    kernel, _, padding, _ = windows
    h, w = sizes[0] + 2 * padding[0], sizes[1] + 2 * padding[1]
    index = _window_index((h, w), windows, counts, columns.device)
    n, rows, n_windows = columns.shape
    taps = kernel[0] * kernel[1]
    c = rows // taps
    out = columns.new_zeros((n, c, h * w)).index_add(
        2, index, columns.reshape(n, c, taps * n_windows)
    )
    out = out.reshape(n, c, h, w)
    return out[:, :, padding[0] : padding[0] + sizes[0], padding[1] : padding[1] + sizes[1]]


@primitive(method=False, function=False, out=False)
def _unfold(ctx, images, windows):
    ctx.sizes, ctx.windows = tuple(images.shape[2:]), windows
    return _core._unfold(images, *windows)


@primitive(method=False, function=False, out=False)
def _fold(ctx, columns, sizes, windows):
    ctx.windows = windows
    if columns.dtype in _FOLDED:
        return _core._fold(columns, sizes, *windows)
    return _core._fold(columns.float(), sizes, *windows).to(columns.dtype)


@_unfold.derivative
def _(ctx, grad_output):
    return _fold(grad_output, ctx.sizes, ctx.windows), None


@_fold.derivative
def _(ctx, grad_output):
    return _unfold(grad_output, ctx.windows), None, None


def _positions(kernel, dilation, stride, count, device):
    """Where tap k of window w lies along one dimension, (kernel, count)."""
    taps = fl.arange(kernel, device=device) * dilation
    starts = fl.arange(count, device=device) * stride
    return taps.unsqueeze(1) + starts.unsqueeze(0)


def _window_index(size, windows, counts, device):
    """The position in a flattened plane of each tap (rows) of each window (columns)."""
    kernel, dilation, _, stride = windows
    rows, columns = (
        _positions(kernel[d], dilation[d], stride[d], counts[d], device) for d in (0, 1)
    )
    index = rows[:, None, :, None] * size[1] + columns[None, :, None, :]
    return index.reshape(-1)  # (KH * KW * windows,)
