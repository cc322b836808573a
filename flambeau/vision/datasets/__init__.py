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
        "captions": "Flickr30k Flickr8k SBU",
        "classified": "Caltech101 Caltech256 CelebA Flowers102 Food101 ImageNet OxfordIIITPet",
        "digits": "Digits",
        "faces": "FER2013 LFWPairs LFWPeople WIDERFace",
        "fake": "FakeData",
        "flow": "FlyingChairs FlyingThings3D HD1K KittiFlow Sintel",
        "folder": "DatasetFolder ImageFolder",
        "image_dataset": "ImageDataset",
        "labelled": "CLEVRClassification Country211 DTD EuroSAT FGVCAircraft GTSRB INaturalist Imagenette Omniglot "
        "Places365 RenderedSST2 SUN397 StanfordCars",
        "mnist": "EMNIST FashionMNIST KMNIST MNIST QMNIST",
        "packed": "LSUN LSUNClass PCAM PhotoTour SEMEION",
        "stereo": "CREStereo CarlaStereo ETH3DStereo FallingThingsStereo InStereo2k Kitti2012Stereo Kitti2015Stereo "
        "Middlebury2014Stereo SceneFlowStereo SintelStereo",
        "streets": "Cityscapes Kitti SBDataset",
        "videos": "HMDB51 Kinetics MovingMNIST UCF101",
        "vision": "VisionDataset",
        "wrapped": "wrap_dataset_for_transforms_v2",
    },
    modules=("download", "samplers", "utils", "video_utils"),
)


def __dir__():
    return [*__all__, "utils"]
