"""Where PyTorch has the layers that have a file of their own here: pickles name them so, and programs import them so."""

import importlib

__all__ = ["elsewhere", "settle"]


def settle(home, *classes):
    """Classes say that they are of the module `home` of nn.modules."""
    for kind in classes:
        kind.__module__ = f"flambeau.nn.modules.{home}"


def elsewhere(**files):
    """A module's __getattr__ that gives classes of other files: file="Name Name"."""
    homes = {name: file for file, names in files.items() for name in names.split()}

    def __getattr__(name):
        if name not in homes:
            raise AttributeError(f"nn.modules has no {name!r} there.")
        return getattr(importlib.import_module(f"flambeau.nn.modules.{homes[name]}"), name)

    return __getattr__
