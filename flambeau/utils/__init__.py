"""What users expect around a tensor library. May import: everything below.

checkpoint: parts of a network computed again in backward. data: data sets, samplers, DataLoader.
dlpack: memory shared with other libraries. hooks: handles of hooks. pytree: trees of containers.
recording: what a model does with an input.
tensorboard: event files. trainer: the loop of 2017 with plugins. flop_counter: what a model computes.
nonfinite: the first NaN of a program. tracing: a program's operators as a graph.
"""

import importlib

_MODULES = (
    "_pytree",
    "checkpoint",
    "data",
    "dlpack",
    "flop_counter",
    "hooks",
    "nonfinite",
    "pytree",
    "recording",
    "tensorboard",
    "tracing",
    "trainer",
)

__all__ = [name for name in _MODULES if not name.startswith("_")]


def __getattr__(name):
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted(__all__)
