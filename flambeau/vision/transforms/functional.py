"""Transforms of images as functions. An image is a tensor (..., C, H, W)."""

import enum
import functools
import math

import flambeau


class InterpolationMode(enum.Enum):
    """How a value between pixels is found."""

    NEAREST = "nearest"
    NEAREST_EXACT = "nearest-exact"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"
    BOX = "box"
    HAMMING = "hamming"
    LANCZOS = "lanczos"


def pair(size):
    """(height, width) out of one number, a sequence of one, or of two."""
    if isinstance(size, int):
        return size, size
    size = tuple(size)
    if len(size) == 1:
        return size * 2
    if len(size) != 2:
        raise ValueError(
            f"vision.transforms: size must be a number or (height, width), not {size}."
        )
    return size


def _check_image(image, name):
    if not isinstance(image, flambeau.Tensor):
        raise TypeError(f"{name}: takes a Tensor, not {type(image).__name__}. ToTensor makes one.")
    if image.ndim < 2:
        raise ValueError(f"{name}: image {tuple(image.shape)} must be (..., C, H, W).")


# Conversion


def to_tensor(image):
    """A PIL image, an array (H, W) or (H, W, C), or a tensor (..., C, H, W), as ToTensor's.

    uint8 becomes float32 divided by 255; other dtypes keep their values.
    """
    if not isinstance(image, flambeau.Tensor):
        image = pil_to_tensor(image) if _is_pil(image) else _array_to_tensor(image)
    if image.dtype == flambeau.uint8:
        return image.to(flambeau.get_default_dtype()) / 255
    return image


def _array_to_tensor(array):
    import numpy

    if not isinstance(array, numpy.ndarray):
        raise TypeError(f"to_tensor: takes a PIL image or an array, not {type(array).__name__}.")
    if array.ndim not in (2, 3):
        raise ValueError(
            f"to_tensor: an array of {array.ndim} dims is no image; it must have 2 or 3."
        )
    if array.ndim == 2:
        array = array[:, :, None]
    return flambeau.from_numpy(numpy.ascontiguousarray(array.transpose(2, 0, 1)))


def _is_pil(image):
    return type(image).__module__.startswith("PIL.")


def pil_to_tensor(image):
    """A PIL image as a tensor (C, H, W)."""
    import numpy

    if not _is_pil(image):
        raise TypeError(f"pil_to_tensor: takes a PIL image, not {type(image).__name__}.")
    array = numpy.array(image)
    if array.dtype == bool:
        array = array.astype("uint8") * 255
    return _array_to_tensor(array)


def to_pil_image(image, mode=None):
    """A tensor (C, H, W) or (H, W), or an array (H, W, C), as a PIL image. Needs Pillow."""
    try:
        from PIL import Image
    except ImportError:
        raise ImportError(
            "vision.transforms.to_pil_image needs Pillow, which is not installed. "
            "Run: pip install 'flambeau[vision]'."
        ) from None
    if isinstance(image, flambeau.Tensor):
        if image.ndim not in (2, 3):
            raise ValueError(f"to_pil_image: {image.ndim} dims are no image; it must have 2 or 3.")
        if image.is_floating_point():
            image = image.mul(255).to(flambeau.uint8)
        image = (image.permute(1, 2, 0) if image.ndim == 3 else image).numpy()
    if image.ndim == 3 and image.shape[2] == 1:
        image = image[:, :, 0]
    picture = Image.fromarray(image)
    return picture if mode in (None, picture.mode) else picture.convert(mode)


