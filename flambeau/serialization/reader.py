"""torch.load: PyTorch's zip format, read without running what it holds."""

import contextlib
import io
import mmap as memory_map
import os
import pickle
import sys
import zipfile

import flambeau

from ..storage import UntypedStorage
from . import older
from .storages import reference, restore, swap_bytes, typed
from .unpickler import FullUnpickler, SafeUnpickler


def load(
    f, map_location=None, pickle_module=None, *, weights_only=None, mmap=None, **pickle_load_args
):
    """Read what torch.save wrote, PyTorch's or flambeau's.

    Args:
        f (path or readable, seekable file object): where from.
        map_location (device, str, dict or callable, optional): where tensors go: a device; a dict
            from the device in the file to another; or a function (storage, device in the file) ->
            storage or None.
        weights_only (bool, optional): True (the default) builds tensors and plain data only; False
            runs the whole pickle, which can run any code: for files one trusts.
        mmap (bool, optional): map the file instead of reading it; needs a path.

    Raises:
        UnpicklingError: with weights_only, the file asks for something that is not on the list.
        RuntimeError: not a checkpoint, or a damaged one, or for a device that is not here.
    """
    weights_only = True if weights_only is None else weights_only
    if pickle_module is not None and (weights_only or pickle_module is not pickle):
        raise RuntimeError(
            f"load: pickle_module={pickle_module!r} can't be used"
            + (" with weights_only=True." if weights_only else "; only Python's pickle can.")
        )
    if hasattr(f, "read"):
        if mmap:
            raise ValueError("load: mmap=True needs the path of a file, not a file object.")
        if not (hasattr(f, "seek") and hasattr(f, "tell")):
            raise AttributeError(
                "load: the file object needs seek and tell. Read it into an io.BytesIO first."
            )
        file = _rewindable(f)
        return _load(file, "the file object", map_location, weights_only, None, pickle_load_args)
    path = os.fspath(f)
    with open(path, "rb") as file:
        mapped = None
        if mmap and os.path.getsize(path):
            mapped = memory_map.mmap(file.fileno(), 0, access=memory_map.ACCESS_COPY)
        return _load(file, repr(path), map_location, weights_only, mapped, pickle_load_args)


def _rewindable(file):
    """A file object that can be read from its end, as an archive is; else its content."""
    try:
        here = file.tell()
        file.seek(0, os.SEEK_END)
        file.seek(here)
        if file.seekable():
            return file
    except (AttributeError, OSError, ValueError):
        pass
    return io.BytesIO(file.read())


def _load(file, source, map_location, weights_only, mapped, options):
    unpickler = SafeUnpickler if weights_only else FullUnpickler
    options = {"encoding": "utf-8", **options}
    if older.begins(file):
        with _damage(source, weights_only):
            return older.read(file, source, map_location, unpickler, options)
    try:
        archive = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, EOFError, ValueError) as error:
        raise RuntimeError(_not_an_archive(file, source)) from error
    with archive:
        records = _Records(archive, source, mapped)
        storages = _Storages(records, map_location)
        data = io.BytesIO(records.read("data.pkl"))
        with _damage(source, weights_only):
            return unpickler(data, storages.load, **options).load()


@contextlib.contextmanager
def _damage(source, weights_only):
    """Errors that a broken pickle makes, as an UnpicklingError; those of a program that it ran stay."""
    try:
        yield
    except (pickle.UnpicklingError, RuntimeError, NotImplementedError):
        raise
    except (LookupError, EOFError, ValueError, TypeError, OverflowError, MemoryError) as error:
        if not weights_only:
            raise
        raise pickle.UnpicklingError(
            f"load: the pickle in {source} is damaged ({type(error).__name__}: {error})."
        ) from error


def _not_an_archive(file, source):
    try:
        file.seek(0)
        start = file.read(2)
    except (OSError, ValueError):
        start = b""
    if start == b"PK":
        return f"load: {source} begins as a checkpoint but its end is missing: it is damaged."
    return f"load: {source} is not a checkpoint (not a zip archive)."


class _Records:
    """The records of one archive, all under one folder of its own name."""

    def __init__(self, archive, source, mapped):
        self.archive = archive
        self.source = source
        self.mapped = mapped
        self.infos = {}
        for info in archive.infolist():
            self.infos.setdefault(info.filename.partition("/")[2], info)
        if "data.pkl" not in self.infos:
            if "constants.pkl" in self.infos:
                raise RuntimeError(f"load: {source} is a TorchScript archive, which is not read.")
            raise RuntimeError(f"load: {source} is a zip archive, but no checkpoint (no data.pkl).")
        byteorder = sys.byteorder.encode()
        if "byteorder" in self.infos:
            byteorder = self.read("byteorder")
        self.foreign = byteorder != sys.byteorder.encode()

    def _info(self, name):
        if name not in self.infos:
            raise RuntimeError(f"load: {self.source} has no record {name}: it is damaged.")
        return self.infos[name]

    def read(self, name):
        try:
            return self.archive.read(self._info(name))
        except (zipfile.BadZipFile, EOFError) as error:
            raise RuntimeError(f"load: {self.source}, record {name}: {error}.") from error

    def read_storage(self, name, nbytes):
        """A one-dimensional uint8 tensor of the record's bytes."""
        import numpy

        info = self._info(name)
        if info.file_size != nbytes:
            raise RuntimeError(
                f"load: {self.source}, record {name} has {info.file_size} bytes, not the {nbytes} "
                "that its tensor tells: it is damaged."
            )
        if self.mapped is not None and info.compress_type == zipfile.ZIP_STORED and nbytes:
            header = info.header_offset
            lengths = self.mapped[header + 26 : header + 30]
            start = header + 30 + int.from_bytes(lengths[:2], "little")
            start += int.from_bytes(lengths[2:], "little")
            return flambeau.from_numpy(numpy.frombuffer(self.mapped, "uint8", nbytes, start))
        data = flambeau.empty(nbytes, dtype=flambeau.uint8)
        view = memoryview(data.numpy())
        try:
            with self.archive.open(info) as record:
                got = 0
                while got < nbytes:
                    n = record.readinto(view[got:])
                    if not n:
                        raise EOFError(f"only {got} of {nbytes} bytes")
                    got += n
        except (zipfile.BadZipFile, EOFError) as error:
            raise RuntimeError(f"load: {self.source}, record {name}: {error}.") from error
        return data


class _Storages:
    """The storages of one archive, each read once."""

    def __init__(self, records, map_location):
        self.records = records
        self.map_location = map_location
        self.loaded = {}

    def load(self, saved):
        """The storage that a persistent id of the pickle names."""
        dtype, key, location, nbytes, _ = reference(saved, 5)
        if key not in self.loaded:
            data = self.records.read_storage(f"data/{key}", nbytes)
            if self.records.foreign and dtype is not None:
                swap_bytes(data, dtype)
            self.loaded[key] = UntypedStorage._of(restore(data, location, self.map_location))
        return typed(self.loaded[key], dtype)
