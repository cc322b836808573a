"""Modules of a package that are imported when they are first asked for."""

import importlib
import types

__all__ = ["lazy_modules", "without_inner"]


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


def without_inner(namespace, modules=()):
    """What dir() of a package lists: its names, but of modules only `modules`, and nothing of how names are found.

    Example:
        >>> import math
        >>> from flambeau.lazy_modules import without_inner
        >>> without_inner({"math": math, "inner": math, "pi": math.pi, "__getattr__": None}, ["math"])
        ['math', 'pi']
    """
    hidden = ("__getattr__", "__dir__", "_LAZY", "_PACKAGES")
    names = {
        name
        for name, value in namespace.items()
        if not isinstance(value, types.ModuleType) and name not in hidden
    }
    return sorted({*names, *modules})
