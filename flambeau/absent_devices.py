"""Devices that there are none of: what asks is told so, what needs one raises NoSuchDevice. For mps, xpu, mtia."""

from collections import OrderedDict

from .refusals import refusals
from .types import NoSuchDevice


def _count():
    """How many can be used: 0."""
    return 0


def _no():
    """Whether they can be used: False."""
    return False


def _no_bfloat16(including_emulation=True):
    """Whether the current device computes in bfloat16: False, there is none."""
    return False


def _nothing():
    """Nothing, as there is no device."""


def _seed(seed):
    """Nothing: there is no device to seed."""
    int(seed)


def _bytes(device=None):
    """Bytes in use on the device: 0."""
    return 0


def _statistics(device=None):
    """{name: number} of the device's memory: empty."""
    return OrderedDict()


def _reset(device=None):
    """Nothing: there is no memory to count."""


class _Context:
    """A context that chooses a device or a stream; without any it changes nothing."""

    def __init__(self, chosen):
        self.chosen = chosen

    def __enter__(self):
        return None

    def __exit__(self, *exception):
        return False


def _no_stream(stream):
    """A context in which work goes into a stream; without a device it changes nothing."""
    return _Context(stream)


def _synchronize(device=None):
    """Nothing: there is no work to wait for."""


_ANSWERS = {
    "is_available": _no, "is_initialized": _no, "device_count": _count, "is_bf16_supported": _no_bfloat16,
    "is_tf32_supported": _no, "is_current_stream_capturing": _no, "empty_cache": _nothing, "manual_seed": _seed,
    "manual_seed_all": _seed, "memory_allocated": _bytes, "max_memory_allocated": _bytes, "memory_reserved": _bytes,
    "max_memory_reserved": _bytes, "memory_stats": _statistics, "memory_stats_as_nested_dict": _statistics,
    "reset_peak_memory_stats": _reset, "reset_accumulated_memory_stats": _reset, "synchronize": _synchronize,
    "device": _Context, "device_of": _Context, "StreamContext": _Context, "stream": _no_stream,
}  # fmt: skip


def absent(kind, whose, answers, refused):
    """The names of the module of a device of which there is none.

    Args:
        kind (str): the module, as in "xpu".
        whose (str): a sentence of what such devices are.
        answers (str): names of it that can be answered.
        refused (str): names of it that need a device.
    """
    found = {name: _ANSWERS[name] for name in answers.split()}
    reason = f"{whose} flambeau computes on the CPU. Ask torch.{kind}.is_available() first."
    module = f"flambeau.{kind}"
    found.update(refusals(refused, reason, f"{kind}.", error=NoSuchDevice, module=module))
    return found
