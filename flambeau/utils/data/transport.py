"""Messages between a worker and the main process; the memory of tensors and arrays travels beside the pickle.

Of a small message it follows the pickle through the pipe. Of a large one it is written into one segment of
shared memory, whose descriptor goes along: nothing has a name that a killed worker could leave behind, /dev/shm
is not used, and a message takes one descriptor. Tensors that lie in shared memory already stay where they are.
"""

import io
import os
import pickle

import flambeau

from ... import _core
from ...multiprocessing import parcel, reductions
from ...multiprocessing.connection import Connection

_ALIGNMENT = 64
_SMALL = 1 << 16  # bytes that cost less to copy through the pipe than to map
_PARTS = 500  # parts that one call writes; the system takes 1024


def send(connection: Connection, message):
    """Sends a message; it is pickled whole before the first byte is written."""
    with parcel.packing():
        stream, pickler_parts, tensors = io.BytesIO(), [], set()
        _Pickler(stream, pickler_parts, tensors).dump(message)
        parts = [part.raw() for part in pickler_parts]
        sizes = [part.nbytes for part in parts]
        total = sum(_padded(size) for size in sizes)
        where = None
        if total >= _SMALL:
            where = _written(parts, total)
            parts = []
        envelope = stream.getvalue(), where, sizes, tensors, [bytes(part) for part in parts]
        connection.send_bytes(reductions.ForkingPickler.dumps(envelope))


def receive(connection: Connection):
    """The next message. EOFError if the other side ends before it is complete."""
    received = connection.recv_bytes()
    pickled, where, sizes, tensors, parts = reductions.ForkingPickler.loads(received)
    if where is None:
        buffers = [_copy(p) if i in tensors else bytearray(p) for i, p in enumerate(parts)]
        return pickle.loads(pickled, buffers=buffers)
    handle, number, offset, _ = where
    segment, buffers = handle.open(number), []
    for i, size in enumerate(sizes):
        part = _core._storage_at(segment, offset, size)
        buffers.append(part if i in tensors else _core._lent_bytes(part))
        offset += _padded(size)
    return pickle.loads(pickled, buffers=buffers)


def _padded(size):
    return -(-size // _ALIGNMENT) * _ALIGNMENT


def _copy(part):
    """The bytes as a tensor with memory of its own."""
    tensor = _core.empty(len(part), dtype=_core.uint8)
    memoryview(_core._lent_bytes(tensor))[:] = part
    return tensor


def _written(parts, total):
    """Where the parts lie in shared memory, one after the other."""
    memory = _core._allocate_shared(total)
    where = reductions.place_of(memory)
    _, descriptor, offset = _core._storage_place(memory)
    lot, end = [], offset
    for part in parts:
        lot += [part, bytes(_padded(part.nbytes) - part.nbytes)]
        end += _padded(part.nbytes)
        if len(lot) >= _PARTS:
            offset = _write(descriptor, lot, offset)
            lot = []
    _write(descriptor, lot, offset)
    return where


def _write(descriptor, parts, offset):
    """Writes to a file at an offset; gives the offset behind."""
    parts = [memoryview(part).cast("B") for part in parts if len(part)]
    while parts:
        written = os.pwritev(descriptor, parts, offset)
        offset += written
        while parts and written >= len(parts[0]):
            written -= len(parts[0])
            del parts[0]
        if written:
            parts[0] = parts[0][written:]
    return offset


class _Pickler(pickle.Pickler):
    def __init__(self, stream, parts, tensors):
        super().__init__(stream, 5, buffer_callback=parts.append)
        self.parts = parts
        self.tensors = tensors  # which parts are of tensors

    def reducer_override(self, obj):
        if type(obj) is not flambeau.Tensor or obj.device.type != "cpu":
            return NotImplemented
        if obj.grad_fn is not None:
            raise RuntimeError(
                "DataLoader: a tensor that was computed from one that requires grad cannot be sent "
                "to another process. Use detach()."
            )
        if obj.is_shared() and _SMALL <= _core._storage_nbytes(obj) <= 2 * obj.nbytes:
            return reductions.reduce_tensor(obj)
        memory = _core._lent_bytes(obj.detach().contiguous())
        dtype = str(obj.dtype).rpartition(".")[2]
        return _tensor, (_Part(memory, self), dtype, tuple(obj.shape), obj.requires_grad)


class _Part:
    """The bytes of a tensor, which arrive as a tensor."""

    def __init__(self, memory, pickler):
        self.memory = memory
        self.pickler = pickler

    def __reduce_ex__(self, protocol):
        self.pickler.tensors.add(len(self.pickler.parts))
        return _same, (pickle.PickleBuffer(self.memory),)


def _same(part):
    return part


def _tensor(memory, dtype, shape, requires_grad):
    """A tensor over the memory that was received."""
    tensor = memory.view(getattr(flambeau, dtype)).view(shape)
    return tensor.requires_grad_() if requires_grad else tensor
