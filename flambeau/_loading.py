"""Each module of flambeau is executed once, whatever names it is imported under.

An import hook that gives flambeau another name (torch, say) may put a module under that name into
sys.modules while it looks for it. Python then takes the module's own specification, and would execute
its file again: every class in it would exist twice, and isinstance() would tell them apart.
"""

import os
import sys
from importlib import machinery

_ROOT = os.path.dirname(__file__)


class _Once(machinery.SourceFileLoader):
    """Gives back the module that is there; importlib.reload() still executes it again."""

    _found = False

    def create_module(self, spec):
        module = sys.modules.get(spec.name)
        self._found = module is not None
        return module

    def exec_module(self, module):
        if self._found:
            self._found = False
            return
        super().exec_module(module)


_finder = machinery.FileFinder.path_hook(
    (machinery.ExtensionFileLoader, machinery.EXTENSION_SUFFIXES),
    (_Once, machinery.SOURCE_SUFFIXES),
    (machinery.SourcelessFileLoader, machinery.BYTECODE_SUFFIXES),
)


def _finder_of(path):
    if not path.startswith(_ROOT):
        raise ImportError("not a folder of flambeau", path=path)
    return _finder(path)


class _Homes:
    """Finds PyTorch's modules that are no files here; asked last."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if not name.startswith("flambeau."):
            return None
        from .homes import find

        return find(name)


sys.meta_path.append(_Homes)
sys.path_hooks.insert(0, _finder_of)
for path in [path for path in sys.path_importer_cache if path.startswith(_ROOT)]:
    del sys.path_importer_cache[path]
