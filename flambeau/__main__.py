"""Runs a PyTorch program, unchanged, on flambeau.

    python -m flambeau program.py arguments...
    python -m flambeau -m package.module arguments...

`import torch` gives flambeau there, `import torchvision` flambeau.vision.
"""

import importlib
import importlib.abc
import importlib.util
import os
import runpy
import sys

_NAMES = {"torch": "flambeau", "torchvision": "flambeau.vision"}


class _Alias(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds torch.x.y as flambeau.x.y: the same module under two names."""

    def find_spec(self, name, path=None, target=None):
        top, dot, rest = name.partition(".")
        if top not in _NAMES:
            return None
        found = _NAMES[top] + dot + rest
        try:
            importlib.import_module(found)
        except ModuleNotFoundError as error:
            if error.name is None or not found.startswith(error.name):
                raise  # a package that flambeau wants is missing
            raise ModuleNotFoundError(
                f"{name}: flambeau has no {found} (yet).", name=name
            ) from None
        return importlib.util.spec_from_loader(name, self, origin=found)

    def create_module(self, spec):
        # A stand-in for as long as the import takes; its place in sys.modules goes to the module itself.
        return type(sys)(spec.origin)

    def exec_module(self, module):
        sys.modules[module.__spec__.name] = sys.modules[module.__spec__.origin]


def install():
    """Let `import torch` and `import torchvision` of this process give flambeau."""
    sys.meta_path.insert(0, _Alias())


def main(arguments):
    if not arguments or arguments[0] in ("-h", "--help"):
        print(__doc__)
        return 0 if arguments else 2
    install()
    if arguments[0] == "-m":
        sys.argv = arguments[1:]
        sys.path.insert(0, os.getcwd())
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = arguments
        sys.path.insert(0, os.path.dirname(os.path.abspath(arguments[0])))
        runpy.run_path(arguments[0], run_name="__main__")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
