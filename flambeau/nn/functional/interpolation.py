"""Resizing: each output sample is a weighted sum of few input samples along each dimension."""

import math
import warnings

import flambeau

from ..._core import _keep_format
from ...ops.core.attach import attached
from .pooling import adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d

_MODES = {  # mode: the numbers of spatial dimensions it is for
    "nearest": (1, 2, 3), "nearest-exact": (1, 2, 3), "area": (1, 2, 3),
    "linear": (1,), "bilinear": (2,), "bicubic": (2,), "trilinear": (3,),
}  # fmt: skip


def cubic_taps(part, a=-0.75):
    """Weights of the 4 neighbours at distances 1 + part, part, 1 - part, 2 - part.

    Source: Keys, IEEE Trans. ASSP 29 (1981) 1153, with a = -0.75.
    """
    return [_cubic(distance, a) for distance in (1 + part, part, 1 - part, 2 - part)]


def _cubic(distance, a):
    """Keys' kernel at a tensor of distances in [0, 2]."""
    near = ((a + 2) * distance - (a + 3)) * distance * distance + 1
    far = ((a * distance - 5 * a) * distance + 8 * a) * distance - 4 * a
    return flambeau.where(distance <= 1, near, far)


def interpolate(
    input,
    size=None,
    scale_factor=None,
    mode="nearest",
    align_corners=None,
    recompute_scale_factor=None,
    antialias=False,
):
    """`input` (N, C, *S) resampled to another size.

    Args:
        size (int or sequence): the output's sizes.
        scale_factor (float or sequence): or their ratio to the input's.
        mode (str): "nearest" (as older programs expect it), "nearest-exact", "linear", "bilinear",
            "bicubic", "trilinear" by the number of dimensions, "area".
        align_corners (bool): the corner samples keep their place, rather than the outer edges.
        recompute_scale_factor (bool): use the ratio of the sizes, not the given scale_factor.
        antialias (bool): widen the kernel when shrinking; "bilinear" and "bicubic" only.
    """
    n = input.dim() - 2
    if n < 1:
        raise NotImplementedError(
            f"interpolate: input {tuple(input.shape)} must have 3 to 5 dims, (N, C, sizes). unsqueeze(0) adds a dim of one."
        )
    if mode in ("nearest", "area", "nearest-exact"):
        if align_corners is not None:
            raise ValueError(
                f"interpolate: align_corners has no meaning for mode={mode!r}; linear, bilinear, "
                "bicubic and trilinear take it."
            )
    elif align_corners is None:
        align_corners = False
    sizes, scales = _sizes_and_scales(input, size, scale_factor, recompute_scale_factor, n)
    if antialias and not (mode in ("bilinear", "bicubic") and n == 2):
        raise ValueError(
            "interpolate: antialias=True takes mode='bilinear' or 'bicubic' and an input of 4 "
            f"dims, not mode={mode!r} and {tuple(input.shape)}."
        )
    if mode not in _MODES or n not in _MODES[mode]:
        raise NotImplementedError(
            f"interpolate: mode={mode!r} does not take input {tuple(input.shape)}. linear takes 3 "
            "dims, bilinear and bicubic 4, trilinear 5; nearest, nearest-exact and area any of "
            "these."
        )
    whole = not (input.is_floating_point() or input.is_complex())
    if whole and mode not in ("nearest", "nearest-exact") and input.dtype is not flambeau.uint8:
        raise NotImplementedError(
            f"interpolate: input is {input.dtype}, and mode={mode!r} gives no integers. Convert it with "
            ".float() first."
        )
    if mode == "area":
        pools = (adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d)
        return pools[n - 1](input, sizes)
    if min(sizes) <= 0 or min(input.shape[2:]) <= 0:
        raise RuntimeError(
            f"interpolate: from {tuple(input.shape[2:])} to {tuple(sizes)} is not possible; all "
            "sizes must be 1 or more."
        )
    result = (*input.shape[:2], *sizes)
    if input.numel() == 0 or input.is_meta:
        return attached(_keep_format(input.new_zeros(result), input), input)
    # Sizes that no memory holds are refused before anything is computed for them: each step of the
    # resizing has places and weights in 8 bytes for each output.
    flambeau._core._check_room(math.prod(result) * input.element_size(), input)
    flambeau._core._check_room(2 * 8 * max(sizes), input)
    resized = input
    # Bytes are rounded after each direction, so the order of these shows: columns come first.
    for i in reversed(range(n)) if whole else range(n):
        dim, out, scale = i + 2, sizes[i], scales[i]
        if antialias:
            resized = _resize_antialiased(resized, dim, out, scale, mode, align_corners)
        else:
            resized = _resize(resized, dim, out, scale, mode, align_corners)
    return _keep_format(resized, input)


