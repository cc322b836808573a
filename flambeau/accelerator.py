"""The accelerator of this machine, whichever it is. There is none yet: programs compute on the CPU."""

from . import cpu, cuda
from .refusals import refusals
from .types import NoSuchDevice
from .types import device as _device

__all__ = ["current_accelerator", "device_count", "is_available"]

is_available = cuda.is_available
device_count = cuda.device_count


def current_accelerator(check_available=False):
    """None: there is no accelerator."""
    return None


_REFUSED = """
    Graph current_device_idx current_device_index current_stream device_index empty_cache empty_host_cache
    get_device_capability get_memory_info max_memory_allocated max_memory_reserved memory_allocated memory_reserved
    memory_stats reset_accumulated_memory_stats reset_peak_memory_stats set_device_idx set_device_index set_stream
    synchronize
"""
globals().update(
    refusals(
        _REFUSED,
        "There is no accelerator: flambeau computes on the CPU. Ask torch.accelerator.is_available() first.",
        "accelerator.",
        error=NoSuchDevice,
        module=__name__,
    )
)
__all__ += _REFUSED.split()


def _the_cpu(name, device):
    found = _device("cpu" if device is None else device)
    if found.type != "cpu":
        raise NoSuchDevice(
            f"{name}: device '{found}' is not available: flambeau computes on the CPU."
        )
    return found


class Stream(cpu.Stream):
    """torch.Stream: an order of work on a device. On the CPU, the one there is, all work is done when a call returns."""

    def __init__(self, device=None, *, priority=0):
        super().__init__(priority)
        self.device = _the_cpu("Stream", device)
        self.device_type, self.device_index, self.stream_id = self.device.type, -1, 0

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        return None


class Event(cpu.Event):
    """torch.Event: a mark in a stream; on the CPU, where it notes the time."""

    def __init__(self, device=None, *, enable_timing=False, blocking=False, interprocess=False):
        super().__init__(enable_timing, blocking, interprocess)
        self.device = _the_cpu("Event", device)
        self.event_id = 0


Stream.__module__ = Event.__module__ = "flambeau"
