"""Modules of a package that are imported when they are first asked for."""

import importlib

__all__ = ["lazy_modules"]


def lazy_modules(package, modules, names=()):
    """(__getattr__, __dir__) of a package: `modules` are imported when first asked for, `names` is what it has itself.

    Example:
        >>> from flambeau.lazy_modules import lazy_modules
        >>> find, _ = lazy_modules("flambeau.nn", ["init"])
        >>> find("init").__name__
        'flambeau.nn.init'
    """

    def __getattr__(name):
        if name in modules:
            return importlib.import_module(f"{package}.{name}")
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    def __dir__():
        return sorted((*modules, *names))

    return __getattr__, __dir__
