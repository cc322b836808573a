"""The __getattr__ of a package of models: files are imported, and weight enums made, when asked for."""

import importlib
import sys

from .._lazy import Package
from ._names import BUILDERS


def _part_of(weights):
    """The folder below models that an enum of weights belongs to; None where there is no such enum."""
    from ._api import _facts

    known = _facts("weights").get(weights)
    return known and known["module"].rpartition(".")[0]


def contents(package, part="", classes=None, modules=()):
    """(names, __getattr__) of a package.

    part: its folder below models, as "detection". classes: class or function -> file. modules: further files.
    """
    prefix = part + "." if part else ""
    files = {
        name.removeprefix("quantized_"): file.removeprefix(prefix)
        for name, file in BUILDERS.items()
        if file.rpartition(".")[0] == part
    } | dict(classes or {})
    submodules = {*files.values(), *modules}

    def __getattr__(name):
        module = sys.modules[package]
        if name in files:
            found = getattr(importlib.import_module(f"{package}.{files[name]}"), name)
        elif name in submodules:
            return importlib.import_module(f"{package}.{name}")
        elif name.endswith("Weights"):
            from ._api import weights_enum

            if _part_of(name) != part:
                raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}")
            found = weights_enum(name)
        else:
            raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}")
        setattr(module, name, found)
        return found

    sys.modules[package].__class__ = Package
    return sorted(files), __getattr__
