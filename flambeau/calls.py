"""What the core's parser of arguments (csrc/python/parse.h) leaves to Python: how signatures are read, and why calls fail."""

import sys

from ._core import Tensor

_LITERALS = {"": ..., "None": None, "True": True, "False": False}


def parameters_of(signature):
    """What "input, dim=0, *, out=None -> Tensor" says to the parser.

    Returns: (names, defaults with ... where there is none, how many may come by position, the place of *NAME or -1,
        how many must be given).
    """
    names, defaults, positional, rest, required = [], [], None, -1, 0
    for part in filter(None, signature.partition(" -> ")[0].split(", ")):
        name, _, default = part.lstrip("*").partition("=")
        if part[0] == "*":
            positional = len(names)
            if not name:
                continue
            rest = positional
        names.append(sys.intern(name))
        defaults.append(_LITERALS[default] if default in _LITERALS else int(default))
        if default == "" and rest != len(names) - 1:
            required = len(names)
    positional = len(names) if positional is None else positional
    return tuple(names), tuple(defaults), positional, rest, required


# What NumPy calls some parameters, and how methods and functions of PyTorch itself differ.
_SPELLINGS = {
    "input": ("self", "a", "x", "x1"),
    "other": ("x2",),
    "dim": ("axis",),
    "keepdim": ("keepdims",),
    "tensor": ("self",),
    "split_size_or_sections": ("split_size", "split_sizes"),
}


def spellings(names):
    """{another spelling of a name: the place of the name}."""
    return {other: place for place, name in enumerate(names) for other in _SPELLINGS.get(name, ())}


class IndexRangeError(IndexError, RuntimeError):
    """An index outside of its dimension: PyTorch raises the one or the other."""


def _called(operator):
    return operator.__name__.removeprefix("_")  # raw functions speak for their operators


def refuse(operator, names, defaults, keys, facts):
    """Raises what is wrong with a call: one argument too many, unknown, given twice or missing.

    Args:
        keys: the names that arguments have come with.
        facts: (how many came by position, how many may, the place of *NAME or -1, whether out= is taken).
    """
    given, most, rest, takes_out = facts
    listed = ", ".join("*" * (place == rest) + name for place, name in enumerate(names))
    if given > most:
        raise TypeError(
            f"{_called(operator)}: takes {most} arguments by position but was given {given}. It takes ({listed})."
        )
    seen = set(range(given if rest < 0 else min(given, rest + 1)))
    places = spellings(names) | {name: place for place, name in enumerate(names)}
    for key in keys:
        if key == "out" and takes_out and key not in places:
            continue
        if key not in places:
            raise TypeError(f"{_called(operator)}: has no argument '{key}'. It takes ({listed}).")
        if places[key] in seen:
            raise TypeError(
                f"{_called(operator)}: argument '{key}' was given twice, by position and by name."
            )
        seen.add(places[key])
    missing = next(n for i, n in enumerate(names) if defaults[i] is ... and i not in seen | {rest})
    raise TypeError(f"{_called(operator)}: argument '{missing}' is missing. It takes ({listed}).")


# The letters of flambeau/ops/core/kinds.py.
_WORDS = {
    "b": "True or False",
    "i": "an int",
    "z": "an int or a sequence of ints",
    "s": "a sequence of ints",
    "p": "an int, a sequence of ints or the name of a padding",
    "n": "a number",
    "t": "a dtype",
    "m": "a memory format",
    "l": "a sequence of tensors",
}


def refuse_type(operator, name, kind, value):
    """Raises what is wrong with the type of an argument: `kind` is the letter of its place, a capital with None."""
    takes = _WORDS[kind.lower()] + ", or None" * kind.isupper()
    got = f"a {type(value).__name__}"
    if not isinstance(value, Tensor) and _is_plain(value):
        got = f"{value!r:.100} ({type(value).__name__})"
    raise TypeError(f"{operator.__name__}: {name} takes {takes}, but got {got}.")


def _is_plain(value):
    """Whether it is shown itself in an error: a number, a text or None."""
    if value is None or isinstance(value, (str, bytes, complex)):
        return True
    return hasattr(type(value), "__index__") or hasattr(type(value), "__float__")
