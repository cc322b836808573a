"""Images, in torchvision's terms. May import: floors 1 to 5, utils, fx.

datasets: read from folders, downloaded, bundled. transforms: between images and tensors; transforms.v2 with
tv_tensors: of images together with their boxes and masks. models: with torchvision's names and state_dict keys. ops:
boxes and regions. io, utils: files and pictures.
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
