"""Queues whose tensors cross in shared memory.

What is put is pickled at once, not by the queue's thread later: an object that can't be sent raises where it is
put, and tensors are in shared memory when put returns.
"""

from multiprocessing import queues

from .connection import Pipe
from .parcel import Packed, packing


class _Packing:
    def __init__(self, maxsize=0, *, ctx):
        super().__init__(maxsize, ctx=ctx)
        _replace_pipe(self)
        self._reset()

    def put(self, obj, block=True, timeout=None):
        """Put an object, waiting for a free place if the queue has a size and block is True."""
        super().put(Packed(obj), block, timeout)


class Queue(_Packing, queues.Queue):
    """multiprocessing.Queue; tensors and storages that are put move into shared memory."""


class JoinableQueue(_Packing, queues.JoinableQueue):
    """multiprocessing.JoinableQueue; tensors and storages that are put move into shared memory."""


class SimpleQueue(queues.SimpleQueue):
    """multiprocessing.SimpleQueue; tensors and storages that are put move into shared memory."""

    def __init__(self, *, ctx):
        super().__init__(ctx=ctx)
        _replace_pipe(self)
        self._poll = self._reader.poll

    def put(self, obj):
        """Put an object; waits while the queue's pipe is full."""
        with packing():
            super().put(obj)


def _replace_pipe(queue):
    queue._reader.close()
    queue._writer.close()
    queue._reader, queue._writer = Pipe(duplex=False)
