"""What images go through before a published model sees them."""

from ... import Tensor, float32, nn
from . import functional as F
from .functional import InterpolationMode

__all__ = [
    "ImageClassification", "ObjectDetection", "OpticalFlow", "SemanticSegmentation", "VideoClassification",
]  # fmt: skip

_IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}


def _sizes(size):
    return list(size) if isinstance(size, tuple | list) else [size]


def _as_float(image):
    if not isinstance(image, Tensor):
        image = F.pil_to_tensor(image)
    return F.convert_image_dtype(image, float32)


class _Preset(nn.Module):
    """Shows its arguments, one a line."""

    def __repr__(self):
        lines = "".join(f"\n    {key}={value}" for key, value in self._shown())
        return f"{type(self).__name__}({lines}\n)" if lines else f"{type(self).__name__}()"

    def _shown(self):
        names = ("crop_size", "resize_size", "mean", "std", "interpolation")
        return [(name, getattr(self, name)) for name in names if hasattr(self, name)]


class ObjectDetection(_Preset):
    """A PIL image or tensor as floats in [0, 1]; the models normalise and resize themselves."""

    def forward(self, img):
        return _as_float(img)


class ImageClassification(_Preset):
    """Resized, its middle cut out, and normalised: (..., 3, crop_size, crop_size)."""

    def __init__(
        self, *, crop_size, resize_size=256, mean=_IMAGENET["mean"], std=_IMAGENET["std"],
        interpolation=InterpolationMode.BILINEAR, antialias=True,
    ):  # fmt: skip
        super().__init__()
        self.crop_size, self.resize_size = _sizes(crop_size), _sizes(resize_size)
        self.mean, self.std = list(mean), list(std)
        self.interpolation = interpolation
        self.antialias = antialias

    def forward(self, img):
        img = F.resize(img, self.resize_size, self.interpolation, antialias=self.antialias)
        img = F.center_crop(img, self.crop_size)
        return F.normalize(_as_float(img), self.mean, self.std)


class VideoClassification(_Preset):
    """Frames (..., T, C, H, W), resized, cut and normalised, as (..., C, T, H, W)."""

    def __init__(
        self, *, crop_size, resize_size, mean=(0.43216, 0.394666, 0.37645),
        std=(0.22803, 0.22145, 0.216989), interpolation=InterpolationMode.BILINEAR,
    ):  # fmt: skip
        super().__init__()
        self.crop_size = list(crop_size)
        self.resize_size = list(resize_size)
        self.mean = list(mean)
        self.std = list(std)
        self.interpolation = interpolation

    def forward(self, vid):
        single = vid.ndim < 5
        vid = vid.unsqueeze(0) if single else vid
        n, t, c, h, w = vid.shape
        frames = vid.reshape(-1, c, h, w)
        # Without antialiasing, as the published models were measured.
        frames = F.resize(frames, self.resize_size, self.interpolation, antialias=False)
        frames = F.center_crop(frames, self.crop_size)
        frames = F.normalize(F.convert_image_dtype(frames, float32), self.mean, self.std)
        vid = frames.view(n, t, c, *frames.shape[-2:]).permute(0, 2, 1, 3, 4)
        return vid.squeeze(0) if single else vid


class SemanticSegmentation(_Preset):
    """Resized and normalised, nothing cut away; resize_size None keeps the size."""

    def __init__(
        self, *, resize_size, mean=_IMAGENET["mean"], std=_IMAGENET["std"],
        interpolation=InterpolationMode.BILINEAR, antialias=True,
    ):  # fmt: skip
        super().__init__()
        self.resize_size = [resize_size] if resize_size is not None else None
        self.mean = list(mean)
        self.std = list(std)
        self.interpolation = interpolation
        self.antialias = antialias

    def forward(self, img):
        if self.resize_size is not None:
            img = F.resize(img, self.resize_size, self.interpolation, antialias=self.antialias)
        return F.normalize(_as_float(img), self.mean, self.std)


class OpticalFlow(_Preset):
    """Two images as contiguous floats in [-1, 1]."""

    def forward(self, img1, img2):
        return tuple(
            F.normalize(_as_float(img), [0.5] * 3, [0.5] * 3).contiguous() for img in (img1, img2)
        )
