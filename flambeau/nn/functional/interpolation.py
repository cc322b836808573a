"""Resizing: each output sample is a weighted sum of few input samples along each dimension."""

import functools
import math
from typing import NamedTuple

import flambeau

from ... import _core
from ..._core import _keep_format
from ...ops.core.arguments import check_room
from ...ops.core.attach import attached
from ...ops.resample import nearest, resampled
from .pooling import adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d

_MODES = {  # mode: the numbers of spatial dimensions it is for
    "nearest": (1, 2, 3), "nearest-exact": (1, 2, 3), "area": (1, 2, 3),
    "linear": (1,), "bilinear": (2,), "bicubic": (2,), "trilinear": (3,),
}  # fmt: skip

# (mode, antialias): what csrc/kernels/vision/windows.h calls Resampling.
_KINDS = {
    ("linear", False): 0, ("bilinear", False): 0, ("trilinear", False): 0, ("bicubic", False): 1,
    ("bilinear", True): 2, ("bicubic", True): 3,
}  # fmt: skip


def interpolate(
    input, size=None, scale_factor=None, mode="nearest", align_corners=None,
    recompute_scale_factor=None, antialias=False,
):  # fmt: skip
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
    recompute = None if recompute_scale_factor is None else bool(recompute_scale_factor)
    given = size, scale_factor, mode, align_corners, recompute, antialias
    shape = tuple(input.shape)
    if _is_plain(size) and _is_plain(scale_factor) and _is_plain(shape):
        given = (_as_key(size), _as_key(scale_factor), *given[2:])
        plan = _plan(shape, input.dtype, *given)
    else:
        plan = _plan.__wrapped__(input.shape, input.dtype, *given)
    if mode == "area":
        pools = (adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d)
        return pools[input.dim() - 3](input, plan.sizes)
    if input.numel() == 0 or input.is_meta:
        return attached(_keep_format(input.new_zeros(plan.result), input), input)
    if plan.elements > _SURELY_FITS:
        # Sizes that no memory holds are refused before anything is computed for them: each step of the
        # resizing has places and weights in 8 bytes for each output.
        check_room(plan.elements * input.element_size(), input)
        check_room(2 * 8 * max(plan.sizes), input)
    if mode in ("nearest", "nearest-exact"):
        resized = nearest(input, plan.sizes, plan.steps, 0.5 if mode == "nearest-exact" else 0.0)
    else:
        resized = resampled(
            input, plan.sizes, plan.steps, _KINDS[mode, antialias], bool(align_corners)
        )
    return _keep_format(resized, input)


_NUMBERS = frozenset((int, float))

# Elements of a result that need no look at the memory there is.
_SURELY_FITS = 1 << 20


def _is_plain(value):
    """Whether a size or scale is a number, or a list of numbers: then it can be a key."""
    if type(value) in (list, tuple):
        return _NUMBERS.issuperset(map(type, value))
    return value is None or type(value) in _NUMBERS


def _as_key(value):
    return tuple(value) if type(value) is list else value


class _Plan(NamedTuple):
    """What an interpolation does: the new sizes, the sizes of the result and its elements, and the steps.

    Steps are the ratios of each dim; but for the nearest modes of three, and below 0 where a dim stays as it is.
    """

    sizes: list
    result: tuple
    elements: int
    steps: list


