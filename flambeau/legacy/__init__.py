"""The interfaces of Lua Torch, as PyTorch carried them until 2018. May import: floors 1 to 5.

nn: modules with forward, backward and their gradients beside their parameters. optim: functions that
minimise opfunc(x). docs/guide-2017.md shows both beside today's way.
"""

import importlib

_MODULES = ("nn", "optim")

__all__ = [*_MODULES]


def __getattr__(name):
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted(__all__)
