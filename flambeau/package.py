"""torch.package: archives of code and models. They are not written or read here; names refuse."""

from .refusals import refusals

_REASON = (
    "Archives of code are neither written nor read here. Save a state dict with torch.save, and keep the code as a "
    "package of Python."
)
_NAMES = """
    Directory GlobGroup Importer OrderedImporter PackageExporter PackageImporter analyze find_file_dependencies
"""
globals().update(refusals(_NAMES, _REASON, "package.", module=__name__))


class PackagingError(Exception):
    """What goes wrong while an archive is written; never raised."""


class EmptyMatchError(Exception):
    """A pattern that matches no module; never raised."""


class ObjMismatchError(Exception):
    """A name that leads to another object; never raised."""


class ObjNotFoundError(Exception):
    """An object without a name; never raised."""


def is_from_package(obj):
    """Whether an object comes from an archive of code: False."""
    return False


sys_importer = None

__all__ = [
    "EmptyMatchError", "ObjMismatchError", "ObjNotFoundError", "PackagingError", "is_from_package", "sys_importer",
    *_NAMES.split(),
]  # fmt: skip
