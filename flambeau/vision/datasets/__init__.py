"""Image data sets: bundled (Digits), or read from a folder and downloaded (MNIST, FashionMNIST)."""

from .digits import Digits
from .fake import FakeData
from .image_dataset import ImageDataset
from .mnist import MNIST, FashionMNIST

__all__ = ["MNIST", "Digits", "FakeData", "FashionMNIST", "ImageDataset"]
