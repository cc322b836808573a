"""What PyTorch's torch._tensor_str has and programs use: the text of a tensor in parts."""

from . import printing
from .printing import get_printoptions, printoptions, set_printoptions

__all__ = [
    "_add_suffixes",
    "_str_intern",
    "_tensor_str",
    "get_printoptions",
    "printoptions",
    "set_printoptions",
]


def _tensor_str(self, indent):
    """The numbers of a tensor in brackets, later lines `indent` columns in."""
    with printing._plain(self) as plain:
        return printing._contents(plain, indent)


def _add_suffixes(tensor_str, suffixes, indent, force_newline):
    """The text with suffixes, and the bracket that closes it.

    Args:
        force_newline (bool): whether the first suffix stands on a line of its own.
    """
    if force_newline and suffixes:
        first, *suffixes = suffixes
        tensor_str += ",\n" + " " * indent + first
    return printing._join(tensor_str, suffixes, indent)


def _str_intern(inp, *, tensor_contents=None):
    """The text of a tensor, its numbers replaced by tensor_contents if that is given."""
    return printing.tensor_repr(inp, contents=tensor_contents)


def __getattr__(name):
    if name == "PRINT_OPTS":  # set_printoptions puts another in its place
        return printing._options
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
