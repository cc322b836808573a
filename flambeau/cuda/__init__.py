"""CUDA devices. There are none yet: what asks is told so, what needs one raises an error."""

from .. import types

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
    """Raises RuntimeError: there is no device to start."""
    raise RuntimeError(_NONE)


def current_device():
    """Raises RuntimeError: there is no current device."""
    raise RuntimeError(_NONE)


def set_device(device):
    """Raises RuntimeError: there is no device to choose."""
    raise RuntimeError(_NONE)


def get_device_name(device=None):
    """Raises RuntimeError: there is no device to name."""
    raise RuntimeError(_NONE)


def synchronize(device=None):
    """Raises RuntimeError: there is no device to wait for."""
    raise RuntimeError(_NONE)


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
        RuntimeError: always.
    """
    wanted = types.device("cuda") if device is None else types.device(device)
    raise RuntimeError(f"cuda: {_NONE} Asked for {wanted}.")


def __getattr__(name):
    if name == "amp":
        from importlib import import_module

        return import_module(".amp", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
