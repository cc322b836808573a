"""File descriptors that travel beside a pickle, and how reductions reach them.

While a message of one of our connections is pickled, `packing()` collects the descriptors that it refers
to, and the connection sends them with it: the kernel holds them on their way, whichever process dies.
A pickle that goes elsewhere (a plain pipe, the arguments of a spawned process) takes Python's way,
reduction.DupFd.
"""

import contextlib
import io
import os
import threading
from multiprocessing import context, reduction

from .. import _core


class _Thread(threading.local):
    outgoing = None  # of the message that this thread pickles: segment -> Handle
    incoming = ()  # of the message that this thread has read: Arrived


_thread = _Thread()


class Handle:
    """A segment's descriptor in a pickle; one for each segment and message, so that pickle knows it again.

    It holds the memory that it speaks of until the message is away.
    """

    def __init__(self, descriptor, memory, place):
        self.descriptor = descriptor
        self.memory = memory
        self.place = place  # in the list of a message, or None for DupFd

    def __reduce__(self):
        if self.place is not None:
            return _take, (self.place,)
        return _detach, (reduction.DupFd(self.descriptor),)


class Arrived:
    """A descriptor that came with a message, and then the segment that it is of."""

    def __init__(self, descriptor):
        self.descriptor = descriptor
        self.segment = None

    def open(self, number):
        """The segment, held for as long as this object lives."""
        if self.segment is None:
            descriptor, self.descriptor = self.descriptor, None
            self.segment = _core._open_segment(number, descriptor)
        return self.segment

    def __del__(self):
        if self.descriptor is not None:
            os.close(self.descriptor)


def handle(segment, descriptor, memory):
    """What stands in the pickle that is being made for a segment's descriptor."""
    known = _thread.outgoing
    if known is None:
        popen = context.get_spawning_popen()
        if popen is None:
            _core._hold_for_message(memory)
            return Handle(descriptor, memory, None)
        known = popen.__dict__.setdefault("_segments", {})
        place = None
    else:
        place = len(known)
    if segment not in known:
        _core._hold_for_message(memory)
        known[segment] = Handle(descriptor, memory, place)
    return known[segment]


@contextlib.contextmanager
def packing():
    """Collect the descriptors of what this thread pickles inside, for the connection that it sends on."""
    before, _thread.outgoing = _thread.outgoing, {}
    try:
        yield
    finally:
        _thread.outgoing = before


def packed():
    """The handles of the message that is about to be sent; they are nobody else's then."""
    known = _thread.outgoing
    if not known:
        return []
    _thread.outgoing = {}
    return list(known.values())


def arrived(descriptors):
    """Notes what came with the message that this thread reads next."""
    _thread.incoming = [Arrived(descriptor) for descriptor in descriptors]


def _take(place):
    """The descriptor at its place in the message; pickle remembers it until it has read all."""
    taken, _thread.incoming[place] = _thread.incoming[place], None
    return taken


def _detach(duplicated):
    return Arrived(duplicated.detach())


class Packed:
    """An object pickled beforehand, with its descriptors: for queues, whose own thread sends it later."""

    def __init__(self, obj):
        stream = io.BytesIO()
        with packing():
            reduction.ForkingPickler(stream).dump(obj)
            self.handles = packed()
        self.content = stream.getvalue()

    def __reduce__(self):
        # The thread that pickles this sends it next.
        _thread.outgoing = dict(enumerate(self.handles))
        return reduction.ForkingPickler.loads, (self.content,)
