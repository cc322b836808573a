"""PyTorch's format from before 1.6: pickles one after the other, then the bytes of each storage.

a magic number, a version, a dict about the machine, the structure, the keys of the storages;
then for each key, in order: the number of elements (8 bytes) and the elements
"""

import pickle
import sys

import flambeau

from .. import _core
from ..storage import UntypedStorage
from . import names
from .storages import read_into, reference, restore, swap_bytes, typed

MAGIC = 0x1950A86A20F9469CFC6C
VERSION = 1001
_START = pickle.dumps(MAGIC, 2)


def begins(file):
    """Whether a file in this format begins here."""
    here = file.tell()
    start = file.read(len(_START))
    file.seek(here)
    return start == _START


def write(file, data, records, protocol):
    """A pickled structure and its storages {key: tensor}."""
    machine = {
        "protocol_version": VERSION,
        "little_endian": sys.byteorder == "little",
        "type_sizes": {"short": 2, "int": 4, "long": 4},
    }
    for part in (MAGIC, VERSION, machine):
        file.write(pickle.dumps(part, 2 if part is MAGIC else protocol))
    file.write(data)
    file.write(pickle.dumps(sorted(records), protocol))
    known = names.dtype_names()
    for _, tensor in sorted(records.items()):
        # Storages of a dtype that has no class of storages are named by their bytes, and counted in them.
        counted = known[tensor.dtype] in names.STORAGE_NAMES
        file.write((tensor.numel() if counted else tensor.nbytes).to_bytes(8, sys.byteorder))
        file.write(memoryview(tensor.view(flambeau.uint8).numpy()))


def read(file, source, map_location, unpickler, options):
    """What write() wrote, or PyTorch did."""
    storages = _Storages(file, source, map_location)

    def part(load_storage=_no_storage):
        return unpickler(file, load_storage, **options).load()

    part()  # the magic number, which begins() has seen
    version, machine = part(), part()
    if version != VERSION or not isinstance(machine, dict):
        raise RuntimeError(f"load: {source} is of version {version!r} of PyTorch's old format.")
    storages.swapped = machine.get("little_endian", True) != (sys.byteorder == "little")
    # First only for what it names: what is made of tensors on the way (conjugates, checks of indices) needs their bytes.
    structure = file.tell()
    _Names(file, storages.load, **options).load()
    storages.fill(part())
    end = file.tell()
    file.seek(structure)
    result = part(storages.load)
    file.seek(end)
    return result


class _Nothing:
    """What any class or function makes where only the storages of a pickle are wanted: it takes everything, does nothing."""

    def __init__(self, *args, **kwargs):
        pass

    def __setstate__(self, state):
        pass

    def __setitem__(self, key, value):
        pass

    def __call__(self, *args, **kwargs):
        return self

    def add(self, *values):
        pass

    append = extend = update = add


class _Names(pickle.Unpickler):
    """Asks for the storages that a pickle names, and makes nothing."""

    def __init__(self, file, load_storage, **options):
        super().__init__(file, **options)
        self.persistent_load = load_storage

    def find_class(self, module, name):
        return names.storage_types().get((module, name), _Nothing)


def _view(storage):
    return memoryview(storage._bytes.numpy())


def _no_storage(saved):
    raise pickle.UnpicklingError(
        f"load: a reference to a storage, {saved!r}, before the structure."
    )


class _Storages:
    """The storages of one file; their bytes come after the structure that names them."""

    def __init__(self, file, source, map_location):
        self.file = file
        self.source = source
        self.map_location = map_location
        self.swapped = False
        self.loaded = {}  # key -> (dtype, storage)
        here = file.tell()
        self.left = file.seek(0, 2) - here  # bytes that storages may have in all
        file.seek(here)

    def load(self, saved):
        """The storage, or the part of one, that a persistent id of the pickle names."""
        if isinstance(saved, tuple) and len(saved) == 4 and saved[0] == "module":
            return saved[1]  # a class, with its source
        dtype, key, location, nbytes, (view,) = reference(saved, 6)
        if key not in self.loaded:
            self.left -= nbytes
            if self.left < 0:
                raise RuntimeError(
                    f"load: {self.source} is shorter than its storages: it is damaged."
                )
            data = restore(
                flambeau.empty(nbytes, dtype=_core.uint8, device="cpu"), location, self.map_location
            )
            self.loaded[key] = dtype, UntypedStorage._of(data)
        storage = self.loaded[key][1]
        if view is not None:
            _, offset, numel = view
            storage = _part(storage, offset, numel, 1 if dtype is None else dtype.itemsize)
        return typed(storage, dtype)

    def fill(self, keys):
        """Reads the bytes of all storages."""
        if isinstance(keys, list):  # with encoding="bytes" the texts of Python 2 stay bytes
            keys = [key.decode("latin1") if isinstance(key, bytes) else key for key in keys]
        if not isinstance(keys, list) or set(keys) != set(self.loaded):
            raise RuntimeError(f"load: {self.source} lacks a storage: it is damaged.")
        for key in keys:
            dtype, storage = self.loaded[key]
            nbytes = storage.nbytes()
            numel = int.from_bytes(self.file.read(8), sys.byteorder)
            told = numel * (1 if dtype is None else dtype.itemsize)
            if told != nbytes or read_into(self.file, _view(storage)) != nbytes:
                raise RuntimeError(f"load: {self.source}, storage {key}, is damaged.")
            if self.swapped and dtype is not None:
                swap_bytes(storage._bytes, dtype)


def _part(storage, offset, numel, itemsize):
    """Elements of a storage as a storage over the same memory, as they were until 0.4."""
    first, nbytes = offset * itemsize, numel * itemsize
    if not 0 <= first <= first + nbytes <= storage.nbytes():
        raise RuntimeError(f"load: {numel} elements from {offset} on reach beyond their storage.")
    return storage._part(first, nbytes)
