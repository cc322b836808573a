"""Padding."""

import flambeau

from ..._core import _keep_format
from ...ops.attach import of_constant_slope
from ...ops.autocast import full_precision


def pad(input, pad, mode="constant", value=None):
    """`input` with its last dimensions made longer, or with negative numbers shorter.

    Args:
        pad (sequence of int): before and after the last dimension, then the one before it, ...
        mode (str): "constant"; or, for the last 1 to 3 dimensions of a 2- to 5-dimensional input,
            "reflect" (the edge is not repeated), "replicate" (it is), "circular".
        value (float): what "constant" fills with; 0 if None.
    """
    if len(pad) % 2:
        raise RuntimeError("Padding length must be divisible by 2")
    if len(pad) // 2 > input.dim():
        raise RuntimeError("Padding length too large")
    if mode == "constant":
        return flambeau.constant_pad_nd(input, pad, 0 if value is None else value)
    if value is not None and value != 0:
        raise ValueError(f'Padding mode "{mode}" doesn\'t take in value argument')
    if mode not in ("reflect", "replicate", "circular"):
        raise NotImplementedError(f"Unrecognised padding mode {mode}")
    return (_pad_from_inside if mode == "circular" else full_precision(_pad_from_inside))(
        input, pad, mode
    )


def _pad_from_inside(input, pad, mode):
    n = len(pad) // 2
    if mode != "circular":
        input = of_constant_slope(input)
    if not (1 <= n <= 3 and input.dim() in (n + 1, n + 2)):
        raise NotImplementedError(
            "Only 2D, 3D, 4D, 5D padding with non-constant padding are supported for now"
        )
    padded = input
    for i in range(n):
        dim = input.dim() - 1 - i
        before, after = pad[2 * i], pad[2 * i + 1]
        if before or after:
            index = _source(mode, input.shape, dim, before, after)
            padded = padded.index_select(dim, flambeau.tensor(index, device=input.device))
    # Circular padding gives the usual order, as in PyTorch.
    return padded if mode == "circular" else _keep_format(padded, input)


def _source(mode, shape, dim, before, after):
    """The index in the input of each place of the padded dimension."""
    size = shape[dim]
    places = range(-before, size + after)
    if mode == "circular":
        if before > size or after > size:
            raise RuntimeError("Padding value causes wrapping around more than once.")
        if size + before + after < 0:
            raise RuntimeError("Negative padding value is resulting in an empty dimension")
        # Negative padding cuts first; what is left goes round.
        low, high = max(-before, 0), size - max(-after, 0)
        return [low + (place - low) % (high - low) for place in places]
    if size + before + after < 1:
        raise RuntimeError(
            f"input size {size} with padding ({before}, {after}) at dimension {dim} leaves nothing"
        )
    if mode == "replicate":
        return [min(max(place, 0), size - 1) for place in places]
    if before >= size or after >= size:
        raise RuntimeError(
            "Padding size should be less than the corresponding input dimension, but got: "
            f"padding ({before}, {after}) at dimension {dim} of input {list(shape)}"
        )
    last = size - 1
    return [abs(place) if place <= last else 2 * last - place for place in places]
