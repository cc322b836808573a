"""ModuleList, a list of modules."""

from itertools import chain, groupby

from .containers import extend, position, renumber
from .homes import settle
from .module import Module


class ModuleList(Module):
    """A list whose modules are registered. It has no forward.

    Args:
        modules (iterable of Module, optional): what it begins with.

    Example:
        >>> layers = nn.ModuleList([nn.Linear(2, 2) for _ in range(3)])
        >>> len(layers), len(list(layers.parameters()))
        (3, 6)
    """

    def __init__(self, modules=None):
        super().__init__()
        if modules is not None:
            self += modules

    def __len__(self):
        return len(self._modules)

    def __iter__(self):
        return iter(self._modules.values())

    def _get_abs_string_index(self, idx):
        return str(position(idx, self))

    def __getitem__(self, idx):
        if isinstance(idx, slice):
            return type(self)(list(self._modules.values())[idx])
        return self._modules[self._get_abs_string_index(idx)]

    def __setitem__(self, idx, module):
        setattr(self, self._get_abs_string_index(idx), module)

    def __delitem__(self, idx):
        values = list(self)
        del values[idx if isinstance(idx, slice) else position(idx, self)]
        renumber(self._modules, values)

    def insert(self, index, module):
        """Put `module` before position `index`."""
        values = list(self)
        values.insert(index, module)
        renumber(self._modules, values)

    def append(self, module):
        """Add `module` at the end."""
        self.add_module(str(len(self)), module)
        return self

    def pop(self, key):
        """Take the module at `key` out and return it."""
        module = self[key]
        del self[key]
        return module

    def extend(self, modules):
        """Add each of `modules` at the end."""
        return extend(self, modules, "modules")

    def __iadd__(self, modules):
        return self.extend(modules)

    def __add__(self, other):
        return type(self)(chain(self, other))

    def __repr__(self):
        """As Module, but a run of modules with the same text is written once."""
        if not len(self):
            return f"{self._get_name()}()"
        lines, start = [], 0
        for text, run in groupby(repr(module) for module in self):
            count = len(list(run))
            places = f"({start})" if count == 1 else f"({start}-{start + count - 1})"
            times = "" if count == 1 else f"{count} x "
            lines.append(f"{places}: {times}{text}".replace("\n", "\n  "))
            start += count
        return f"{self._get_name()}(\n  " + "\n  ".join(lines) + "\n)"


settle("container", ModuleList)
