"""Images as tensors (..., C, H, W): size, place and direction. What v1 and v2 do to tensors."""

import functools
import math

from ... import _core, as_tensor, empty, float32, iinfo, tensor, uint8
from ... import bool as bool_
from ...nn import functional as nnF
from .modes import InterpolationMode, check_mode, pair


def hflip(image):
    """Left and right change places."""
    return image.flip(-1)


def vflip(image):
    """Top and bottom change places."""
    return image.flip(-2)


# -- cutting and borders


def crop(image, top, left, height, width):
    """The part that begins at (top, left); beyond the image it is 0."""
    have_height, have_width = image.shape[-2:]
    bottom, right = top + height, left + width
    if top < 0 or left < 0 or bottom > have_height or right > have_width:
        border = (
            max(-left, 0),
            max(-top, 0),
            max(right - have_width, 0),
            max(bottom - have_height, 0),
        )
        image = pad(image, border)
        top, left = max(top, 0), max(left, 0)
    return image[..., top : top + height, left : left + width]


def centre(have, size):
    """(border that is missing, top, left) of the middle `size` of an image of `have`."""
    (height, width), (have_height, have_width) = size, have
    missing = max(height - have_height, 0), max(width - have_width, 0)
    border = (missing[1] // 2, missing[0] // 2, (missing[1] + 1) // 2, (missing[0] + 1) // 2)
    have_height, have_width = have_height + missing[0], have_width + missing[1]
    return border, round((have_height - height) / 2), round((have_width - width) / 2)


def center_crop(image, output_size):
    """The middle; a border of 0 where the image is smaller."""
    height, width = pair(output_size)
    border, top, left = centre(image.shape[-2:], (height, width))
    return crop(pad(image, border) if any(border) else image, top, left, height, width)


def pad(image, padding, fill=0, padding_mode="constant"):
    """A border. padding: of all sides; (left and right, top and bottom); or (left, top, right, bottom)."""
    left, top, right, bottom = four_sides(padding)
    height, width = image.shape[-2:]
    check_rest(height, width, (left, top, right, bottom), RuntimeError)
    if padding_mode == "constant":
        sizes = (*image.shape[:-2], height + top + bottom, width + left + right)
        out = empty(sizes, dtype=image.dtype, device=image.device)
        fill = 0 if fill is None else fill
        fill = [fill] if isinstance(fill, int | float) else list(fill)
        for channel, value in enumerate(fill):
            (out if len(fill) == 1 else out[..., channel, :, :]).fill_(value)
        shown = image[
            ..., max(-top, 0) : height + min(bottom, 0), max(-left, 0) : width + min(right, 0)
        ]
        top, left = max(top, 0), max(left, 0)
        out[..., top : top + shown.shape[-2], left : left + shown.shape[-1]] = shown
        return out
    rows = _border_index(height, top, bottom, padding_mode)
    columns = _border_index(width, left, right, padding_mode)
    return image.index_select(-2, rows).index_select(-1, columns)


def four_sides(padding):
    """(left, top, right, bottom) out of one number, of one, two or four."""
    if isinstance(padding, int):
        return (padding,) * 4
    padding = tuple(padding)
    if len(padding) == 1:
        return padding * 4
    if len(padding) == 2:
        return padding * 2
    if len(padding) != 4:
        raise ValueError(f"pad: padding must be one number, or 2 or 4, not {len(padding)}.")
    return padding


def check_rest(height, width, sides, error):
    """A negative border must not take more than there is."""
    left, top, right, bottom = sides
    if height + top + bottom < 0 or width + left + right < 0:
        raise error(
            f"pad: a border of {tuple(sides)} (left, top, right, bottom) takes more than the image of height {height} "
            f"and width {width} has."
        )


def _border_index(size, before, after, mode):
    """Which row stands at each place of the padded image."""
    places = range(-before, size + after)
    if mode == "edge":
        index = [min(max(i, 0), size - 1) for i in places]
    elif mode == "reflect":  # ... 2 1 | 0 1 2 3 | 2 1 ...
        period = max(2 * (size - 1), 1)
        index = [min(i % period, period - i % period) if size > 1 else 0 for i in places]
    elif mode == "symmetric":  # ... 1 0 | 0 1 2 3 | 3 2 ...
        index = [min(i % (2 * size), 2 * size - 1 - i % (2 * size)) for i in places]
    else:
        raise ValueError(
            f"pad: padding_mode is {mode!r}; it must be 'constant', 'edge', 'reflect' or "
            "'symmetric'."
        )
    return tensor(index)


def erase(image, i, j, h, w, v, inplace=False):
    """The rectangle (h, w) at (i, j) takes the values v."""
    image = image if inplace else image.clone()
    image[..., i : i + h, j : j + w] = as_tensor(v, dtype=image.dtype, device=image.device)
    return image


# -- size


def new_size(have, size, max_size=None):
    """(height, width) that a size means: both, or one number for the shorter side, the longer at most max_size."""
    if size is None:  # as large as max_size allows
        if max_size is None:
            raise ValueError(
                "resize: size is None, so max_size must say how long the longer side is."
            )
        factor = max_size / max(have)
        return tuple(int(max(1, s * factor)) if s != max(have) else max_size for s in have)
    if not isinstance(size, int):
        size = tuple(size)
        if len(size) == 2:
            if max_size is not None:
                raise ValueError("resize: max_size needs a size of one number.")
            return size
        if len(size) != 1:
            raise ValueError(f"resize: size must be an int or two, got {size}.")
        size = size[0]
    short, long = sorted(have)
    new_long = int(size * long / short)
    if max_size is not None:
        if max_size <= size:
            raise ValueError(
                f"resize: max_size {max_size} must be above size {size}, that of the shorter edge."
            )
        if new_long > max_size:
            size, new_long = int(max_size * size / new_long), max_size
    return (size, new_long) if have[0] <= have[1] else (new_long, size)


def resize(image, size, interpolation=InterpolationMode.BILINEAR, max_size=None, antialias=True):
    """Another size. Bytes are mixed as bytes (csrc/kernels/vision/resample.h), other values as floats."""
    mode = check_mode("resize", interpolation)
    have = tuple(image.shape[-2:])
    size = new_size(have, size, max_size)
    if size == have:
        return image
    if mode in (InterpolationMode.NEAREST, InterpolationMode.NEAREST_EXACT):
        index = _nearest if mode == InterpolationMode.NEAREST else _nearest_exact
        rows, columns = (index(old, new) for old, new in zip(have, size))
        return laid_as(image.index_select(-2, rows).index_select(-1, columns), image)
    if mode not in (InterpolationMode.BILINEAR, InterpolationMode.BICUBIC):
        raise NotImplementedError(
            f"resize: interpolation is {mode.value!r}; of tensors it is nearest, nearest-exact, bilinear or bicubic."
        )
    if image.numel() == 0:
        return image.new_empty((*image.shape[:-2], *size))
    planes = image.reshape(-1, *have)
    if antialias and image.dtype == uint8:
        cubic = mode == InterpolationMode.BICUBIC
        return laid_as(_core._resample(planes, *size, cubic).view(*image.shape[:-2], *size), image)
    values = planes if image.is_floating_point() else planes.to(float32)
    values = nnF.interpolate(
        values[None], size=size, mode=mode.value, align_corners=False, antialias=bool(antialias)
    )[0]
    return laid_as(as_before(values, image).view(*image.shape[:-2], *size), image)


def laid_as(values, image):
    """A new image (C, H, W) with its channels beside each other in memory, if those of the old one are."""
    if image.ndim == 3 and image.shape[0] > 1 and image.stride(0) == 1 and values.stride(0) != 1:
        return values.movedim(0, -1).contiguous().movedim(-1, 0)
    return values


def resize_by_floats(
    image, size, interpolation=InterpolationMode.BILINEAR, max_size=None, antialias=True
):
    """resize, as transforms' first version does it: bicubic bytes are cut at white once, at the end."""
    if image.dtype == uint8 and check_mode("resize", interpolation) == InterpolationMode.BICUBIC:
        values = resize(image.to(float32), size, interpolation, max_size, antialias)
        return as_before(values, image)
    return resize(image, size, interpolation, max_size, antialias)


def as_before(values, image):
    """Floating values in the dtype of the image, rounded and cut where that is an integer."""
    if image.is_floating_point():
        return values.to(image.dtype)
    if image.dtype == bool_:
        return values > 0.5
    info = iinfo(image.dtype)
    return values.round().clamp(info.min, info.max).to(image.dtype)


@functools.lru_cache(64)
def _nearest(have, want):
    return tensor([min(math.floor(i * have / want), have - 1) for i in range(want)])


@functools.lru_cache(64)
def _nearest_exact(have, want):
    return tensor([min(math.floor((i + 0.5) * have / want), have - 1) for i in range(want)])


def resized_crop(
    image, top, left, height, width, size, interpolation=InterpolationMode.BILINEAR, antialias=True
):
    """The part that begins at (top, left), in another size."""
    return resize(crop(image, top, left, height, width), size, interpolation, antialias=antialias)
