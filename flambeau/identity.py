"""PyTorch's names for flambeau: `import torch` gives flambeau, `import torchvision` flambeau.vision.

Modules, classes and functions say these names of themselves, since libraries look for "torch" in a type's text.
`install` does it in this process, `inherit` in processes that it starts. `_as_torch/` holds what other processes, and
environments with the stand-in, find first: packages named torch and torchvision that do nothing but install.
"""

import importlib
import importlib.abc
import importlib.machinery
import importlib.metadata
import importlib.util
import os
import sys
from pathlib import Path

from . import __version__ as torch_version
from .ops.core import results
from .vision import __version__ as _vision_version

_NAMES = {
    "torch": "flambeau",
    "torchvision": "flambeau.vision",
    "functorch": "flambeau.functorch",
}
_VERSIONS = {"torch": str(torch_version), "torchvision": _vision_version}  # of the interfaces


def _public(name):
    """The name under which a module of flambeau is known to the program."""
    for public, own in reversed(_NAMES.items()):
        if name == own or name.startswith(own + "."):
            return public + name[len(own) :]
    return name


def _is_ours(name):
    return isinstance(name, str) and (name == "flambeau" or name.startswith("flambeau."))


def _rename(module):
    """Gives a module and what is defined in it their public names."""
    own = module.__spec__.name
    module.__name__ = _public(own)
    sys.modules[module.__name__] = module
    for value in list(vars(module).values()):
        named = isinstance(value, type) or (callable(value) and hasattr(value, "__name__"))
        if named and _is_ours(getattr(value, "__module__", None)):
            try:
                value.__module__ = _public(value.__module__)
            except (AttributeError, TypeError):  # a native type that keeps its name
                continue


class _Distribution(importlib.metadata.Distribution):
    """The metadata of a package whose place flambeau takes: its name and the version of the interface."""

    def __init__(self, name, version):
        self._texts = {
            "METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
            "top_level.txt": f"{name}\n",
        }

    def read_text(self, filename):
        return self._texts.get(filename)

    def locate_file(self, path):
        return Path(__file__).parent / path


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
            return None
        # _Renaming has put it there; found there, it would be loaded a second time.
        sys.modules.pop(name, None)
        return importlib.util.spec_from_loader(name, self, origin=found)

    def find_distributions(self, context):
        """What importlib.metadata is told of torch and torchvision where neither is installed."""
        for name, version in _VERSIONS.items():
            wanted = context.name is None or context.name.lower().replace("_", "-") == name
            if wanted and importlib.machinery.PathFinder.find_spec(name) is None:
                yield _Distribution(name, version)

    def create_module(self, spec):
        # A stand-in for as long as the import takes; its place in sys.modules goes to the module itself.
        return type(sys)(spec.origin)

    def exec_module(self, module):
        sys.modules[module.__spec__.name] = sys.modules[module.__spec__.origin]


class _Renaming(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Loads the modules of flambeau under their public names."""

    def find_spec(self, name, path=None, target=None):
        if name in ("multiprocessing.popen_spawn_posix", "multiprocessing.popen_forkserver"):
            _teach_children()
        if not _is_ours(name):
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is not None and isinstance(spec.loader, importlib.abc.SourceLoader):
            spec.loader_state, spec.loader = spec.loader, self
        return spec

    def exec_module(self, module):
        spec = module.__spec__
        spec.loader = module.__loader__ = spec.loader_state
        # What the code defines takes its module's name from __name__; relative imports do not.
        module.__name__ = _public(spec.name)
        sys.modules[module.__name__] = module
        try:
            exec(spec.loader.get_code(spec.name), module.__dict__)
        except BaseException:
            sys.modules.pop(module.__name__, None)
            raise
        _rename(module)


class _BeginsChild:
    """In what a new process of multiprocessing reads first: the names are there before it imports the program."""

    def __reduce__(self):
        return importlib.import_module, ("flambeau._as_torch.torch",)


def _teach_children():
    """Lets processes that multiprocessing begins anew (spawn, forkserver) have the names too."""
    from multiprocessing import spawn

    if getattr(spawn.get_preparation_data, "begins_child", False):
        return
    prepare = spawn.get_preparation_data

    def get_preparation_data(name):
        return {"flambeau": _BeginsChild(), **prepare(name)}

    get_preparation_data.begins_child = True
    spawn.get_preparation_data = get_preparation_data


def install():
    """Let `import torch` and `import torchvision` of this process give flambeau, and say so."""
    if any(isinstance(finder, _Alias) for finder in sys.meta_path):
        return
    sys.meta_path[:0] = [_Alias(), _Renaming()]
    results.PACKAGE = _public("flambeau")
    for made in results.by_name.values():
        made.__module__ = f"{results.PACKAGE}.return_types"
    for name, module in list(sys.modules.items()):
        if _is_ours(name) and getattr(module, "__spec__", None):
            _rename(module)


FOLDER = Path(__file__).parent / "_as_torch"


def inherit():
    """Lets Python processes that this one starts have the names too, whatever starts them."""
    before = os.environ.get("PYTHONPATH", "")
    if str(FOLDER) not in before.split(os.pathsep):
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(FOLDER), before)))


def load_ipython_extension(ipython):
    """`%load_ext flambeau` in a notebook: `import torch` gives flambeau from then on."""
    install()
    inherit()
