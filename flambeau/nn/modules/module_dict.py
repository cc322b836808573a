"""ModuleDict, a dict of modules."""

from collections.abc import Mapping

from .homes import settle
from .module import Module
from .utils import pairs_of


class ModuleDict(Module):
    """A dict, in order of insertion, whose modules are registered. It has no forward.

    Args:
        modules (mapping or iterable of pairs, optional): what it begins with.

    Example:
        >>> layers = nn.ModuleDict({"wide": nn.Linear(2, 8), "narrow": nn.Linear(8, 2)})
        >>> list(layers)
        ['wide', 'narrow']
    """

    def __init__(self, modules=None):
        super().__init__()
        if modules is not None:
            self.update(modules)

    def __getitem__(self, key):
        return self._modules[key]

    def __setitem__(self, key, module):
        self.add_module(key, module)

    def __delitem__(self, key):
        del self._modules[key]

    def __len__(self):
        return len(self._modules)

    def __iter__(self):
        return iter(self._modules)

    def __contains__(self, key):
        return key in self._modules

    def clear(self):
        """Remove everything."""
        self._modules.clear()

    def pop(self, key):
        """Take the module under `key` out and return it."""
        module = self[key]
        del self[key]
        return module

    def keys(self):
        """The keys."""
        return self._modules.keys()

    def items(self):
        """The (key, module) pairs."""
        return self._modules.items()

    def values(self):
        """The modules."""
        return self._modules.values()

    def update(self, modules):
        """Add or replace modules from a mapping or from (key, module) pairs."""
        if isinstance(modules, (Mapping, ModuleDict)):
            pairs = modules.items()
        else:
            pairs = pairs_of("ModuleDict", "module", modules)
        for key, module in pairs:
            self[key] = module


settle("container", ModuleDict)
