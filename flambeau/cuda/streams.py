"""Streams, events and graphs of CUDA devices: types that can be named, and contexts that do nothing."""

from . import needs_device

__all__ = [
    "CUDAGraph", "Event", "ExternalStream", "Stream", "StreamContext", "current_stream",
    "default_stream", "graph", "graph_pool_handle", "is_current_stream_capturing",
    "make_graphed_callables", "set_stream", "stream",
]  # fmt: skip


class StreamContext:
    """A context in which work goes into a stream; None, and any without a device, changes nothing."""

    def __init__(self, stream):
        self.stream = stream

    def __enter__(self):
        return None

    def __exit__(self, *exception):
        return None


def stream(stream):
    """StreamContext of a stream."""
    return StreamContext(stream)


def set_stream(stream):
    """Nothing without a device, as in PyTorch with None."""


def is_current_stream_capturing():
    """Whether a graph is being recorded: False."""
    return False


CUDAGraph = needs_device("CUDAGraph", __name__)
Event = needs_device("Event", __name__)
ExternalStream = needs_device("ExternalStream", __name__)
Stream = needs_device("Stream", __name__)
current_stream = needs_device("current_stream", __name__)
default_stream = needs_device("default_stream", __name__)
graph = needs_device("graph", __name__)
graph_pool_handle = needs_device("graph_pool_handle", __name__)
make_graphed_callables = needs_device("make_graphed_callables", __name__)
