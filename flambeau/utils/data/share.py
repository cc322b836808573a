"""A worker's share of the first batch, and the memory that the workers inherit for it.

Each worker writes its rows where they lie in the whole batch, so that nobody has to put the shares together.
"""

import contextlib
import mmap

import flambeau

_ROOM_BYTES = 1 << 28  # of addresses; memory is only what is written to
_LEAST_BYTES = 1 << 16  # of a batch's tensor; smaller ones travel as messages
_ALIGNMENT = 64


class Room:
    """Memory that forked workers have in common with the main process."""

    def __init__(self):
        self.memory = mmap.mmap(-1, _ROOM_BYTES)

    def tensor(self, offset, dtype, shape):
        """The tensor that lies at an offset."""
        nbytes = dtype.itemsize * flambeau.Size(shape).numel()
        whole = flambeau.frombuffer(self.memory, dtype=flambeau.uint8, count=nbytes, offset=offset)
        return whole.view(dtype).view(shape)

    def leave(self):
        """In a worker, when it has written: the memory is the main process's."""
        with contextlib.suppress(BufferError):  # somebody kept a tensor of it
            self.memory.close()


class Placed:
    """Where a tensor of the first batch lies in the room, whole."""

    def __init__(self, offset, dtype, shape):
        self.place = offset, str(dtype).rpartition(".")[2], tuple(shape)

    def in_room(self, room):
        """The tensor."""
        offset, dtype, shape = self.place
        return room.tensor(offset, getattr(flambeau, dtype), shape)


class Share:
    """The samples of the first batch that one worker makes: from number `start` on of `total`."""

    def __init__(self, indices, start, total):
        self.indices = indices
        self.start = start
        self.total = total
        self.used = 0

    def place(self, room, tensors):
        """Stacks this share's tensors, all alike, into the room; None where they do not fit, or are small."""
        first = tensors[0]
        nbytes = first.nbytes * self.total
        if len(tensors) != len(self.indices) or nbytes < _LEAST_BYTES:
            return None
        if self.used + nbytes > _ROOM_BYTES:
            return None
        placed = Placed(self.used, first.dtype, (self.total, *first.shape))
        rows = placed.in_room(room)[self.start : self.start + len(tensors)]
        flambeau.stack(tensors, 0, out=rows)
        self.used += -(-nbytes // _ALIGNMENT) * _ALIGNMENT
        return placed
