"""Models that give each pixel scores of classes: {"out": (N, classes, H, W)}, with "aux" where there is such a head."""

from .. import _lazy

_CLASSES = {"FCN": "fcn", "DeepLabV3": "deeplabv3", "LRASPP": "lraspp"}

__all__, __getattr__ = _lazy.contents(__name__, "segmentation", _CLASSES)
