"""Passes over graphs: shapes of values, a picture, graphs cut into modules."""

import importlib

_MODULES = ("graph_drawer", "shape_prop", "split_module")


def __getattr__(name):
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
