"""What is in force in a thread while a `with` lasts: a stack of modes, of whose height the core is told."""

import contextlib
import threading

from . import _core

__all__ = ["Mode", "Modes"]


def _disabled_torch_function_impl(func, types, args=(), kwargs=None):
    """As a class's __torch_function__: its instances are plain tensors to operators.

    Called, it is func's result for plain tensors: what super() finds in a subclass of Parameter.
    """
    before = _core._set_subclasses_disabled(True)
    try:
        return func(*(args or ()), **(kwargs or {}))
    finally:
        _core._set_subclasses_disabled(before)


def _disabled_torch_dispatch_impl(*args, **kwargs):
    """As a class's __torch_dispatch__: its instances are plain tensors to operators."""
    return NotImplemented


class Modes:
    """The modes of one kind in each thread, the innermost last.

    tell (callable): gets their number in this thread whenever it changes.
    """

    def __init__(self, tell):
        self._tell = tell
        self._local = threading.local()

    def stack(self):
        """The list of this thread."""
        try:
            return self._local.modes
        except AttributeError:
            self._local.modes = []
            return self._local.modes

    def push(self, mode):
        stack = self.stack()
        stack.append(mode)
        self._tell(len(stack))

    def pop(self):
        stack = self.stack()
        mode = stack.pop()
        self._tell(len(stack))
        return mode

    @contextlib.contextmanager
    def without_innermost(self):
        """The innermost, which is out of force inside."""
        mode = self.pop()
        try:
            yield mode
        finally:
            self.push(mode)

    @contextlib.contextmanager
    def without_all(self):
        """A list of all, none of which is in force inside."""
        stack = self.stack()
        before = list(stack)
        stack.clear()
        self._tell(0)
        try:
            yield before
        finally:
            stack.extend(before)
            self._tell(len(stack))


class Mode:
    """One that `with` puts in force; a subclass has its kind as `_in_force`."""

    def __enter__(self):
        self._in_force.push(self)
        return self

    def __exit__(self, *exception):
        self._in_force.pop()

    @classmethod
    def push(cls, *args, **kwargs):
        return cls(*args, **kwargs)