def convert_image_dtype(image, dtype=None):
    """Another dtype; integers span 0 to their maximum where floating values span [0, 1]."""
    dtype = flambeau.float32 if dtype is None else dtype
    _check_image(image, "convert_image_dtype")
    if image.dtype == dtype:
        return image
    if image.is_floating_point():
        if dtype.is_floating_point:
            return image.to(dtype)
        # Just below the next integer, so that each value gets an equal share of [0, 1].
        return (image * (flambeau.iinfo(dtype).max + 1 - 1e-3)).to(dtype)
    maximum = flambeau.iinfo(image.dtype).max
    if dtype.is_floating_point:
        return image.to(dtype) / maximum
    factor = (flambeau.iinfo(dtype).max + 1) / (maximum + 1)
    if factor >= 1:
        return image.to(dtype) * int(factor)
    return (image // int(1 / factor)).to(dtype)


# Values


def normalize(image, mean, std, inplace=False):
    """(image - mean) / std, channel by channel."""
    _check_image(image, "normalize")
    if not image.is_floating_point():
        raise TypeError(
            f"normalize: the image is {image.dtype}, but it must be floating. ToTensor makes it so."
        )
    mean, std = (
        flambeau.as_tensor(v, dtype=image.dtype, device=image.device).view(-1, 1, 1)
        for v in (mean, std)
    )
    if (std == 0).any():
        raise ValueError("normalize: std is 0 in a channel; it divides by std.")
    if inplace:
        return image.sub_(mean).div_(std)
    return (image - mean) / std


# Place and direction


def hflip(image):
    """Left and right change places."""
    _check_image(image, "hflip")
    return image.flip(-1)


def vflip(image):
    """Top and bottom change places."""
    _check_image(image, "vflip")
    return image.flip(-2)


def crop(image, top, left, height, width):
    """The part that begins at (top, left); beyond the image it is 0."""
    _check_image(image, "crop")
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


def center_crop(image, output_size):
    """The middle; a border of 0 where the image is smaller."""
    _check_image(image, "center_crop")
    height, width = pair(output_size)
    have_height, have_width = image.shape[-2:]
    missing_height, missing_width = max(height - have_height, 0), max(width - have_width, 0)
    if missing_height or missing_width:
        border = (missing_width // 2, missing_height // 2)
        border += ((missing_width + 1) // 2, (missing_height + 1) // 2)
        image = pad(image, border)
        have_height, have_width = image.shape[-2:]
    top = round((have_height - height) / 2)
    left = round((have_width - width) / 2)
    return crop(image, top, left, height, width)


def pad(image, padding, fill=0, padding_mode="constant"):
    """A border, as Pad's."""
    _check_image(image, "pad")
    left, top, right, bottom = _four_sides(padding)
    height, width = image.shape[-2:]
    if padding_mode == "constant":
        sizes = (*image.shape[:-2], height + top + bottom, width + left + right)
        out = flambeau.empty(sizes, dtype=image.dtype, device=image.device)
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


def _four_sides(padding):
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
    return flambeau.tensor(index, dtype=flambeau.int64)


# Size


def resize(image, size, interpolation=InterpolationMode.BILINEAR, max_size=None, antialias=True):
    """Another size, as Resize's.

    Each direction is one product with a sparse matrix of weights, written out, which is exact and
    quick for small images.
    """
    _check_image(image, "resize")
    height, width = image.shape[-2:]
    new_height, new_width = _new_size((height, width), size, max_size)
    if interpolation == InterpolationMode.NEAREST:
        rows = flambeau.tensor(_nearest(height, new_height))
        columns = flambeau.tensor(_nearest(width, new_width))
        return image.index_select(-2, rows).index_select(-1, columns)
    if interpolation != InterpolationMode.BILINEAR:
        raise NotImplementedError(f"resize: interpolation {interpolation} is not supported.")
    if (new_height, new_width) == (height, width):
        return image
    values = image if image.is_floating_point() else image.to(flambeau.float32)
    down = flambeau.tensor(_weights(height, new_height, antialias), dtype=values.dtype)
    across = flambeau.tensor(_weights(width, new_width, antialias), dtype=values.dtype)
    values = down @ values @ across.t()  # (..., new_height, new_width)
    if image.is_floating_point():
        return values
    info = flambeau.iinfo(image.dtype)
    return values.round().clamp(info.min, info.max).to(image.dtype)


def _new_size(have, size, max_size):
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


def _nearest(have, want):
    return [min(math.floor(i * have / want), have - 1) for i in range(want)]


@functools.lru_cache(64)
def _weights(have, want, antialias):
    """(want, have): how much of each old pixel is in each new one; every row adds up to 1.

    A triangle around the new pixel's centre, in old pixels, as wide as one old pixel on either side
    or, where the image becomes smaller and antialias is set, as one new pixel.
    """
    scale = have / want
    reach = max(scale, 1.0) if antialias else 1.0
    rows = []
    for i in range(want):
        centre = (
            min(max((i + 0.5) * scale - 0.5, 0), have - 1)
            if reach == 1
            else (i + 0.5) * scale - 0.5
        )
        row = [max(0.0, 1 - abs(j - centre) / reach) for j in range(have)]
        total = sum(row)
        rows.append([weight / total for weight in row])
    return rows
