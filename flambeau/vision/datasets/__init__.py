"""Image data sets: bundled (Digits), made up (FakeData), or read from a folder and, where offered, downloaded.

Small images that lie in one array (MNIST, CIFAR) are fast uint8 tensors, of which batches are made at once; for a
program that imports torchvision they are images of Pillow, as there. as_pil = True or False decides otherwise.
"""

from .. import _lazy

__all__, __getattr__ = _lazy.contents(
    __name__,
    {
        "annotated": "CocoCaptions CocoDetection VOCDetection VOCSegmentation",
        "arrays": "CIFAR10 CIFAR100 STL10 SVHN USPS",
        "classified": "Caltech101 Caltech256 CelebA Flowers102 Food101 ImageNet OxfordIIITPet",
        "digits": "Digits",
        "fake": "FakeData",
        "folder": "DatasetFolder ImageFolder",
        "image_dataset": "ImageDataset",
        "mnist": "EMNIST FashionMNIST KMNIST MNIST",
        "vision": "VisionDataset",
        "wrapped": "wrap_dataset_for_transforms_v2",
    },
    modules=("utils", "download"),
)


def __dir__():
    return [*__all__, "utils"]
