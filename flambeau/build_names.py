"""What programs ask of a build of PyTorch, and of its devices: answered for this one."""

import importlib

from .accelerator import Event, Stream
from .types import device as _device

__all__ = [
    "AcceleratorError", "Event", "FatalError", "Stream", "compiled_with_cxx11_abi", "cudnn_is_acceptable",
    "get_device_module", "has_lapack", "has_mkl", "has_openmp", "has_spectral", "init_num_threads",
    "is_vulkan_available",
]  # fmt: skip

has_lapack = has_spectral = True
has_mkl = has_openmp = False


class AcceleratorError(RuntimeError):
    """What goes wrong on a device that computes; there is none, so it is never raised."""


class FatalError(Exception):
    """An error after which PyTorch cannot go on; never raised."""


AcceleratorError.__module__ = FatalError.__module__ = "flambeau"


def compiled_with_cxx11_abi():
    """Whether the core is built with the C++11 ABI of the standard library: True."""
    return True


def cudnn_is_acceptable(input):
    """Whether cuDNN would be used for a tensor: False."""
    return False


def is_vulkan_available():
    """Whether tensors can be on Vulkan devices: False."""
    return False


def init_num_threads():
    """Nothing: threads begin with the first call that uses them."""


def get_device_module(device=None):
    """The module of a device (torch.cpu, torch.cuda ...); of the CPU if none is given.

    Raises:
        RuntimeError: the device has no module.
    """
    name = "cpu" if device is None else _device(device).type
    try:
        return importlib.import_module(f"{__package__}.{name}")
    except ModuleNotFoundError:
        raise RuntimeError(f"get_device_module: there is no module of {name!r}.") from None
