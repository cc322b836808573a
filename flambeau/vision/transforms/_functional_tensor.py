"""functional.py under the name by which programs ask for what it does to tensors.

affine, rotate and perspective take the numbers of their matrices here, from new places to old ones.
"""

from . import _image_color, _image_warp
from .functional import (  # noqa: F401 (this module is their other home)
    _check_tensor,
    adjust_brightness,
    adjust_contrast,
    adjust_gamma,
    adjust_hue,
    adjust_saturation,
    adjust_sharpness,
    autocontrast,
    convert_image_dtype,
    crop,
    elastic_transform,
    equalize,
    erase,
    gaussian_blur,
    get_dimensions,
    get_image_num_channels,
    get_image_size,
    hflip,
    invert,
    normalize,
    pad,
    posterize,
    resize,
    rgb_to_grayscale,
    solarize,
    vflip,
)


def _max_value(dtype):
    """The value of white."""
    return _image_color.white(dtype)


def _rgb2hsv(img):
    from ... import stack

    return stack(_image_color._to_hsv(img), dim=-3)


def _hsv2rgb(img):
    return _image_color._from_hsv(*img.unbind(-3))


def affine(img, matrix, interpolation="nearest", fill=None):
    """Moved by six numbers about its middle."""
    return rotate(img, matrix, interpolation, fill=fill)


def rotate(img, matrix, interpolation="nearest", expand=False, fill=None):
    """Moved by six numbers about its middle; expand: the result holds the whole image."""
    _check_tensor(img, "affine")
    size = tuple(img.shape[-2:])
    out = _image_warp.output_size(matrix, size) if expand else size
    grid = _image_warp.matrix_grid(matrix, size, out)
    return _image_warp.sample("affine", img, grid, interpolation, fill)


def perspective(img, perspective_coeffs, interpolation="bilinear", fill=None):
    """Moved by eight numbers."""
    _check_tensor(img, "perspective")
    return _image_warp.perspective(img, None, None, interpolation, fill, perspective_coeffs)
