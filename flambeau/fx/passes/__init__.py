"""Passes over graphs: shapes of values, a picture, graphs cut into modules."""

from ...lazy_modules import lazy_modules

_MODULES = ("graph_drawer", "shape_prop", "split_module")


__getattr__, __dir__ = lazy_modules(__name__, _MODULES)
