"""Padding."""

import functools
import math

import flambeau

from ..._core import _keep_format
from ...ops.core.arguments import check_room
from ...ops.core.attach import attached, of_constant_slope
from ...ops.core.autocast import full_precision
from ...ops.padding import add_border, check_widths, is_of_pixels


def pad(input, pad, mode="constant", value=None):
    """`input` with its last dimensions made longer, or with negative numbers shorter.

    Args:
        pad (sequence of int): before and after the last dimension, then the one before it, ...
        mode (str): "constant"; or, for the last 1 to 3 dimensions of a 2- to 5-dimensional input,
            "reflect" (the edge is not repeated), "replicate" (it is), "circular".
        value (float): what "constant" fills with; 0 if None.
    """
    if isinstance(pad, str) and len(pad) % 2:
        raise TypeError("pad: pad must be a sequence of ints, not str.")
    check_widths(pad, input)
    if mode == "constant":
        return flambeau.constant_pad_nd(input, pad, 0 if value is None else value)
    if value is not None and value != 0:
        raise ValueError(
            f"pad: mode={mode!r} takes its values from input, so value={value} has no effect. "
            "Leave it away, or use mode='constant'."
        )
    if mode not in ("reflect", "replicate", "circular"):
        raise NotImplementedError(
            f"pad: mode is {mode!r}; it must be 'constant', 'reflect', 'replicate' or 'circular'."
        )
    return (_pad_from_inside if mode == "circular" else _pad_in_full_precision)(input, pad, mode)


def _pad_from_inside(input, pad, mode):
    if mode != "circular":
        input = of_constant_slope(input)
    pad = tuple(pad)
    shape, numel, is_empty = _padded_shape(tuple(input.shape), pad, mode)
    if shape == input.shape and not any(pad):
        return input.clone()  # never the input's own memory
    if numel > 1 << 16:
        n = len(pad) // 2
        room = 8 * sum(shape[-n:]) + numel * input.element_size()
        check_room(room, input)
    if is_empty:
        return attached(input.new_zeros(shape), input)
    if mode != "circular" and is_of_pixels(input, pad):
        pixels = add_border(input.permute(0, 2, 3, 1), mode, (0, 0, *pad))
        return pixels.permute(0, 3, 1, 2)
    padded = add_border(input, mode, pad)
    # Circular padding gives the usual order, as in PyTorch.
    return padded if mode == "circular" else _keep_format(padded, input)


@functools.lru_cache(1024)
def _padded_shape(given, pad, mode):
    """Of an input of `given` with its border: the checked sizes, their product or the largest of them,
    and whether a dim to pad is empty. Cached: a loop repeats its shapes."""
    n = len(pad) // 2
    if not (1 <= n <= 3 and len(given) in (n + 1, n + 2)):
        raise NotImplementedError(
            f"pad: mode={mode!r} pads the last 1 to 3 dims of an input with one or two dims more; "
            f"{len(pad)} numbers do not fit input {given}."
        )
    if mode != "circular" and 0 in given[len(given) - n - 1 :]:
        raise RuntimeError(
            f"pad: mode {mode!r} takes inputs of which only the batch may be empty, but got "
            f"{given}."
        )
    shape = list(given)
    for i in range(n):
        dim = len(given) - 1 - i
        before, after = pad[2 * i], pad[2 * i + 1]
        if before or after:
            _check_border(mode, given, dim, before, after)
            shape[dim] += before + after
    if mode != "circular" and 0 not in given[-n:] and max(shape[-n:]) < 1:
        raise RuntimeError(
            f"pad: mode {mode!r} with {pad} leaves nothing of input {given} in any padded dim."
        )
    return tuple(shape), max(math.prod(shape), *shape), 0 in given[-n:] or 0 in shape[-n:]


_pad_in_full_precision = full_precision(_pad_from_inside)


def _check_border(mode, shape, dim, before, after):
    size = shape[dim]
    if mode == "circular":
        if before > size or after > size:
            raise RuntimeError(
                f"pad: mode='circular' pads by {max(before, after)}, more than the size {size} of dim {dim}."
            )
        left = size + min(before, 0) + min(after, 0)
        if size + before + after < 0 or (left <= 0 and size + before + after > 0):
            raise RuntimeError(f"pad: {before} and {after} take all from dim {dim} of size {size}.")
        return
    if size + before + after < 0:
        raise RuntimeError(f"pad: {before} and {after} leave nothing of dim {dim} of size {size}.")
    if mode == "reflect" and (before >= size or after >= size):
        raise RuntimeError(
            f"pad: mode='reflect' pads dim {dim} by {before} and {after}, which must be less than "
            f"its size in input {tuple(shape)}."
        )
