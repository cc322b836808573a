"""Packages that are tables of contents: a name is imported from its file when it is asked for."""

import contextlib
import importlib
import sys
import types

from ..nn.lazy_names import Listed


class Package(Listed):
    """A package in which a function may have the name of its file: ops.roi_align is the function."""

    def __setattr__(self, name, value):
        # Import sets the file as an attribute of its package, after it was read.
        if type(value) is types.ModuleType and name in self.__all__:
            value = vars(value).get(name, value)
        super().__setattr__(name, value)


def contents(package, files, modules=()):
    """(names, __getattr__) of a package.

    files: file -> the names in it, in one string. modules: further files, which are attributes themselves.
    """
    if package.startswith("torchvision"):
        # Programs that say `import PIL` and use PIL.Image count on torchvision to have imported it.
        with contextlib.suppress(ImportError):
            importlib.import_module("PIL.Image")
    home = {name: file for file, names in files.items() for name in names.split()}
    submodules = {*files, *modules}
    sys.modules[package].__class__ = Package

    def __getattr__(name):
        if name in home:
            found = getattr(importlib.import_module(f"{package}.{home[name]}"), name)
            setattr(sys.modules[package], name, found)
            return found
        if name in submodules:
            return importlib.import_module(f"{package}.{name}")
        raise AttributeError(f"module {sys.modules[package].__name__!r} has no attribute {name!r}")

    return sorted(home), __getattr__
