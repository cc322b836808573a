"""_pil.py under the name by which programs ask for what is done to images of Pillow."""

from ._pil import (  # noqa: F401 (this module is their other home)
    adjust_brightness,
    adjust_contrast,
    adjust_gamma,
    adjust_hue,
    adjust_saturation,
    adjust_sharpness,
    autocontrast,
    crop,
    equalize,
    hflip,
    invert,
    pad,
    posterize,
    resize,
    solarize,
    vflip,
)
from ._pil import channels as get_image_num_channels  # noqa: F401
from ._pil import is_pil as _is_pil_image  # noqa: F401
from ._pil import rgb_to_grayscale as to_grayscale  # noqa: F401
from .functional import get_dimensions, get_image_size  # noqa: F401
