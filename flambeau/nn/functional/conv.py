"""Convolutions, and windows as columns (unfold, fold)."""

import flambeau

from .padding import pad
from .sizes import ntuple

# The operators themselves: ops/conv.py tells what they compute.
conv1d = flambeau.conv1d
conv2d = flambeau.conv2d
conv3d = flambeau.conv3d
conv_transpose1d = flambeau.conv_transpose1d
conv_transpose2d = flambeau.conv_transpose2d
conv_transpose3d = flambeau.conv_transpose3d


def conv_tbc(input, weight, bias, pad=0):
    """conv1d of (T, B, C) with weight (K, C, O)."""
    out = conv1d(input.permute(1, 2, 0), weight.permute(2, 1, 0), bias, 1, pad)
    return out.permute(2, 0, 1)


def _columns(sizes, kernel, dilation, padding, stride, name):
    """How many windows fit along each dimension."""
    counts = [
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, k, d, p, s in zip(sizes, kernel, dilation, padding, stride, strict=True)
    ]
    if min(counts) < 1:
        raise RuntimeError(
            f"{name}: a window of {tuple(kernel)} with dilation {tuple(dilation)} has no place in "
            f"sizes {tuple(sizes)} with padding {tuple(padding)}. Use a smaller window, or more "
            "padding."
        )
    return counts


def _positions(kernel, dilation, stride, count, device):
    """Where tap k of window w lies along one dimension, (kernel, count)."""
    taps = flambeau.arange(kernel, device=device) * dilation
    starts = flambeau.arange(count, device=device) * stride
    return taps.unsqueeze(1) + starts.unsqueeze(0)


def _window_index(size, kernel, dilation, stride, counts, device):
    """The position in a flattened plane of each tap (rows) of each window (columns)."""
    rows = _positions(kernel[0], dilation[0], stride[0], counts[0], device)
    columns = _positions(kernel[1], dilation[1], stride[1], counts[1], device)
    index = rows[:, None, :, None] * size[1] + columns[None, :, None, :]
    return index.reshape(-1)  # (KH * KW * windows,)


def unfold(input, kernel_size, dilation=1, padding=0, stride=1):
    """Every window of the input as a column: (N, C, H, W) to (N, C * KH * KW, windows)."""
    kernel, dilation, padding, stride = (
        ntuple(v, 2, f"unfold: {name}")
        for v, name in (
            (kernel_size, "kernel_size"), (dilation, "dilation"),
            (padding, "padding"), (stride, "stride"),
        )
    )  # fmt: skip
    if input.dim() not in (3, 4):
        raise RuntimeError(
            f"unfold: input {tuple(input.shape)} must have 4 dims, (N, C, H, W), or 3 without a "
            "batch, and must not be empty beside the batch."
        )
    if 0 in input.shape[-3:]:
        raise RuntimeError(
            f"unfold: only the batch may be empty, but got an input of {tuple(input.shape)}."
        )
    _check_positive(kernel=kernel, dilation=dilation, stride=stride)
    single = input.dim() == 3
    images = input.unsqueeze(0) if single else input
    counts = _columns(images.shape[2:], kernel, dilation, padding, stride, "unfold")
    images = pad(images, (padding[1], padding[1], padding[0], padding[0]))
    n, c, h, w = images.shape
    index = _window_index((h, w), kernel, dilation, stride, counts, input.device)
    out = images.reshape(n, c, h * w).index_select(2, index)
    out = out.reshape(n, c * kernel[0] * kernel[1], counts[0] * counts[1])
    return out.squeeze(0) if single else out


def fold(input, output_size, kernel_size, dilation=1, padding=0, stride=1):
    """The sum of windows laid back where unfold took them: (N, C * KH * KW, windows) to images."""
    size, kernel, dilation, padding, stride = (
        ntuple(v, 2, f"fold: {name}")
        for v, name in (
            (output_size, "output_size"), (kernel_size, "kernel_size"), (dilation, "dilation"),
            (padding, "padding"), (stride, "stride"),
        )
    )  # fmt: skip
    if input.dim() not in (2, 3):
        raise RuntimeError(
            f"fold: input {tuple(input.shape)} must have 3 dims, (N, C * kernel sizes, windows), "
            "or 2 without a batch, and must not be empty beside the batch."
        )
    _check_positive(kernel=kernel, dilation=dilation, stride=stride)
    single = input.dim() == 2
    columns = input.unsqueeze(0) if single else input
    counts = _columns(size, kernel, dilation, padding, stride, "fold")
    taps = kernel[0] * kernel[1]
    n, rows, windows = columns.shape
    if rows % taps:
        raise RuntimeError(
            f"fold: input has {rows} rows, which do not divide by the {kernel[0] * kernel[1]} "
            f"elements of kernel_size {tuple(kernel)}."
        )
    if windows != counts[0] * counts[1]:
        raise RuntimeError(
            f"fold: input has {windows} windows, but output_size {tuple(size)} with kernel_size "
            f"{tuple(kernel)}, dilation {tuple(dilation)}, padding {tuple(padding)} and stride "
            f"{tuple(stride)} takes {counts[0]} * {counts[1]} = {counts[0] * counts[1]}."
        )
    h, w = size[0] + 2 * padding[0], size[1] + 2 * padding[1]
    index = _window_index((h, w), kernel, dilation, stride, counts, input.device)
    c = rows // taps
    out = columns.new_zeros((n, c, h * w)).index_add(
        2, index, columns.reshape(n, c, taps * windows)
    )
    out = out.reshape(n, c, h, w)
    out = out[:, :, padding[0] : padding[0] + size[0], padding[1] : padding[1] + size[1]]
    return out.squeeze(0) if single else out


def _check_positive(**sizes):
    for name, values in sizes.items():
        if min(values) <= 0:
            raise RuntimeError(f"fold, unfold: {name} is {tuple(values)}; it takes 1 or more.")
