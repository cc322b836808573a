"""Messages between processes through a pipe; the memory of tensors and arrays travels beside the pickle.

    header: length of the pickle, number of buffers, length of each | pickle | buffers

Pipes rather than shared memory: nothing is left behind by a killed process, and containers with a
/dev/shm of 64 MB are no special case. A batch is copied once into the pipe and once out of it.
"""

import io
import os
import pickle
import struct

import flambeau


def send(file, message):
    """Writes a message to a file descriptor; it is pickled whole before the first byte is written."""
    buffers, stream = [], io.BytesIO()
    _Pickler(stream, 5, buffer_callback=buffers.append).dump(message)
    raw = [buffer.raw() for buffer in buffers]
    sizes = [stream.tell(), len(raw), *[part.nbytes for part in raw]]
    _write(file, struct.pack(f"<{len(sizes)}Q", *sizes) + stream.getvalue())
    for part in raw:
        _write(file, part)


def receive(file):
    """The next message. EOFError if the other side ends before it is complete."""
    length, count = struct.unpack("<2Q", _read(file, bytearray(16)))
    sizes = struct.unpack(f"<{count}Q", _read(file, bytearray(8 * count)))
    pickled = _read(file, bytearray(length))
    buffers = [_read(file, flambeau.empty(n, dtype=flambeau.uint8).numpy()) for n in sizes]
    return pickle.loads(pickled, buffers=buffers)


def _write(file, data):
    data = memoryview(data)
    while data:
        data = data[os.write(file, data) :]


def _read(file, target):
    rest = memoryview(target)
    while rest:
        n = os.readv(file, [rest])
        if n == 0:
            raise EOFError
        rest = rest[n:]
    return target


class _Pickler(pickle.Pickler):
    def reducer_override(self, obj):
        if type(obj) is not flambeau.Tensor:
            return NotImplemented
        if obj.grad_fn is not None:
            raise RuntimeError(
                "DataLoader: a tensor that was computed from one that requires grad cannot be sent "
                "to another process. Use detach()."
            )
        memory = obj.detach().contiguous().reshape(-1).view(flambeau.uint8).numpy()
        dtype = str(obj.dtype).rpartition(".")[2]
        return _tensor, (pickle.PickleBuffer(memory), dtype, tuple(obj.shape), obj.requires_grad)


def _tensor(memory, dtype, shape, requires_grad):
    """A tensor over the memory that was received."""
    tensor = flambeau.as_tensor(memory).view(getattr(flambeau, dtype)).view(shape)
    return tensor.requires_grad_() if requires_grad else tensor
