"""The accelerator of this machine, whichever it is. There is none yet: programs compute on the CPU."""

from . import cuda

__all__ = [
    "current_accelerator", "current_device_index", "device_count", "is_available", "synchronize",
]  # fmt: skip

is_available = cuda.is_available
device_count = cuda.device_count
synchronize = cuda.synchronize


def current_accelerator(check_available=False):
    """None: there is no accelerator."""
    return None


current_device_index = cuda.current_device
