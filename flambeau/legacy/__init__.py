"""The interfaces of Lua Torch, as PyTorch carried them until 2018. May import: floors 1 to 5.

nn: modules with forward, backward and their gradients beside their parameters. optim: functions that
minimise opfunc(x). docs/guide-2017.md shows both beside today's way.
"""

from ..lazy_modules import lazy_modules

_MODULES = ("nn", "optim")

__all__ = [*_MODULES]


__getattr__, __dir__ = lazy_modules(__name__, _MODULES)
