"""torch.load: PyTorch's zip format, read without running what it holds."""

import contextlib
import io
import mmap as memory_map
import os
import pickle
import struct
import sys
import zipfile
import zlib

import flambeau

from .. import _core
from ..storage import UntypedStorage
from . import older
from .settings import settings, unsaid_byteorder
from .storages import read_into, reference, restore, swap_bytes, typed
from .unpickler import SafeUnpickler, full_unpickler, unsafe_globals


def load(
    f, map_location=None, pickle_module=None, *, weights_only=None, mmap=None, **pickle_load_args
):
    """Read what torch.save wrote, PyTorch's or flambeau's.

    Args:
        f (path or readable, seekable file object): where from.
        map_location (device, str, dict or callable, optional): where tensors go: a device; a dict
            from the device in the file to another; or a function (storage, device in the file) ->
            storage or None.
        pickle_module (module, optional): with weights_only=False, whose Unpickler reads the structure.
        weights_only (bool, optional): True (the default) builds tensors and plain data only; False
            runs the whole pickle, which can run any code: for files one trusts.
        mmap (bool, optional): map the file instead of reading it; needs a path. Pages are read when
            they are looked at; writes stay in this process, see set_default_mmap_options.

    Raises:
        UnpicklingError: not a checkpoint, or, with weights_only, one that asks for something that is not on the list.
        RuntimeError: a damaged checkpoint, or one for a device that is not here.
        EOFError: an empty file.
    """
    weights_only = True if weights_only is None else weights_only
    if pickle_module is not None and weights_only:
        raise RuntimeError(
            f"load: pickle_module={pickle_module.__name__} can't be used with weights_only=True, which reads by "
            "rules of its own."
        )
    unpickler = SafeUnpickler if weights_only else full_unpickler(pickle_module or pickle)
    if hasattr(f, "read"):
        if mmap:
            raise ValueError("load: mmap=True needs the path of a file, not a file object.")
        if not (hasattr(f, "seek") and hasattr(f, "tell")):
            raise AttributeError(
                "load: the file object needs seek and tell. Read it into an io.BytesIO first."
            )
        file = _rewindable(f)
        return _load(file, "the file object", map_location, unpickler, None, pickle_load_args)
    path = os.fspath(f)
    shared = bool(mmap) and settings.mmap_flags == memory_map.MAP_SHARED
    with open(path, "r+b" if shared else "rb") as file:
        mapped = None
        if mmap and os.path.getsize(path):
            access = memory_map.ACCESS_WRITE if shared else memory_map.ACCESS_COPY
            mapped = memory_map.mmap(file.fileno(), 0, access=access)
        return _load(file, repr(path), map_location, unpickler, mapped, pickle_load_args)


def _rewindable(file):
    """A file object that can be read from its end, as an archive is; else its content."""
    try:
        here = file.tell()
        file.seek(0, os.SEEK_END)
        file.seek(here)
        if not hasattr(file, "seekable"):
            return _Seekable(file)
        if file.seekable():
            return file
    except (AttributeError, OSError, ValueError):
        pass
    return io.BytesIO(file.read())


class _Seekable:
    """A file object that seeks without saying so, as an archive asks."""

    def __init__(self, file):
        self.file = file

    def __getattr__(self, name):
        return getattr(self.file, name)

    def seekable(self):
        return True


def _load(file, source, map_location, unpickler, mapped, options):
    options = {"encoding": "utf-8", **options}
    with _damage(source, unpickler is SafeUnpickler):
        if older.begins(file):
            return older.read(file, source, map_location, unpickler, options)
        if _may_be_tar(file):
            from . import tar

            if (tape := tar.open_archive(file)) is not None:
                return tar.read(tape, source, map_location, unpickler, options)
    with _opened(file, source) as archive:
        records = Records(archive, source, mapped)
        storages = _Storages(records, map_location)
        data = io.BytesIO(records.read("data.pkl"))
        with _damage(source, unpickler is SafeUnpickler):
            return unpickler(data, storages.load, **options).load()


def _may_be_tar(file):
    here = file.tell()
    file.seek(here + 257)
    mark = file.read(5)
    file.seek(here)
    return mark == b"ustar"


def _opened(file, source):
    try:
        return zipfile.ZipFile(file)
    except (zipfile.BadZipFile, EOFError, ValueError, NotImplementedError) as error:
        raise _not_an_archive(file, source) from error