@functools.lru_cache(512)
def _plan(shape, dtype, size, scale_factor, mode, align_corners, recompute, antialias):
    """The checked plan for an input. Cached: a loop repeats its shapes."""
    n = len(shape) - 2
    if n < 1:
        raise NotImplementedError(
            f"interpolate: input {tuple(shape)} must have 3 to 5 dims, (N, C, sizes). unsqueeze(0) adds a dim of one."
        )
    if mode in ("nearest", "area", "nearest-exact"):
        if align_corners is not None:
            raise ValueError(
                f"interpolate: align_corners has no meaning for mode={mode!r}; linear, bilinear, "
                "bicubic and trilinear take it."
            )
    elif align_corners is None:
        align_corners = False
    sizes, scales = _sizes_and_scales(shape, size, scale_factor, recompute, n)
    if antialias and not (mode in ("bilinear", "bicubic") and n == 2):
        raise ValueError(
            "interpolate: antialias=True takes mode='bilinear' or 'bicubic' and an input of 4 "
            f"dims, not mode={mode!r} and {tuple(shape)}."
        )
    if mode not in _MODES or n not in _MODES[mode]:
        raise NotImplementedError(
            f"interpolate: mode={mode!r} does not take input {tuple(shape)}. linear takes 3 "
            "dims, bilinear and bicubic 4, trilinear 5; nearest, nearest-exact and area any of "
            "these."
        )
    whole = not (dtype.is_floating_point or dtype.is_complex)
    of_bytes = dtype is flambeau.uint8 and mode not in ("linear", "trilinear")
    if whole and mode not in ("nearest", "nearest-exact") and not of_bytes:
        raise NotImplementedError(
            f"interpolate: input is {dtype}, and mode={mode!r} gives no integers. Convert it with "
            ".float() first."
        )
    if mode == "area":
        return _Plan(sizes, (), 0, [])
    if shape[1] == 0:
        raise RuntimeError(
            f"interpolate: input {tuple(shape)} has no channels; only its batch may be empty."
        )
    if min(sizes) <= 0 or min(shape[2:]) <= 0:
        raise RuntimeError(
            f"interpolate: from {tuple(shape[2:])} to {tuple(sizes)} is not possible; all "
            "sizes must be 1 or more."
        )
    scales = [
        None if _leaves_scale(mode, n, antialias or of_bytes, size, out) else scale
        for size, out, scale in zip(shape[2:], sizes, scales, strict=True)
    ]
    if mode in ("nearest", "nearest-exact"):
        steps = [_ratio(shape[i + 2], sizes[i], scales[i], False) for i in range(n)]
    else:
        steps = [
            _ratio(shape[i + 2], sizes[i], scales[i], align_corners)
            if _KINDS[mode, antialias] != 0 or sizes[i] != shape[i + 2]
            else -1.0
            for i in range(n)
        ]
        steps = (-1.0, -1.0, *steps)[-3:]
    result = (*shape[:2], *sizes)
    return _Plan(sizes, result, math.prod(result), steps)


def _sizes_and_scales(shape, size, scale_factor, recompute, n):
    if size is not None and scale_factor is not None:
        raise ValueError("interpolate: give size or scale_factor, not both.")
    if size is not None:
        sizes = list(size) if isinstance(size, (list, tuple)) else [size] * n
        if len(sizes) != n:
            raise ValueError(
                f"interpolate: size {size} does not fit the {n} spatial dims of "
                f"input {tuple(shape)}. Give one number, or one for each."
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
            f"interpolate: scale_factor {scale_factor} does not fit the {n} spatial "
            f"dims of input {tuple(shape)}. Give one number, or one for each."
        )
    if not all(math.isfinite(f) for f in scales):
        raise RuntimeError(
            f"interpolate: scale_factor {scale_factor} gives sizes that are no numbers; it must be finite."
        )
    sizes = [math.floor(s * f) for s, f in zip(shape[2:], scales, strict=True)]
    return sizes, [None] * n if recompute else scales


def _leaves_scale(mode, n, in_weights, size, out):
    """Whether a dim is resized by its sizes, whatever scale_factor says: where the size stays (no mode shifts
    it but bicubic, nearest-exact and nearest of 1 and 3 dims), and where nearest doubles an image.

    in_weights: bicubic is computed with one set of weights for all rows, by antialias or for bytes.
    """
    if mode in ("nearest", "nearest-exact"):
        return mode == "nearest" and n == 2 and out in (size, 2 * size)
    return out == size and (in_weights or mode in ("linear", "bilinear", "trilinear"))


def _ratio(size, out, scale, align_corners):
    """How far in the input one step of the output goes."""
    if align_corners:
        return (size - 1) / (out - 1) if out > 1 else 0.0
    return 1.0 / scale if scale is not None and scale > 0 else size / out


def upsample(input, size=None, scale_factor=None, mode="nearest", align_corners=None):
    """The old name of interpolate.

    Shape: (N, C, ...) to the sizes asked for, as interpolate. Dtype: floating, and uint8 where interpolate takes it.
    """
    _core._warn("upsample: is an old name. Use interpolate.")
    return interpolate(input, size, scale_factor, mode, align_corners)


def upsample_nearest(input, size=None, scale_factor=None):
    """interpolate with mode="nearest".

    Shape: (N, C, ...) to the sizes asked for, as interpolate. Dtype: floating, and uint8 where interpolate takes it.
    """
    _core._warn("upsample_nearest: is an old name. Use interpolate(mode='nearest').")
    return interpolate(input, size, scale_factor, mode="nearest")


def upsample_bilinear(input, size=None, scale_factor=None):
    """interpolate with mode="bilinear" and align_corners=True.

    Shape: (N, C, ...) to the sizes asked for, as interpolate. Dtype: floating, and uint8 where interpolate takes it.
    """
    _core._warn(
        "upsample_bilinear: is an old name. Use interpolate(mode='bilinear', align_corners=True)."
    )
    return interpolate(input, size, scale_factor, mode="bilinear", align_corners=True)
