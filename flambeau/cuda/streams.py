"""Streams, events and graphs of CUDA devices."""

import contextlib

from .. import _core
from ..types import device as Device
from . import device_count, index_of, is_available, needs_device

__all__ = [
    "CUDAGraph", "Event", "ExternalStream", "Stream", "StreamContext", "current_stream",
    "default_stream", "graph", "graph_pool_handle", "is_current_stream_capturing",
    "make_graphed_callables", "set_stream", "stream",
]  # fmt: skip


class Stream:
    """An order of work on a device; work of two streams is ordered by events only.

    Args:
        device: the current one by default.
        priority (int): below 0: before others.
    """

    def __init__(self, device=None, priority=0, *, _handle=None):
        self._index = index_of(device, "Stream")
        self._owns = _handle is None
        self.priority = priority
        self._handle = (
            _core._cuda_stream_create(self._index, priority) if _handle is None else _handle
        )
        self.device = Device("cuda", self._index)
        self.device_index, self.device_type = self._index, 1
        self.cuda_stream = self.stream_id = self._handle

    @property
    def _as_parameter_(self):
        import ctypes

        return ctypes.c_void_p(self._handle)

    def synchronize(self):
        """Waits until all of its work is done; raises what its kernels report."""
        _core._cuda_stream_synchronize(self._index, self._handle)

    def query(self):
        """Whether all of its work is done."""
        return _core._cuda_stream_query(self._index, self._handle)

    def wait_event(self, event):
        """Work that comes later waits for an event."""
        if event._handle is not None:
            _core._cuda_stream_wait(self._index, self._handle, event._handle)

    def record_event(self, event=None):
        """An event (a new one by default), reached when the work up to here is done."""
        event = Event() if event is None else event
        event.record(self)
        return event

    def wait_stream(self, stream):
        """Work that comes later waits for what another stream has been given so far."""
        self.wait_event(stream.record_event())

    def __enter__(self):
        context = StreamContext(self)
        self._contexts = [*getattr(self, "_contexts", []), context]
        context.__enter__()
        return self

    def __exit__(self, *exception):
        self._contexts.pop().__exit__(*exception)

    def __eq__(self, other):
        return isinstance(other, Stream) and (self._index, self._handle) == (
            other._index,
            other._handle,
        )

    def __hash__(self):
        return hash((self._index, self._handle))

    def __repr__(self):
        return f"<torch.cuda.Stream device=cuda:{self._index} cuda_stream={self._handle:#x}>"


class Event:
    """A mark in a stream.

    Args:
        enable_timing (bool): elapsed_time() is asked for.
        blocking (bool): waiting sleeps instead of spinning.
        interprocess (bool): must be False.
    """

    def __init__(self, enable_timing=False, blocking=False, interprocess=False, external=False):
        if interprocess or external:
            raise NotImplementedError(
                "cuda.Event: interprocess and external events are not available."
            )
        index_of(None, "Event")
        self._flags = (not enable_timing) * 2 + blocking * 1
        self._handle = self._index = None

    @property
    def cuda_event(self):
        return self._handle or 0

    @property
    def device(self):
        return None if self._index is None else Device("cuda", self._index)

    def record(self, stream=None):
        """Puts it behind what the stream (the current one by default) has been given."""
        stream = current_stream() if stream is None else stream
        if self._handle is None:
            self._index = stream._index
            self._handle = _core._cuda_event_create(self._index, self._flags)
        elif self._index != stream._index:
            raise RuntimeError(
                f"cuda.Event: was recorded on cuda:{self._index} and can't be on cuda:{stream._index}."
            )
        _core._cuda_event_record(self._index, self._handle, stream._handle)

    def wait(self, stream=None):
        """Lets a stream (the current one by default) wait for it."""
        (current_stream() if stream is None else stream).wait_event(self)

    def query(self):
        """Whether it has been reached."""
        return self._handle is None or _core._cuda_event_query(self._index, self._handle)

    def synchronize(self):
        """Waits until it is reached."""
        if self._handle is not None:
            _core._cuda_event_synchronize(self._index, self._handle)

    def elapsed_time(self, end_event):
        """Milliseconds from this event to another; both with enable_timing=True and reached."""
        if self._flags & 2 or end_event._flags & 2:
            raise ValueError("cuda.Event: elapsed_time needs events with enable_timing=True.")
        if self._handle is None or end_event._handle is None:
            raise ValueError("cuda.Event: elapsed_time needs events that were recorded.")
        return _core._cuda_event_elapsed(self._index, self._handle, end_event._handle)

    def __del__(self):
        with contextlib.suppress(Exception):
            if self._handle is not None:
                _core._cuda_event_destroy(self._index, self._handle)

    def __repr__(self):
        state = "not recorded" if self._handle is None else f"{self._handle:#x}"
        return f"<torch.cuda.Event {state}>"


