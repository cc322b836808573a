"""Modules around another one."""

from ..nn.modules.module import Module


class Wrapper(Module):
    """A module that answers as the one it wraps, the submodule named `_inner`, where it has no answer of its own."""

    _inner = None

    def __getattr__(self, name):
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(super().__getattr__(self._inner), name)

    def __getitem__(self, key):
        return super().__getattr__(self._inner)[key]
