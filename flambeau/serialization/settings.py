"""What load and save do where the call does not say, and devices that other packages add."""

import contextlib
import enum
import mmap
import os
import sys
import typing

from .. import _core

DEFAULT_PROTOCOL = 2  # of pickles, where save() is told no other
FILE_LIKE = str | os.PathLike | typing.IO
MAP_LOCATION = typing.Callable | str | dict | None  # for annotations, device objects besides


class LoadEndianness(enum.Enum):
    """The byte order of files that do not tell theirs."""

    NATIVE = 1
    LITTLE = 2
    BIG = 3


class SourceChangeWarning(Warning):
    """A module's source differs from when it was saved. Here for programs that name it: it is not compared."""


class _Settings:
    endianness = None
    mmap_flags = mmap.MAP_PRIVATE
    skips_data = False


settings = _Settings()


def get_default_load_endianness():
    """The LoadEndianness of files that do not tell theirs; None: this machine's."""
    return settings.endianness


def set_default_load_endianness(endianness):
    """Sets it: a LoadEndianness or None."""
    if endianness is not None and not isinstance(endianness, LoadEndianness):
        raise TypeError(
            f"set_default_load_endianness: takes a LoadEndianness or None, not {endianness!r}."
        )
    settings.endianness = endianness


def unsaid_byteorder():
    """ "little" or "big": of a file that does not tell."""
    chosen = settings.endianness
    if chosen in (None, LoadEndianness.NATIVE):
        return sys.byteorder
    return "little" if chosen is LoadEndianness.LITTLE else "big"


def get_crc32_options():
    """True: each record of a file has a checksum."""
    return True


def set_crc32_options(compute_crc32):
    """Accepts True; files without checksums are not written."""
    if not compute_crc32:
        raise NotImplementedError(
            "set_crc32_options(False): each record is written with its checksum, which readers check."
        )


def get_default_mmap_options():
    """mmap.MAP_PRIVATE or MAP_SHARED: how load(mmap=True) maps."""
    return settings.mmap_flags


class set_default_mmap_options:
    """Sets how load(mmap=True) maps; in a `with` for its time.

    flags (int): mmap.MAP_PRIVATE, where writes to tensors stay in this process, or mmap.MAP_SHARED, where they reach
        the file.
    """

    def __init__(self, flags):
        if flags not in (mmap.MAP_PRIVATE, mmap.MAP_SHARED):
            raise ValueError(
                f"set_default_mmap_options: flags must be mmap.MAP_PRIVATE or mmap.MAP_SHARED, not {flags!r}."
            )
        self._before = settings.mmap_flags
        settings.mmap_flags = flags

    def __enter__(self):
        pass

    def __exit__(self, *exception):
        settings.mmap_flags = self._before


@contextlib.contextmanager
def skip_data(materialize_fake_tensors=False):
    """In this `with`, save leaves room for the bytes of tensors instead of writing them, and load leaves them zero.

    For files whose tensors are written by other means, and for looking at the structure of large ones.
    """
    if materialize_fake_tensors:
        raise NotImplementedError(
            "skip_data: materialize_fake_tensors=True: there are no fake tensors."
        )
    before, settings.skips_data = settings.skips_data, True
    try:
        yield
    finally:
        settings.skips_data = before


# Devices


_packages = []  # (priority, tagger, deserializer), the lowest priority first


def register_package(priority, tagger, deserializer):
    """Let a package say where storages lie and where they are loaded to.

    Args:
        priority (int): the lower, the earlier it is asked; the CPU has 10.
        tagger (callable): from a storage to the location's name, which the file will have, or None.
        deserializer (callable): from (storage in the CPU's memory, location) to the storage there, or None.
    """
    _packages.append((priority, tagger, deserializer))
    _packages.sort(key=lambda package: package[0])


def tagged(storage):
    """What a registered package says of the location of a storage, else None."""
    answers = (tagger(storage) for _, tagger, _ in _packages)
    return next((location for location in answers if location is not None), None)


def placed(storage, location):
    """The storage where a registered package puts it, else None."""
    answers = (deserializer(storage, location) for _, _, deserializer in _packages)
    return next((moved for moved in answers if moved is not None), None)


def has_packages():
    """Whether any package is registered."""
    return bool(_packages)


def location_tag(storage):
    """The location of a storage, as a file tells it: "cpu", "cuda:0", or what a registered package says."""
    location = tagged(storage)
    return str(storage.device) if location is None else location


def default_restore_location(storage, location):
    """The storage at the location that a file tells."""
    from ..storage import UntypedStorage
    from .storages import restore

    return UntypedStorage._of(restore(storage.untyped()._bytes, location, None))


def normalize_storage_type(storage_type):
    """The class of flambeau for a storage class by name."""
    import flambeau

    return getattr(flambeau, storage_type.__name__)


def storage_to_tensor_type(storage):
    """The tensor class that belongs to a typed storage: FloatTensor for FloatStorage."""
    import flambeau

    name = storage.type().rpartition(".")[2]
    return getattr(flambeau, name.replace("Storage", "Tensor"))


def check_module_version_greater_or_equal(module, req_version_tuple, error_if_malformed=True):
    """Whether a module's __version__ is at least a tuple of numbers.

    Raises:
        RuntimeError: its version is no numbers between dots, unless error_if_malformed is False: then True.
    """
    try:
        kinds = zip(req_version_tuple, module.__version__.split("."))
        return tuple(type(wanted)(part) for wanted, part in kinds) >= req_version_tuple
    except Exception as error:
        text = f"{module.__name__}: the version {module.__version__!r} can't be compared with {req_version_tuple}"
        if error_if_malformed:
            raise RuntimeError(text + ".") from error

        _core._warn(text + ", and is taken for a later one.")
        return True


def validate_cuda_device(location):
    """Raises: there is no CUDA device for what was saved from one.

    Raises:
        RuntimeError: always.
    """
    raise RuntimeError(
        f"load: {location!r} is a CUDA device, and there is none here. Pass map_location='cpu'."
    )


def validate_hpu_device(location):
    """Raises: there is no HPU for what was saved from one.

    Raises:
        RuntimeError: always.
    """
    raise RuntimeError(
        f"load: {location!r} is an HPU, and there is none here. Pass map_location='cpu'."
    )
