"""PyTorch's place for events and their averages: flambeau.profiler.events."""

from ..profiler.events import (
    EventList,
    FunctionEvent,
    FunctionEventAvg,
    Interval,
    _format_time,
)

__all__ = ["EventList", "FunctionEvent", "FunctionEventAvg", "Interval", "_format_time"]
