"""Names that are imported when they are first used."""

import importlib
import sys
import types


def table_of_contents(package, contents, submodules=(), prepare=lambda name, value: value):
    """(__getattr__, __dir__, __all__) of a package.

    `contents` maps a submodule (relative, as in ".linear") to the names that come from it; `prepare`
    is what becomes of each. These submodules and `submodules` are attributes too, the latter listed.
    """
    home = {name: module for module, names in contents.items() for name in names.split()}

    def __getattr__(name):
        if name in submodules:
            return importlib.import_module(f"{package}.{name}")
        if name not in home and f".{name}" in contents:
            return importlib.import_module(f"{package}.{name}")
        if name not in home:
            raise AttributeError(f"module '{package}' has no attribute '{name}'")
        value = prepare(name, getattr(importlib.import_module(home[name], package), name))
        setattr(
            importlib.import_module(package), name, value
        )  # the next look-up is an ordinary one
        return value

    def __dir__():
        return sorted({*home, *submodules})

    return __getattr__, __dir__, [*home]


def without_all(package, find, names):
    """The __getattr__ of a package without `__all__`, as PyTorch's nn is: help() then tells its contents, not every class in full.

    `find` is its __getattr__ of before. A star import asks for `__all__` and then takes what is there, so all `names` are loaded.
    """

    def __getattr__(name):
        if name == "__all__":
            for one in names:
                getattr(sys.modules[package], one)
            raise AttributeError(f"module '{package}' has no attribute '__all__'")
        return find(name)

    return __getattr__


class Listed(types.ModuleType):
    """A module whose `__dict__` holds every name of the table, which programs go through."""

    @property
    def __dict__(self):
        loaded = types.ModuleType.__dict__["__dict__"].__get__(self)
        for name in loaded.get("__all__", ()):
            getattr(self, name)
        return loaded

    def __reduce__(self):
        # By name, as cloudpickle does for modules of exactly this type's base.
        return importlib.import_module, (self.__spec__.name,)


def listed(package):
    """Let vars() of a package with a table of contents hold all of it, still loaded when first used.

    Attributes of such a module are a little slower to read, so packages with operators do without.
    """
    sys.modules[package].__class__ = Listed
