"""What a checkpoint says of a storage, and the bytes on the device they belong to."""

import pickle

import flambeau

from ..storage import TypedStorage, UntypedStorage
from . import settings
from .names import StorageType


def reference(saved, length):
    """(dtype or None for plain bytes, key, location, nbytes, the rest) of a persistent id.

    Raises:
        UnpicklingError: it is no reference to a storage.
    """
    if isinstance(saved, tuple):  # with encoding="bytes" the texts of Python 2 stay bytes
        saved = tuple(part.decode("latin1") if isinstance(part, bytes) else part for part in saved)
    if not (isinstance(saved, tuple) and len(saved) == length and saved[0] == "storage"):
        raise pickle.UnpicklingError(f"load: {saved!r} is no reference to a storage.")
    _, storage_type, key, location, numel, *rest = saved
    if not isinstance(storage_type, StorageType) or not isinstance(numel, int) or numel < 0:
        raise pickle.UnpicklingError(f"load: {saved!r} is no reference to a storage.")
    dtype = storage_type.dtype
    return dtype, key, location, numel if dtype is None else numel * dtype.itemsize, rest


def typed(storage, dtype):
    """A storage as its file tells: of elements of dtype, or of plain bytes (None)."""
    return storage if dtype is None else TypedStorage(wrap_storage=storage, dtype=dtype)


def swap_bytes(data, dtype):
    itemsize = dtype.itemsize // 2 if dtype.is_complex else dtype.itemsize
    if itemsize > 1 and data.numel():
        data.numpy().view(f"u{itemsize}").byteswap(inplace=True)


def restore(data, location, map_location):
    """The bytes on the device they belong to."""
    if callable(map_location) and not isinstance(map_location, flambeau.device):
        moved = map_location(UntypedStorage._of(data), location)
        return restore(data, location, None) if moved is None else moved._bytes
    if isinstance(map_location, dict):
        location = map_location.get(location, location)
    elif map_location is not None:
        location = str(map_location)
    if settings.has_packages():
        moved = settings.placed(UntypedStorage._of(data), location)
        if moved is not None:
            return moved.untyped()._bytes
    if location == "cpu":
        return data
    try:
        return data.to(flambeau.device(location))
    except (RuntimeError, NotImplementedError, AssertionError) as error:
        raise RuntimeError(
            f"load: the file's tensors were on {location}, which is not here ({error}). Pass "
            "map_location='cpu' to read them into memory."
        ) from error


def read_into(file, view):
    """Fills a memoryview from a file, by no way of buffers where the file can; how many bytes there were."""
    got, nbytes = 0, len(view)
    while got < nbytes:
        if hasattr(file, "readinto"):
            n = file.readinto(view[got:])
        else:
            content = file.read(nbytes - got)
            n = len(content)
            view[got : got + n] = content
        if not n:
            break
        got += n
    return got
