"""Transforms of images as functions: an image is a tensor (..., C, H, W) or an image of Pillow.

What they do is written once for tensors (_image.py, _image_color.py, _image_warp.py) and once with Pillow
(_pil.py); v2/functional does the same to boxes, masks and keypoints, too.
"""

import functools

from ... import Tensor
from . import _image, _image_color, _image_warp, _pil
from ._conversions import pil_to_tensor, to_pil_image, to_tensor
from .modes import PIL_NUMBERS, InterpolationMode, pair, shows_first

__all__ = [
    "InterpolationMode", "adjust_brightness", "adjust_contrast", "adjust_gamma", "adjust_hue", "adjust_saturation",
    "adjust_sharpness", "affine", "autocontrast", "center_crop", "convert_image_dtype", "crop", "elastic_transform",
    "equalize", "erase", "five_crop", "gaussian_blur", "get_dimensions", "get_image_num_channels", "get_image_size",
    "hflip", "invert", "normalize", "pad", "perspective", "pil_to_tensor", "posterize", "resize", "resized_crop",
    "rgb_to_grayscale", "rotate", "solarize", "ten_crop", "to_grayscale", "to_pil_image", "to_tensor", "vflip",
]  # fmt: skip

pil_modes_mapping = {mode: PIL_NUMBERS[mode.value] for mode in InterpolationMode}


def _check_kind(image, name):
    if not isinstance(image, Tensor):
        raise TypeError(f"{name}: takes a Tensor, not {type(image).__name__}. ToTensor makes one.")


def _check_tensor(image, name):
    _check_kind(image, name)
    if image.ndim < 2:
        raise ValueError(f"{name}: image {tuple(image.shape)} must be (..., C, H, W).")


def _both(of_tensors, name=None):
    """The function that does this to tensors, and to images of Pillow what _pil has under its name."""
    name = name or of_tensors.__name__
    of_pil = getattr(_pil, name if hasattr(_pil, name) else of_tensors.__name__)

    @functools.wraps(of_tensors)
    def transform(img, *args, **options):
        if _pil.is_pil(img):
            return of_pil(img, *args, **options)
        _check_tensor(img, name)
        return of_tensors(img, *args, **options)

    transform.__name__ = transform.__qualname__ = name
    transform.__module__ = __name__
    shows_first(transform, of_tensors, "img")
    return transform


hflip = _both(_image.hflip)
vflip = _both(_image.vflip)
crop = _both(_image.crop)
center_crop = _both(_image.center_crop)
pad = _both(_image.pad)
resize = _both(_image.resize_by_floats, "resize")


def resized_crop(
    img, top, left, height, width, size, interpolation=InterpolationMode.BILINEAR, antialias=True
):
    """The part that begins at (top, left), in another size."""
    if _pil.is_pil(img):
        return _pil.resized_crop(img, top, left, height, width, size, interpolation, antialias)
    part = crop(img, top, left, height, width)
    return resize(part, size, interpolation, antialias=antialias)


affine = _both(_image_warp.affine)
_get_inverse_affine_matrix = _image_warp.inverse_matrix  # programs ask for it by this name
_get_perspective_coeffs = _image_warp.perspective_coefficients
rotate = _both(_image_warp.rotate)
perspective = _both(_image_warp.perspective)
elastic_transform = _both(_image_warp.elastic, "elastic_transform")
adjust_brightness = _both(_image_color.adjust_brightness)
adjust_contrast = _both(_image_color.adjust_contrast)
adjust_saturation = _both(_image_color.adjust_saturation)
adjust_hue = _both(_image_color.adjust_hue)
adjust_gamma = _both(_image_color.adjust_gamma)
adjust_sharpness = _both(_image_color.adjust_sharpness)
rgb_to_grayscale = _both(_image_color.rgb_to_grayscale)
invert = _both(_image_color.invert)
posterize = _both(_image_color.posterize)
solarize = _both(_image_color.solarize)
autocontrast = _both(_image_color.autocontrast)
equalize = _both(_image_color.equalize)
gaussian_blur = _both(_image_color.gaussian_blur)


def to_grayscale(img, num_output_channels=1):
    """A grey image of Pillow, of 1 or 3 bands."""
    if not _pil.is_pil(img):
        raise TypeError(
            f"to_grayscale: takes an image of Pillow, not {type(img).__name__}; rgb_to_grayscale takes both."
        )
    return _pil.rgb_to_grayscale(img, num_output_channels)


def convert_image_dtype(image, dtype=None):
    """Another dtype, of any shape; integers span 0 to their maximum where floating values span [0, 1]."""
    _check_kind(image, "convert_image_dtype")
    return _image_color.convert_dtype(image, dtype)


def normalize(tensor, mean, std, inplace=False):
    """(tensor - mean) / std, channel by channel."""
    _check_tensor(tensor, "normalize")
    return _image_color.normalize(tensor, mean, std, inplace)


def erase(img, i, j, h, w, v, inplace=False):
    """The rectangle (h, w) at (i, j) takes the values v."""
    _check_tensor(img, "erase")
    return _image.erase(img, i, j, h, w, v, inplace)


# -- facts


def get_dimensions(img):
    """[channels, height, width]."""
    if _pil.is_pil(img):
        return [_pil.channels(img), *_pil.size(img)]
    _check_tensor(img, "get_dimensions")
    return [1 if img.ndim == 2 else img.shape[-3], *img.shape[-2:]]


def get_image_size(img):
    """[width, height]."""
    _, height, width = get_dimensions(img)
    return [width, height]


def get_image_num_channels(img):
    """The number of channels."""
    return get_dimensions(img)[0]


# -- several at once


def five_crop(img, size):
    """(top left, top right, bottom left, bottom right, middle), each of `size`."""
    height, width = pair(size)
    _, have_height, have_width = get_dimensions(img)
    if height > have_height or width > have_width:
        raise ValueError(
            f"five_crop: size {(height, width)} is larger than the image {(have_height, have_width)}."
        )
    corners = [(top, left) for top in (0, have_height - height) for left in (0, have_width - width)]
    return (
        *(crop(img, top, left, height, width) for top, left in corners),
        center_crop(img, (height, width)),
    )


def ten_crop(img, size, vertical_flip=False):
    """five_crop of the image, and of the flipped one."""
    return five_crop(img, size) + five_crop(vflip(img) if vertical_flip else hflip(img), size)
