"""Transforms of images, videos, masks, boxes and keypoints as functions.

Each does to its first argument what suits its type (_dispatch.py), an image of Pillow, a plain tensor as an image,
or a TVTensor. Kernels have names of their own, resize_mask for one, and take tensors.
"""

import importlib

from ..._conversions import pil_to_tensor, to_pil_image, to_tensor
from ...modes import InterpolationMode
from . import _dispatch, _make
from ._dispatch import register_kernel

_OTHERS = """clamp_bounding_boxes clamp_keypoints convert_bounding_box_format convert_image_dtype cvcuda_to_tensor
    five_crop get_dimensions
    get_image_num_channels get_image_size get_num_channels get_num_frames get_size is_pure_tensor sanitize_bounding_boxes
    sanitize_keypoints ten_crop to_cvcuda_tensor to_image""".split()

_FILES = ("_augment", "_color", "_geometry", "_meta", "_misc", "_utils")  # of torchvision's names

__all__ = ["InterpolationMode", "pil_to_tensor", "register_kernel", "to_pil_image", "to_tensor"]
__all__ += sorted([*_OTHERS, *_dispatch.names()])


def __getattr__(name):
    if name in _FILES:
        return importlib.import_module(f"{__name__}.{name}")
    found = (
        getattr(_make, name)
        if name in _OTHERS
        else _dispatch.named(name) or _dispatch.kernel_named(name)
    )
    if found is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = found
    return found