def _sizes_and_scales(input, size, scale_factor, recompute, n):
    if size is not None and scale_factor is not None:
        raise ValueError("interpolate: give size or scale_factor, not both.")
    if size is not None:
        sizes = list(size) if isinstance(size, (list, tuple)) else [size] * n
        if len(sizes) != n:
            raise ValueError(
                f"interpolate: size {size} does not fit the {input.dim() - 2} spatial dims of "
                f"input {tuple(input.shape)}. Give one number, or one for each."
            )
        if recompute:
            raise ValueError(
                "interpolate: recompute_scale_factor=True needs scale_factor, but size is given."
            )
        return [int(s) for s in sizes], [None] * n
    if scale_factor is None:
        raise ValueError("interpolate: needs size or scale_factor.")
    scales = list(scale_factor) if isinstance(scale_factor, (list, tuple)) else [scale_factor] * n
    if len(scales) != n:
        raise ValueError(
            f"interpolate: scale_factor {scale_factor} does not fit the {input.dim() - 2} spatial "
            f"dims of input {tuple(input.shape)}. Give one number, or one for each."
        )
    if not all(math.isfinite(f) for f in scales):
        raise RuntimeError(
            f"interpolate: scale_factor {scale_factor} gives sizes that are no numbers; it must be finite."
        )
    sizes = [math.floor(s * f) for s, f in zip(input.shape[2:], scales, strict=True)]
    return sizes, [None] * n if recompute else scales


def _ratio(size, out, scale, align_corners):
    """How far in the input one step of the output goes."""
    if align_corners:
        return (size - 1) / (out - 1) if out > 1 else 0.0
    return 1.0 / scale if scale is not None and scale > 0 else size / out


def _resize(input, dim, out, scale, mode, align_corners):
    size = input.shape[dim]
    if mode in ("nearest", "nearest-exact"):
        ratio = _ratio(size, out, scale, False)
        shift = 0.5 if mode == "nearest-exact" else 0.0
        at = (flambeau.arange(out, dtype=flambeau.float64, device=input.device) + shift) * ratio
        return input.index_select(dim, at.clamp(max=size - 1).long())
    if size == out and scale in (None, 1):
        return input if mode != "bicubic" else input.clone()
    ratio = _ratio(size, out, scale, align_corners)
    real = input.dtype if input.is_floating_point() else flambeau.float32
    work = real if real in (flambeau.float32, flambeau.float64) else flambeau.float32
    at = flambeau.arange(out, dtype=flambeau.float64, device=input.device)
    at = at * ratio if align_corners else (at + 0.5) * ratio - 0.5
    if mode != "bicubic":
        at = at.clamp(min=0)
    base = at.floor()
    part = at - base
    weights = cubic_taps(part) if mode == "bicubic" else [1 - part, part]
    first = -1 if mode == "bicubic" else 0
    places = [(base.long() + (i + first)).clamp(0, size - 1) for i in range(len(weights))]
    unit = None
    if input.dtype == flambeau.uint8:
        weights, unit = _whole_weights(_gathered(weights, places))
    shape = [-1 if i == dim else 1 for i in range(input.dim())]
    wide = input.to(work)
    total = None
    for index, weight in zip(places, weights, strict=True):
        term = wide.index_select(dim, index) * weight.to(work).reshape(shape)
        total = term if total is None else total + term
    return _rounded(total, input.dtype, unit)


