"""Convolutions, and windows as columns (unfold, fold)."""

import functools

import flambeau

from ...ops.unfold import folded, unfolded
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


@functools.lru_cache(256)
def _unfold_windows(shape, kernel_size, dilation, padding, stride):
    """(the windows, how many there are in each dim) of an input of `shape`, checked. Cached: a loop repeats its shapes."""
    kernel, dilation, padding, stride = windows = _pairs(
        "unfold", kernel_size=kernel_size, dilation=dilation, padding=padding, stride=stride
    )
    if len(shape) not in (3, 4):
        raise RuntimeError(
            f"unfold: input {tuple(shape)} must have 4 dims, (N, C, H, W), or 3 without a "
            "batch, and must not be empty beside the batch."
        )
    if 0 in shape[-3:]:
        raise RuntimeError(
            f"unfold: only the batch may be empty, but got an input of {tuple(shape)}."
        )
    _check_positive(kernel=kernel, dilation=dilation, stride=stride)
    return windows, _columns(shape[-2:], *windows, "unfold")


@functools.lru_cache(256)
def _fold_windows(shape, output_size, kernel_size, dilation, padding, stride):
    """(the sizes, the windows, how many there are in each dim) for columns of `shape`, checked."""
    size, kernel, dilation, padding, stride = _pairs(
        "fold", output_size=output_size, kernel_size=kernel_size, dilation=dilation, padding=padding, stride=stride
    )  # fmt: skip
    if len(shape) not in (2, 3):
        raise RuntimeError(
            f"fold: input {tuple(shape)} must have 3 dims, (N, C * kernel sizes, windows), "
            "or 2 without a batch, and must not be empty beside the batch."
        )
    _check_positive(kernel=kernel, dilation=dilation, stride=stride)
    counts = _columns(size, kernel, dilation, padding, stride, "fold")
    rows, windows = shape[-2:]
    if rows % (kernel[0] * kernel[1]):
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
    return size, (kernel, dilation, padding, stride), counts


def _pairs(operator, **values):
    return tuple(ntuple(value, 2, f"{operator}: {name}") for name, value in values.items())


def _checked(plan, shape, *given):
    """plan(shape, *given), whose arguments may be lists."""
    try:
        return plan(tuple(shape), *given)
    except TypeError:  # a list among them, or one that is wrong
        return plan(tuple(shape), *(tuple(g) if isinstance(g, list) else g for g in given))


def unfold(input, kernel_size, dilation=1, padding=0, stride=1):
    """Every window of the input as a column: (N, C, H, W) to (N, C * KH * KW, windows)."""
    plan = _checked(_unfold_windows, input.shape, kernel_size, dilation, padding, stride)
    if input.dim() == 3:
        return unfolded(input.unsqueeze(0), *plan).squeeze(0)
    return unfolded(input, *plan)


def fold(input, output_size, kernel_size, dilation=1, padding=0, stride=1):
    """The sum of windows laid back where unfold took them: (N, C * KH * KW, windows) to images."""
    plan = _checked(_fold_windows, input.shape, output_size, kernel_size, dilation, padding, stride)
    if input.dim() == 2:
        return folded(input.unsqueeze(0), *plan).squeeze(0)
    return folded(input, *plan)


def _check_positive(**sizes):
    for name, values in sizes.items():
        if min(values) <= 0:
            raise RuntimeError(f"fold, unfold: {name} is {tuple(values)}; it takes 1 or more.")
