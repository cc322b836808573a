"""Marks for NVIDIA's profilers, which need a device."""

from . import needs_device

__all__ = ["mark", "range", "range_end", "range_pop", "range_push", "range_start"]

mark = needs_device("mark", __name__)
range = needs_device("range", __name__)
range_end = needs_device("range_end", __name__)
range_pop = needs_device("range_pop", __name__)
range_push = needs_device("range_push", __name__)
range_start = needs_device("range_start", __name__)
