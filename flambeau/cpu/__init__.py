"""The CPU by the names that torch.cuda has: one device, whose work is done when a call returns."""

import contextlib

from . import amp

__all__ = [
    "Event", "Stream", "StreamContext", "amp", "current_device", "current_stream", "device_count",
    "get_capabilities", "is_available", "is_initialized", "set_device", "stream", "synchronize",
]  # fmt: skip


def is_available():
    """Whether tensors can be computed on the CPU: True."""
    return True


def is_initialized():
    """Whether the CPU is in use: True."""
    return True


def device_count():
    """How many CPU devices there are: 1."""
    return 1


def current_device():
    """The name of the one device: "cpu"."""
    return "cpu"


def set_device(device):
    """Nothing: there is one device."""


def synchronize(device=None):
    """Nothing: a call returns when its work is done."""


def get_capabilities():
    """{name: bool} of instructions that kernels may use."""
    from ..backends.cpu import get_cpu_capability

    level = get_cpu_capability()
    return {"avx2": level in ("AVX2", "AVX512"), "avx512": level == "AVX512"}


class Stream:
    """An order of work. All work of the CPU is in one."""

    def __init__(self, priority=-1):
        self.priority = priority

    def wait_stream(self, stream):
        """Nothing: the other's work is done."""

    def wait_event(self, event):
        """Nothing: what it marks is done."""

    def record_event(self, event=None):
        """A mark; done already."""
        return Event() if event is None else event

    def synchronize(self):
        """Nothing: all work is done."""

    def query(self):
        """Whether all work is done: True."""
        return True


class Event:
    """A mark in a stream."""

    def __init__(self, enable_timing=False, blocking=False, interprocess=False):
        self._time = None

    def record(self, stream=None):
        """Notes the time."""
        import time

        self._time = time.perf_counter()

    def query(self):
        """Whether the work before the mark is done: True."""
        return True

    def wait(self, stream=None):
        """Nothing: the work is done."""

    def synchronize(self):
        """Nothing: the work is done."""

    def elapsed_time(self, end_event):
        """Milliseconds from this mark to the other.

        Raises:
            RuntimeError: one of both was not recorded.
        """
        if self._time is None or end_event._time is None:
            raise RuntimeError("cpu.Event.elapsed_time: both events must be recorded first.")
        return (end_event._time - self._time) * 1e3


_stream = Stream()


def current_stream(device=None):
    """The one stream."""
    return _stream


class StreamContext(contextlib.AbstractContextManager):
    """A context in which work goes into a stream: the one there is."""

    def __init__(self, stream):
        self.stream = stream

    def __exit__(self, *exception):
        return None


def stream(stream):
    """StreamContext of a stream."""
    return StreamContext(stream)
