"""The levels of vmap that are active in a thread, outermost first; each has a number that no other ever has."""

import itertools
import threading

from ... import _core

_numbers = itertools.count(1)
_local = threading.local()
sizes = {}  # level -> how many slices it has, of all levels that are active in some thread


class Level:
    """One vmap while it calls its function (`with`): `number`, `size` and `randomness` ("error" ...)."""

    __slots__ = ("number", "randomness", "size")

    def __init__(self, size, randomness="different"):
        self.number, self.size, self.randomness = next(_numbers), size, randomness

    def __enter__(self):
        stack = active()
        stack.append(self)
        sizes[self.number] = self.size
        _core._set_levels(len(stack))
        return self

    def __exit__(self, *exception):
        stack = active()
        stack.remove(self)
        del sizes[self.number]
        _core._set_levels(len(stack))


def active():
    """The levels of this thread, outermost first."""
    try:
        return _local.stack
    except AttributeError:
        _local.stack = []
        return _local.stack
