"""Transforms of samples: images together with their boxes, masks, keypoints and videos, however they are nested.

A transform takes any structure of inputs and does the same, with the same random numbers, to all that are images of
Pillow, TVTensors or, where there is no image, the first plain tensor; everything else passes.

    flip = v2.RandomHorizontalFlip()
    image, target = flip(image, {"boxes": boxes, "labels": labels})
"""

from ... import _lazy

__all__, __getattr__ = _lazy.contents(
    __name__,
    {
        "_augment": "CutMix JPEG MixUp RandomErasing",
        "_auto_augment": "AugMix AutoAugment RandAugment TrivialAugmentWide",
        "_color": "ColorJitter GaussianBlur GaussianNoise Grayscale RGB RandomAdjustSharpness RandomAutocontrast "
        "RandomChannelPermutation RandomEqualize RandomGrayscale RandomInvert RandomPhotometricDistort RandomPosterize "
        "RandomSolarize",
        "_container": "Compose RandomApply RandomChoice RandomOrder",
        "_geometry": "CenterCrop ElasticTransform FiveCrop Pad RandomAffine RandomCrop RandomHorizontalFlip "
        "RandomIoUCrop RandomPerspective RandomResize RandomResizedCrop RandomRotation RandomShortestSize "
        "RandomVerticalFlip RandomZoomOut Resize ScaleJitter TenCrop",
        "_meta": "ClampBoundingBoxes ClampKeyPoints ConvertBoundingBoxFormat SanitizeBoundingBoxes SanitizeKeyPoints "
        "SetClampingMode",
        "_misc": "ConvertImageDtype Identity Lambda LinearTransformation Normalize ToDtype UniformTemporalSubsample",
        "_transform": "Transform",
        "_types": "CVCUDAToTensor PILToTensor ToCVCUDATensor ToImage ToPILImage ToPureTensor ToTensor",
        "_utils": "check_type get_bounding_boxes get_keypoints has_all has_any query_chw query_size",
    },
    modules=("functional",),
)
_ELSEWHERE = {"AutoAugmentPolicy": "_policies", "InterpolationMode": "modes"}
__all__ += [*_ELSEWHERE, "functional"]
_own = __getattr__


def __getattr__(name):
    if name in _ELSEWHERE:
        import importlib

        file = f"{__name__.rpartition('.')[0]}.{_ELSEWHERE[name]}"
        return getattr(importlib.import_module(file), name)
    return _own(name)


def __dir__():
    return __all__
