"""Marks for NVIDIA's profilers, which need a device."""

import contextlib

from . import needs_device

__all__ = ["mark", "range", "range_end", "range_pop", "range_push", "range_start"]

mark = needs_device("mark", __name__)
range_end = needs_device("range_end", __name__)
range_pop = needs_device("range_pop", __name__)
range_push = needs_device("range_push", __name__)
range_start = needs_device("range_start", __name__)


@contextlib.contextmanager
def range(msg, *args, **kwargs):
    """Marks what runs inside; as a decorator, what a function does.

    Raises:
        RuntimeError: entered without a device.
    """
    range_push(msg.format(*args, **kwargs))
    try:
        yield
    finally:
        range_pop()
