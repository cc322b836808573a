"""Images, in torchvision's terms. May import: floors 1 to 5, utils, fx.

datasets: read from folders, downloaded, bundled. transforms: between images and tensors; transforms.v2 with
tv_tensors: of images together with their boxes and masks. models: with torchvision's names and state_dict keys. ops:
boxes and regions. io, utils: files and pictures.
"""

from ..lazy_modules import lazy_modules

_MODULES = ("datasets", "extension", "io", "models", "ops", "transforms", "tv_tensors", "utils")

__all__ = [*_MODULES, "disable_beta_transforms_warning", "get_image_backend", "set_image_backend"]

__version__ = "0.28.0"  # of torchvision, whose interface this is


def get_image_backend():
    """What reads images: "PIL"."""
    return "PIL"


def set_image_backend(backend):
    """What reads images; there is only "PIL"."""
    if backend != "PIL":
        raise ValueError(
            f"set_image_backend: {backend!r} is not offered; images are read by 'PIL'."
        )


def disable_beta_transforms_warning():
    """Nothing: transforms.v2 warns of nothing of the kind."""


def _is_tracing():
    return False


__getattr__, __dir__ = lazy_modules(__name__, _MODULES, __all__[len(_MODULES) :])
