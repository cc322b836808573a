"""Every operator by attribute, for those that are written in terms of others.

`from .core import operators as fl`, then `fl.stack(...)` or `fl.linalg.solve(...)`: a name is looked up among
what the families have declared and what the core gives when it is first used, so the families may be
declared in any order and in a circle. Nothing above this floor can be reached.
"""

from ... import _core, types
from . import declare
from .no_derivative import no_grad  # noqa: F401


class _Space:
    """The operators of one namespace."""

    def __init__(self, name):
        self._name = name

    def __getattr__(self, name):
        value = declare.NAMESPACES[self._name][name]
        setattr(self, name, value)
        return value


fft, linalg, special = map(_Space, ("fft", "linalg", "special"))


def __getattr__(name):
    value = declare.NAMESPACES["torch"].get(name)
    if value is None:
        value = getattr(_core, name, None) or getattr(types, name)
    globals()[name] = value
    return value
