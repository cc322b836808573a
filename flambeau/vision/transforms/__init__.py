"""Transforms of images: functions in functional.py, the classes that hold their arguments here.

An image is a tensor (..., C, H, W), so most take a batch as they take one image; PIL images and
NumPy arrays are taken by ToTensor and PILToTensor.
"""

from . import functional
from .compose import Compose, Lambda
from .convert import ConvertImageDtype, PILToTensor, ToPILImage, ToTensor
from .functional import InterpolationMode
from .geometry import CenterCrop, Pad, RandomCrop, RandomHorizontalFlip, RandomVerticalFlip, Resize
from .normalize import Normalize

__all__ = [
    "CenterCrop",
    "Compose",
    "ConvertImageDtype",
    "InterpolationMode",
    "Lambda",
    "Normalize",
    "PILToTensor",
    "Pad",
    "RandomCrop",
    "RandomHorizontalFlip",
    "RandomVerticalFlip",
    "Resize",
    "ToPILImage",
    "ToTensor",
    "functional",
]
