"""Videos as clips (C, T, H, W), by the older names."""

from ... import Tensor, as_tensor, float32, uint8
from ...nn import functional as nnF

__all__ = ["center_crop", "crop", "hflip", "normalize", "resize", "resized_crop", "to_tensor"]


def _check(name, clip):
    """TypeError or ValueError unless a clip is a tensor of four dims."""
    if not isinstance(clip, Tensor):
        raise TypeError(f"{name}: clip must be a Tensor, not {type(clip).__name__}.")
    if clip.ndim != 4:
        raise ValueError(f"{name}: clip has {clip.ndim} dims; it must have four.")


def crop(clip, i, j, h, w):
    """The part (h, w) that begins at (i, j)."""
    _check("crop", clip)
    return clip[..., i : i + h, j : j + w]


def resize(clip, target_size, interpolation_mode):
    """Another size (height, width), by nn.functional.interpolate."""
    if len(target_size) != 2:
        raise ValueError(f"resize: target_size is {target_size}; it must be (height, width).")
    corners = None if interpolation_mode.startswith("nearest") else False
    return nnF.interpolate(
        clip, size=tuple(target_size), mode=interpolation_mode, align_corners=corners
    )


def resized_crop(clip, i, j, h, w, size, interpolation_mode="bilinear"):
    """A part in another size."""
    return resize(crop(clip, i, j, h, w), size, interpolation_mode)


def center_crop(clip, crop_size):
    """The middle. ValueError: the clip is smaller."""
    _check("center_crop", clip)
    (height, width), (h, w) = clip.shape[-2:], crop_size
    if height < h or width < w:
        raise ValueError(f"center_crop: crop_size is {(h, w)}, but the clip has {(height, width)}.")
    return crop(clip, round((height - h) / 2), round((width - w) / 2), h, w)


def to_tensor(clip):
    """uint8 (T, H, W, C) as float32 (C, T, H, W) in [0, 1]."""
    _check("to_tensor", clip)
    if clip.dtype != uint8:
        raise TypeError(f"to_tensor: clip is {clip.dtype}; it must be uint8.")
    return clip.to(float32).permute(3, 0, 1, 2) / 255


def normalize(clip, mean, std, inplace=False):
    """(clip - mean) / std, a value for each channel."""
    _check("normalize", clip)
    mean, std = (
        as_tensor(value, dtype=clip.dtype, device=clip.device)[:, None, None, None]
        for value in (mean, std)
    )
    return clip.sub_(mean).div_(std) if inplace else (clip - mean) / std


def hflip(clip):
    """Left and right change places."""
    _check("hflip", clip)
    return clip.flip(-1)
