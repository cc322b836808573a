"""Files of tensors: torch.save, torch.load, and how tensors are pickled and deep-copied.

The file is PyTorch's: a zip archive of uncompressed records, `data.pkl` (the structure, where a
tensor stands as a reference) and `data/N` (the bytes of one storage), so either reads what the
other wrote. The format from before 1.6 (older.py) is read, and written if asked for; the first one (tar.py) is read.
Read: names.py, writer.py, archive.py, reader.py, storages.py, unpickler.py, rebuild.py, settings.py, older.py, tar.py.
"""

from tempfile import mkdtemp

from .names import StorageType
from .reader import get_unsafe_globals_in_checkpoint, load
from .rebuild import deepcopy_tensor, reduce_tensor
from .settings import (
    DEFAULT_PROTOCOL,
    FILE_LIKE,
    MAP_LOCATION,
    LoadEndianness,
    SourceChangeWarning,
    check_module_version_greater_or_equal,
    default_restore_location,
    get_crc32_options,
    get_default_load_endianness,
    get_default_mmap_options,
    location_tag,
    normalize_storage_type,
    register_package,
    set_crc32_options,
    set_default_load_endianness,
    set_default_mmap_options,
    skip_data,
    storage_to_tensor_type,
    validate_cuda_device,
    validate_hpu_device,
)
from .unpickler import (
    add_safe_globals,
    clear_safe_globals,
    get_safe_globals,
    safe_globals,
)
from .writer import save

__all__ = [
    "DEFAULT_PROTOCOL",
    "FILE_LIKE",
    "MAP_LOCATION",
    "LoadEndianness",
    "SourceChangeWarning",
    "StorageType",
    "add_safe_globals",
    "check_module_version_greater_or_equal",
    "clear_safe_globals",
    "deepcopy_tensor",
    "default_restore_location",
    "get_crc32_options",
    "get_default_load_endianness",
    "get_default_mmap_options",
    "get_safe_globals",
    "get_unsafe_globals_in_checkpoint",
    "load",
    "location_tag",
    "mkdtemp",
    "normalize_storage_type",
    "reduce_tensor",
    "register_package",
    "safe_globals",
    "save",
    "set_crc32_options",
    "set_default_load_endianness",
    "set_default_mmap_options",
    "skip_data",
    "validate_cuda_device",
    "validate_hpu_device",
    "storage_to_tensor_type",
]


# The archives by themselves, under PyTorch's private names.


def _is_zipfile(f):
    """Whether a zip archive begins where a file object stands."""
    here = f.tell()
    start = f.read(4)
    f.seek(here)
    return start == b"PK\3\4"


class _open_zipfile_writer:
    """An archive.ArchiveWriter for a path or a file object, in a `with`."""

    def __init__(self, name_or_buffer):
        from .archive import ArchiveWriter

        self._own = None if hasattr(name_or_buffer, "write") else open(name_or_buffer, "wb")
        self._writer = ArchiveWriter(self._own or name_or_buffer)

    def __enter__(self):
        return self._writer

    def __exit__(self, *exception):
        self._writer.close()
        if self._own is None:
            self._writer.file.flush()
        else:
            self._own.close()


class _open_zipfile_reader:
    """The records of an archive, by get_record(name) and get_all_records(), in a `with`."""

    def __init__(self, name_or_buffer):
        import zipfile

        self._archive = zipfile.ZipFile(name_or_buffer)
        self._folder = self._archive.namelist()[0].partition("/")[0]

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self._archive.close()

    def get_record(self, name):
        """The bytes of a record."""
        return self._archive.read(f"{self._folder}/{name}")

    def has_record(self, name):
        """Whether there is a record of that name."""
        return f"{self._folder}/{name}" in self._archive.namelist()

    def get_all_records(self):
        """The names of all records."""
        return [path.partition("/")[2] for path in self._archive.namelist()]
