"""Errors of names that are not there; what was meant is looked for when somebody reads the message."""

import importlib

_HOMES = ("nn.functional", "nn", "linalg", "special", "fft", "optim", "utils.data")
_OF_NUMPY = {"array": "tensor"}


class NoName(AttributeError):
    """`said`, and what of `known()` is like `name`: hasattr() does not wait for the 2 ms of the search."""

    def __init__(self, said, name, known):
        super().__init__(said)
        self._search = name, known

    def __str__(self):
        (said,), (name, known) = self.args, self._search
        meant = None if name.startswith("_") else _meant(name, known())
        return f"{said}. Did you mean: {meant!r}?" if meant else said

    def __reduce__(self):
        return AttributeError, (str(self),)


NoName.__name__ = NoName.__qualname__ = "AttributeError"
NoName.__module__ = "builtins"


def _meant(name, known):
    import difflib

    known = [n for n in known if not n.startswith("_")]
    if _OF_NUMPY.get(name) in known:
        return _OF_NUMPY[name]
    ends = [n for n in known if n.endswith("." + name)]
    return ends[0] if ends else next(iter(difflib.get_close_matches(name, known, 1, 0.75)), None)


def in_namespace(module, name):
    """The error of a name that torch has not; a namespace of it may."""

    def known():
        names = dir(importlib.import_module(module))
        for home in _HOMES:
            names += [
                f"{home}.{n}"
                for n in dir(importlib.import_module(f".{home}", __package__))
                if n[0] != "_"
            ]
        return names

    return NoName(f"module {module!r} has no attribute {name!r}", name, known)
