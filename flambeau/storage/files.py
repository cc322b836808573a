"""Tensors over files and copies of buffers: what from_file and from_buffer of storages are made of."""

import mmap
import os
import sys

from .. import _core


def bytes_over(buffer):
    """A uint8 tensor over the memory of a buffer."""
    import numpy

    return _core.from_numpy(numpy.frombuffer(buffer, numpy.uint8))


def map_file(filename, shared, nbytes):
    """A uint8 tensor over the first nbytes of a file.

    With shared=True writes reach the file, which is made, or made longer, as needed. Without, they
    stay in this process, and a file that is too short raises RuntimeError.
    """
    if nbytes < 0:
        raise RuntimeError(f"from_file: a size of {nbytes} bytes can't be.")
    flags = (os.O_RDWR | os.O_CREAT) if shared else os.O_RDONLY
    try:
        handle = os.open(filename, flags, 0o600)
    except OSError as error:
        raise RuntimeError(
            f"from_file: {os.fspath(filename)!r} can't be opened: {error}."
        ) from error
    try:
        size = os.fstat(handle).st_size
        if size < nbytes and not shared:
            raise RuntimeError(
                f"from_file: {os.fspath(filename)!r} has {size} bytes, not the {nbytes} asked for."
            )
        if size < nbytes:
            os.ftruncate(handle, nbytes)
        if nbytes == 0:
            return _core.empty(0, dtype=_core.uint8)
        access = mmap.ACCESS_WRITE if shared else mmap.ACCESS_COPY
        mapped = mmap.mmap(handle, nbytes, access=access)
    finally:
        os.close(handle)
    tensor = bytes_over(mapped)
    if shared:
        _core._storage_mark_shared(tensor)
    return tensor


def from_buffer(buffer, byte_order, count, offset, dtype):
    """A tensor of one dimension with a copy of count elements (-1: all) from byte `offset` on."""
    view = memoryview(buffer).cast("B")
    itemsize = dtype.itemsize
    if byte_order is None and itemsize > 1:
        raise TypeError(f"from_buffer: elements of {dtype} need a byte_order.")
    if byte_order not in (None, "native", "little", "big"):
        raise ValueError(
            f"from_buffer: byte_order must be 'native', 'little' or 'big', not {byte_order!r}."
        )
    if not 0 <= offset <= len(view):
        raise ValueError(f"from_buffer: offset {offset} is outside of {len(view)} bytes.")
    if count < 0:
        if (len(view) - offset) % itemsize:
            raise ValueError(
                f"from_buffer: {len(view) - offset} bytes are no whole number of elements of {itemsize}."
            )
        count = (len(view) - offset) // itemsize
    elif count * itemsize > len(view) - offset:
        raise ValueError(
            f"from_buffer: {count} elements of {itemsize} bytes from byte {offset} on reach beyond "
            f"the buffer's {len(view)}."
        )
    if count == 0:
        return _core.empty(0, dtype=dtype)
    values = bytes_over(bytearray(view[offset : offset + count * itemsize]))
    if byte_order not in (None, "native", sys.byteorder):
        width = dtype.to_real().itemsize if dtype.is_complex else itemsize
        values = values.view(-1, width).flip(1).reshape(-1)
    if dtype is _core.bool:
        return values.ne(0)
    return values.clone().view(dtype)
