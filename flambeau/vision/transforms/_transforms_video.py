"""Transforms of clips (C, T, H, W), by the older names; those of transforms take clips (T, C, H, W), too."""

import numbers
import random

from . import _functional_video as F
from .geometry import RandomCrop, RandomResizedCrop

__all__ = [
    "CenterCropVideo",
    "NormalizeVideo",
    "RandomCropVideo",
    "RandomHorizontalFlipVideo",
    "RandomResizedCropVideo",
    "ToTensorVideo",
]


class _Shown:
    _shows = ()

    def __repr__(self):
        return f"{type(self).__name__}({', '.join(f'{n}={getattr(self, n)}' for n in self._shows)})"


class RandomCropVideo(_Shown, RandomCrop):
    """A random part of that size."""

    _shows = ("size",)

    def __init__(self, size):
        super().__init__(size)

    def forward(self, clip):
        return F.crop(clip, *self.get_params(clip, self.size))


class RandomResizedCropVideo(_Shown, RandomResizedCrop):
    """A random part in another size."""

    _shows = ("size", "interpolation_mode", "scale", "ratio")

    def __init__(
        self, size, scale=(0.08, 1.0), ratio=(3.0 / 4.0, 4.0 / 3.0), interpolation_mode="bilinear"
    ):
        super().__init__(size, scale, ratio)
        self.interpolation_mode = interpolation_mode

    def forward(self, clip):
        part = self.get_params(clip, self.scale, self.ratio)
        return F.resized_crop(clip, *part, self.size, self.interpolation_mode)


class CenterCropVideo(_Shown):
    """The middle."""

    _shows = ("crop_size",)

    def __init__(self, crop_size):
        square = isinstance(crop_size, numbers.Number)
        self.crop_size = (int(crop_size), int(crop_size)) if square else crop_size

    def __call__(self, clip):
        return F.center_crop(clip, self.crop_size)


class NormalizeVideo(_Shown):
    """(clip - mean) / std, a value for each channel."""

    _shows = ("mean", "std", "inplace")

    def __init__(self, mean, std, inplace=False):
        self.mean, self.std, self.inplace = mean, std, inplace

    def __call__(self, clip):
        return F.normalize(clip, self.mean, self.std, self.inplace)


class ToTensorVideo(_Shown):
    """uint8 (T, H, W, C) as float32 (C, T, H, W) in [0, 1]."""

    def __call__(self, clip):
        return F.to_tensor(clip)


class RandomHorizontalFlipVideo(_Shown):
    """Left and right change places with probability p, drawn by Python's random."""

    _shows = ("p",)

    def __init__(self, p=0.5):
        self.p = p

    def __call__(self, clip):
        return F.hflip(clip) if random.random() < self.p else clip
