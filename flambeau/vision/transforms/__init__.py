"""Transforms of images: functions in functional.py, the classes that hold their arguments here.

An image is a tensor (..., C, H, W), so most take a batch as they take one image, or an image of Pillow.
transforms.v2 does the same to images together with their boxes, masks and keypoints.
"""

from .. import _lazy

__all__, __getattr__ = _lazy.contents(
    __name__,
    {
        "autoaugment": "AugMix AutoAugment AutoAugmentPolicy RandAugment TrivialAugmentWide",
        "color": "ColorJitter GaussianBlur Grayscale LinearTransformation RandomAdjustSharpness RandomAutocontrast "
        "RandomEqualize RandomGrayscale RandomInvert RandomPosterize RandomSolarize",
        "compose": "Compose Lambda RandomApply RandomChoice RandomOrder",
        "convert": "ConvertImageDtype PILToTensor ToPILImage ToTensor",
        "geometry": "CenterCrop ElasticTransform FiveCrop Pad RandomAffine RandomCrop RandomErasing "
        "RandomHorizontalFlip RandomPerspective RandomResizedCrop RandomRotation RandomVerticalFlip Resize TenCrop",
        "modes": "InterpolationMode",
        "normalize": "Normalize",
    },
    modules=("_presets", "functional", "transforms", "v2"),
)


def __dir__():
    return [*__all__, "functional", "v2"]
