"""Sequential, a chain of modules."""

from collections import OrderedDict

from ... import _core
from .containers import position, renumber
from .homes import settle
from .module import Module


class Container(Module):
    """Modules by keyword: what programs before 2017 derived from. Module has taken its place, says a warning.

    Args:
        **kwargs (Module): the submodules, by name.

    Example:
        >>> import warnings
        >>> with warnings.catch_warnings(action="ignore"):
        ...     nn.Container(first=nn.Linear(2, 3)).first
        Linear(in_features=2, out_features=3, bias=True)
    """

    def __init__(self, **kwargs):
        super().__init__()
        _core._warn("Container: derive from Module, and assign the modules.", FutureWarning)
        for name, module in kwargs.items():
            self.add_module(name, module)


class Sequential(Module):
    """Each module applied to the output of the one before.

    Args:
        *args (Module): in order; or one OrderedDict name -> module.

    Example:
        >>> nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))(torch.randn(3, 4)).shape
        torch.Size([3, 2])
    """

    def __init__(self, *args):
        super().__init__()
        if len(args) == 1 and isinstance(args[0], OrderedDict):
            items = args[0].items()
        else:
            items = ((str(i), module) for i, module in enumerate(args))
        for name, module in items:
            self.add_module(name, module)

    def forward(self, input):
        for module in self._modules.values():
            input = module(input)
        return input

    def __len__(self):
        return len(self._modules)

    def __iter__(self):
        return iter(self._modules.values())

    def _name_at(self, idx):
        return list(self._modules)[position(idx, self)]

    def __getitem__(self, idx):
        if isinstance(idx, slice):
            return type(self)(OrderedDict(list(self._modules.items())[idx]))
        return self._modules[self._name_at(idx)]

    def __setitem__(self, idx, module):
        setattr(self, self._name_at(idx), module)

    def __delitem__(self, idx):
        names = list(self._modules)[idx] if isinstance(idx, slice) else [self._name_at(idx)]
        for name in names:
            delattr(self, name)
        renumber(self._modules, self._modules.values())

    def pop(self, key):
        """Take the module at `key` out and return it."""
        module = self[key]
        del self[key]
        return module

    def append(self, module):
        """Add `module` at the end."""
        self.add_module(str(len(self)), module)
        return self

    def insert(self, index, module):
        """Put `module` before position `index`."""
        if not isinstance(module, Module):
            raise AssertionError(
                f"Sequential.insert: takes an nn.Module, not {type(module).__name__}."
            )
        length = len(self)
        if not -length <= index <= length:
            raise IndexError(
                f"Sequential.insert: index {index} is outside of {-len(self)} to {len(self)}."
            )
        values = list(self)
        values.insert(index, module)
        renumber(self._modules, values)
        return self

    def extend(self, sequential):
        """Add each of `sequential` at the end."""
        for module in list(sequential):
            self.append(module)
        return self

    def __add__(self, other):
        self._check_chain(other)
        return Sequential(*self, *other)

    def __iadd__(self, other):
        self._check_chain(other)
        return self.extend(other)

    @staticmethod
    def _check_chain(other):
        if not isinstance(other, Sequential):
            raise ValueError(
                "Sequential: only another Sequential can be added to it, not "
                f"{type(other).__name__}."
            )

    def __mul__(self, other):
        self._check_factor(other)
        return Sequential(*(list(self) * other))

    __rmul__ = __mul__

    def __imul__(self, other):
        self._check_factor(other)
        renumber(self._modules, list(self) * other)
        return self

    def _check_factor(self, factor):
        if not isinstance(factor, int):
            raise TypeError(f"Sequential: is repeated by an int, not {type(factor).__name__}.")
        if factor <= 0:
            raise ValueError(f"Sequential: is repeated {factor} times; it must be 1 or more.")


settle("container", Sequential)
