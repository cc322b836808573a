"""Images, in torchvision's terms: data sets and transforms. May import: floors 1 to 5, utils.

datasets: Digits (bundled), MNIST, FashionMNIST.
transforms: from images to tensors and between them.
"""

import importlib

_MODULES = ("datasets", "io", "models", "ops", "transforms", "tv_tensors", "utils")

__all__ = [*_MODULES]

__version__ = "0.28.0"  # of torchvision, whose interface this is


def __getattr__(name):
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted(__all__)