def _gathered(weights, places):
    """(taps, out): the weights, those of one place (at the edges) summed in its first tap."""
    weights = list(weights)
    for i in range(len(weights)):
        for j in range(i + 1, len(weights)):
            same = places[i] == places[j]
            weights[i] = flambeau.where(same, weights[i] + weights[j], weights[i])
            weights[j] = weights[j].masked_fill(same, 0.0)
    return flambeau.stack(weights)


def _whole_weights(weights):
    """(multiples, unit): weights as whole multiples of a power of 2, the largest below 2**15.

    Sums of bytes are exact then. Source: the fixed-point resampling of Pillow-SIMD.
    """
    largest = float(weights.max())
    bits = 0
    while bits < 22 and math.floor(0.5 + largest * 2 ** (bits + 1)) < 2**15:
        bits += 1
    scaled = weights * 2**bits
    return flambeau.where(scaled < 0, scaled - 0.5, scaled + 0.5).trunc(), 2.0**-bits


def _resize_antialiased(input, dim, out, scale, mode, align_corners):
    size = input.shape[dim]
    ratio = _ratio(size, out, scale, align_corners)
    reach = 2.0 if mode == "bicubic" else 1.0
    widen = max(ratio, 1.0)
    made = {"dtype": flambeau.float64, "device": input.device}
    centres = ratio * (flambeau.arange(out, **made) + 0.5)
    places = flambeau.arange(size, **made) + 0.5
    distance = ((places.unsqueeze(0) - centres.unsqueeze(1)) / widen).abs()  # (out, size)
    if mode == "bicubic":
        weight = _cubic(distance, -0.5)
    else:
        weight = 1 - distance
    # The window of a sample is what lies within reach, rounded to whole samples.
    low = (centres - reach * widen + 0.5).trunc().clamp(min=0).unsqueeze(1)
    high = (centres + reach * widen + 0.5).trunc().clamp(max=size).unsqueeze(1)
    inside = (places.unsqueeze(0) > low) & (places.unsqueeze(0) < high) & (distance < reach)
    weight = flambeau.where(inside, weight, flambeau.zeros_like(weight))
    weight = weight / weight.sum(1, keepdim=True)
    unit = None
    if input.dtype == flambeau.uint8:
        weight, unit = _whole_weights(weight)
    work = flambeau.float64 if input.dtype == flambeau.float64 else flambeau.float32
    weight = weight.to(work)
    moved = input.to(work).movedim(dim, -1)
    return _rounded((moved @ weight.t()).movedim(-1, dim), input.dtype, unit)


def _rounded(values, dtype, unit=None):
    """values as dtype; bytes are whole multiples of `unit`, and their halves go up."""
    if unit is None:
        return values.to(dtype)
    return (values * unit + 0.5).floor().clamp(0, 255).to(dtype)


def upsample(input, size=None, scale_factor=None, mode="nearest", align_corners=None):
    """The old name of interpolate."""
    warnings.warn(
        "upsample: is an old name. Use interpolate.",
        stacklevel=2,
    )
    return interpolate(input, size, scale_factor, mode, align_corners)


def upsample_nearest(input, size=None, scale_factor=None):
    """interpolate with mode="nearest"."""
    warnings.warn(
        "upsample_nearest: is an old name. Use interpolate(mode='nearest').",
        stacklevel=2,
    )
    return interpolate(input, size, scale_factor, mode="nearest")


def upsample_bilinear(input, size=None, scale_factor=None):
    """interpolate with mode="bilinear" and align_corners=True."""
    warnings.warn(
        "upsample_bilinear: is an old name. Use interpolate(mode='bilinear', align_corners=True).",
        stacklevel=2,
    )
    return interpolate(input, size, scale_factor, mode="bilinear", align_corners=True)
