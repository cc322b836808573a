"""Models of videos (N, 3, T, H, W)."""

from .. import _lazy

_CLASSES = {
    "VideoResNet": "resnet",
    "MViT": "mvit",
    "S3D": "s3d",
    "SwinTransformer3d": "swin_transformer",
}

__all__, __getattr__ = _lazy.contents(__name__, "video", _CLASSES)
