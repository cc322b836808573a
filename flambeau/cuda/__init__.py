"""CUDA devices. There are none yet: what asks is told so, what needs one raises an error."""

from .. import types
from ..types import NoSuchDevice

_NONE = (
    "flambeau is not compiled with CUDA enabled: it computes on the CPU. "
    "Ask torch.cuda.is_available() before moving tensors."
)


def is_available():
    """Whether a CUDA device can be used: False."""
    return False


def is_bf16_supported(including_emulation=True):
    """Whether the current device computes in bfloat16: False, there is none."""
    return False


def is_initialized():
    """Whether CUDA is in use: False."""
    return False


def device_count():
    """How many CUDA devices can be used: 0."""
    return 0


def init():
    """Raises NoSuchDevice: there is no device to start."""
    raise NoSuchDevice(_NONE)


def current_device():
    """Raises NoSuchDevice: there is no current device."""
    raise NoSuchDevice(_NONE)


def set_device(device):
    """Raises NoSuchDevice: there is no device to choose."""
    raise NoSuchDevice(_NONE)


def get_device_name(device=None):
    """Raises NoSuchDevice: there is no device to name."""
    raise NoSuchDevice(_NONE)


def synchronize(device=None):
    """Raises NoSuchDevice: there is no device to wait for."""
    raise NoSuchDevice(_NONE)


def manual_seed(seed):
    """Seeds the current device; without one nothing, as in PyTorch."""
    int(seed)


def manual_seed_all(seed):
    """Seeds all devices; without one nothing, as in PyTorch."""
    int(seed)


def empty_cache():
    """Gives unused device memory back; without a device nothing, as in PyTorch."""


def memory_allocated(device=None):
    """Bytes of tensors on the device: 0."""
    return 0


def max_memory_allocated(device=None):
    """The most bytes of tensors there were on the device: 0."""
    return 0


def move(tensor, device=None):
    """For Tensor.cuda().

    Raises:
        NoSuchDevice: always.
    """
    wanted = types.device("cuda") if device is None else types.device(device)
    raise NoSuchDevice(f"cuda: {_NONE} Asked for {wanted}.")


def __getattr__(name):
    if name == "amp":
        from importlib import import_module

        return import_module(".amp", __name__)
    if name.endswith(("Tensor", "Storage")):
        from .older_types import TYPES

        if name in TYPES:
            return TYPES[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
