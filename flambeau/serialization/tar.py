"""PyTorch's first format, a tar archive of three pickle streams (0.1): read, not written.

storages: their number; for each (key, location, storage class), the number of elements and the elements; then the
    views (key, key of the whole, offset, elements)
tensors: their number; for each (key, key of its storage, tensor class), then dimensions, sizes, strides, offset
pickle: the structure, where a tensor or storage stands as its key
"""

import contextlib
import pickle
import struct
import sys
import tarfile

import flambeau

from .. import _core
from ..storage import TypedStorage, UntypedStorage
from .names import StorageType
from .rebuild import from_storage
from .storages import restore, typed


def open_archive(file):
    """The archive that begins here; None where none does."""
    here = file.tell()
    try:
        archive = tarfile.open(fileobj=file, mode="r:", format=tarfile.PAX_FORMAT)
    except tarfile.TarError:
        file.seek(here)
        return None
    with contextlib.suppress(tarfile.TarError):
        if {"storages", "tensors", "pickle"} <= set(archive.getnames()):
            return archive
    file.seek(here)
    return None


def read(archive, source, map_location, unpickler, options):
    """The object in an archive."""
    kind = _naming_tensors(unpickler)
    try:
        members = {name: archive.extractfile(name) for name in ("storages", "tensors", "pickle")}
    except tarfile.TarError as error:
        raise RuntimeError(f"load: {source}: {error}.") from error
    if None in members.values():
        raise RuntimeError(f"load: {source} has a folder or a link where its data should be.")

    def part(name, load_storage=_no_reference):
        return kind(members[name], load_storage, **options).load()

    objects = {}
    for _ in range(_count(part("storages"), source)):
        key, location, made = part("storages")
        objects[key] = _read_storage(members["storages"], source, made, location, map_location)
    for key, whole, offset, numel in part("storages"):
        root = objects[whole]
        itemsize = root.element_size()
        view = root.untyped()._part(
            *_span(offset * itemsize, numel * itemsize, root.nbytes(), source)
        )
        objects[key] = typed(view, root.dtype)
    for _ in range(_count(part("tensors"), source)):
        key, storage_key, _ = part("tensors")
        objects[key] = _read_tensor(members["tensors"], source, objects[storage_key])

    def refer(saved):
        if isinstance(saved, tuple):  # a class, with its source
            return saved[0]
        return objects[int(saved)]

    return part("pickle", refer)


def _naming_tensors(unpickler):
    """The unpickler, to which the class of a tensor is a name and no more."""

    class Naming(unpickler):
        def find_class(self, module, name):
            if module == "torch" and name.endswith("Tensor"):
                return name
            return super().find_class(module, name)

    return Naming


def _no_reference(saved):
    raise pickle.UnpicklingError(f"load: a reference, {saved!r}, outside of the structure.")


def _count(number, source):
    if not isinstance(number, int) or number < 0:
        raise RuntimeError(f"load: {source} holds {number!r} tensors or storages: it is damaged.")
    return number


def _span(first, nbytes, all_bytes, source):
    if not 0 <= first <= first + nbytes <= all_bytes:
        raise RuntimeError(f"load: {source} has a view beyond its storage: it is damaged.")
    return first, nbytes


def _take(file, nbytes, source):
    content = file.read(nbytes)
    if len(content) != nbytes:
        raise RuntimeError(f"load: {source} ends too early: it is damaged.")
    return content


def _read_storage(file, source, kind, location, map_location):
    if not isinstance(kind, StorageType) or kind.dtype is None:
        raise pickle.UnpicklingError(f"load: {kind!r} is no class of a storage.")
    numel = int.from_bytes(_take(file, 8, source), sys.byteorder)
    if numel >> 48:
        raise RuntimeError(f"load: {source} tells of a storage of {numel} elements: it is damaged.")
    content = bytearray(_take(file, numel * kind.dtype.itemsize, source))
    data = _core.empty(0, dtype=_core.uint8)
    if content:
        data = flambeau.frombuffer(content, dtype=flambeau.uint8)
    data = UntypedStorage._of(restore(data, location, map_location))
    return TypedStorage(wrap_storage=data, dtype=kind.dtype)


def _read_tensor(file, source, storage):
    (ndim, _) = struct.unpack("<2i", _take(file, 8, source))
    if not 0 <= ndim <= 64:
        raise RuntimeError(f"load: {source} has a tensor of {ndim} dimensions: it is damaged.")
    numbers = struct.unpack(f"<{2 * ndim + 1}q", _take(file, 8 * (2 * ndim + 1), source))
    sizes, strides, offset = numbers[:ndim], numbers[ndim:-1], numbers[-1]
    return from_storage(storage.untyped()._bytes, storage.dtype, offset, sizes, strides)