def get_unsafe_globals_in_checkpoint(f):
    """The names in a file that load would refuse with weights_only=True; nothing of the file is run.

    Args:
        f (path or readable, seekable file object): the file.

    Returns:
        list of str: "module.name" each, in their order.
    """
    with contextlib.ExitStack() as stack:
        file = f if hasattr(f, "read") else stack.enter_context(open(os.fspath(f), "rb"))
        archive = stack.enter_context(_opened(file, "the file"))
        data = Records(archive, "the file", None).read("data.pkl")
    return unsafe_globals(data)


@contextlib.contextmanager
def _damage(source, weights_only):
    """Errors that a broken pickle makes, as an UnpicklingError; those of a program that it ran stay."""
    try:
        yield
    except (pickle.UnpicklingError, RuntimeError, NotImplementedError):
        raise
    except (
        ArithmeticError,
        AttributeError,
        EOFError,
        LookupError,
        MemoryError,
        TypeError,
        ValueError,
        struct.error,
    ) as error:
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
        return RuntimeError(
            f"load: {source} begins as a checkpoint but its end is missing: it is damaged."
        )
    if not start:
        return EOFError(f"load: {source} is empty.")
    return pickle.UnpicklingError(f"load: {source} is not a checkpoint (not a zip archive).")


class Records:
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
        byteorder = unsaid_byteorder().encode()
        if "byteorder" in self.infos:
            byteorder = self.read("byteorder")
        self.foreign = byteorder != sys.byteorder.encode()

    def _info(self, name):
        if name not in self.infos:
            raise RuntimeError(f"load: {self.source} has no record {name}: it is damaged.")
        return self.infos[name]

    @contextlib.contextmanager
    def _record(self, name):
        """Errors that a directory which tells places, sizes or methods wrong leads to, as one of damage."""
        try:
            yield
        except (
            zipfile.BadZipFile,
            zlib.error,
            EOFError,
            OSError,
            ValueError,
            NotImplementedError,
        ) as error:
            raise RuntimeError(
                f"load: {self.source}, record {name}, is damaged ({type(error).__name__}: {error})."
            ) from error

    def read(self, name):
        info = self._info(name)
        with self._record(name):
            return self.archive.read(info)

    def read_storage(self, name, nbytes):
        """A one-dimensional uint8 tensor of the record's bytes."""
        import numpy

        info = self._info(name)
        if info.file_size != nbytes:
            raise RuntimeError(
                f"load: {self.source}, record {name} has {info.file_size} bytes, not the {nbytes} "
                "that its tensor tells: it is damaged."
            )
        if settings.skips_data:
            return flambeau.zeros(nbytes, dtype=flambeau.uint8)
        if info.compress_type != zipfile.ZIP_STORED or nbytes == 0:
            return _over(bytearray(self.read(name)))
        with self._record(name):
            if self.mapped is not None:
                start = self._start(info, self.mapped)
                return flambeau.from_numpy(numpy.frombuffer(self.mapped, "uint8", nbytes, start))
            data = flambeau.empty(nbytes, dtype=flambeau.uint8)
            self._read_into(memoryview(data.numpy()), info, name)
        return data

    def _read_into(self, view, info, name):
        """Reads a record to where its bytes belong, by no way of buffers, and compares its checksum."""
        file = self.archive.fp
        file.seek(self._start(info, None))
        got = read_into(file, view)
        if got < len(view):
            raise RuntimeError(
                f"load: {self.source}, record {name} has only {got} of {len(view)} bytes: it is damaged."
            )
        if _core._crc32(view) != info.CRC:
            raise RuntimeError(f"load: {self.source}, record {name}: Bad CRC-32: it is damaged.")

    def _start(self, info, mapped):
        """Where in the file the bytes of a record begin: behind its header."""
        first = info.header_offset
        if mapped is not None:
            header = mapped[first : first + 30]
        else:
            self.archive.fp.seek(first)
            header = self.archive.fp.read(30)
        if len(header) < 30 or header[:4] != b"PK\3\4":
            raise RuntimeError(f"load: {self.source}, a record has no header: it is damaged.")
        return first + 30 + sum(struct.unpack("<2H", header[26:30]))


def _over(content):
    return (
        flambeau.frombuffer(content, dtype=flambeau.uint8)
        if content
        else flambeau.empty(0, dtype=flambeau.uint8)
    )


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