def current_stream(device=None):
    """The stream of this thread's work on a device."""
    index = index_of(device, "current_stream")
    return Stream(index, _handle=_core._cuda_current_stream(index) or 0)


def default_stream(device=None):
    """The stream in which a device's work goes where no other is chosen."""
    return Stream(index_of(device, "default_stream"), _handle=0)


def set_stream(stream):
    """Makes a stream this thread's on its device; None changes nothing."""
    if stream is not None:
        _core._cuda_set_stream(stream._index, stream._handle)


class StreamContext:
    """A context in which work goes into a stream, whose device is the current one; None changes nothing."""

    def __init__(self, stream):
        self.stream = stream

    def __enter__(self):
        if self.stream is None or not is_available():
            return
        index = self.stream._index
        self._before = _core._cuda_current_device(), index, _core._cuda_current_stream(index)
        _core._cuda_set_device(index)
        _core._cuda_set_stream(index, self.stream._handle)

    def __exit__(self, *exception):
        if self.stream is None or not is_available():
            return
        device, index, stream = self._before
        _core._cuda_set_stream(index, stream)
        _core._cuda_set_device(device)


def stream(stream):
    """StreamContext of a stream."""
    return StreamContext(stream)


def is_current_stream_capturing():
    """Whether the current stream is being recorded into a graph."""
    return bool(device_count()) and _core._cuda_is_capturing(
        index_of(None, "is_current_stream_capturing")
    )


def graph_pool_handle():
    """A mark by which graphs share memory: they all do."""
    return (0, 0)


class CUDAGraph:
    """Work of a stream, recorded once and launched as a whole.

    What it allocates while it is recorded is its own until it is forgotten. Keep the tensors that it reads, and write
    new inputs into them. `pool` is accepted: each graph has memory of its own.
    """

    def __init__(self, keep_graph=False):
        self._index, self._graph = index_of(None, "CUDAGraph"), None

    def capture_begin(self, pool=None, capture_error_mode="global"):
        """Records the current stream from here on; it must not be the default one."""
        if not _core._cuda_current_stream(self._index):
            raise RuntimeError(
                "cuda.CUDAGraph: the default stream can't be recorded. Use torch.cuda.graph, or choose a "
                "Stream() first."
            )
        _core._cuda_capture_begin(self._index)

    def capture_end(self):
        """Ends the recording."""
        self._graph = _core._cuda_capture_end(self._index)

    def replay(self):
        """Does what was recorded, in the current stream."""
        if self._graph is None:
            raise RuntimeError("cuda.CUDAGraph: nothing has been recorded.")
        _core._cuda_graph_launch(self._index, self._graph)

    def reset(self):
        """Forgets what was recorded."""
        if self._graph is not None:
            _core._cuda_graph_destroy(self._index, self._graph)
            self._graph = None

    def pool(self):
        """What other graphs may be given to share memory with it."""
        return graph_pool_handle()

    def __del__(self):
        with contextlib.suppress(Exception):
            self.reset()


class graph:
    """A context whose work is recorded into a CUDAGraph."""

    def __init__(self, cuda_graph, pool=None, stream=None, capture_error_mode="global"):
        self.cuda_graph = cuda_graph
        self._context = StreamContext(Stream() if stream is None else stream)

    def __enter__(self):
        from . import synchronize

        synchronize()
        self._context.__enter__()
        self.cuda_graph.capture_begin()

    def __exit__(self, *exception):
        self.cuda_graph.capture_end()
        self._context.__exit__(*exception)


ExternalStream = needs_device("ExternalStream", __name__)


def make_graphed_callables(callables, sample_args, **options):
    """See graphs.py, where it is."""
    from .graphs import make_graphed_callables

    return make_graphed_callables(callables, sample_args, **options)
