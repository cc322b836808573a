"""ParameterList and ParameterDict: collections whose tensors are parameters."""

from collections import OrderedDict
from collections.abc import Mapping

import flambeau

from ..parameter import Parameter
from .containers import extend, position
from .homes import settle
from .module import Module
from .utils import pairs_of


def _as_parameter(value):
    if isinstance(value, flambeau.Tensor) and not isinstance(value, Parameter):
        return Parameter(value)
    return value


def _describe(values, type_of):
    """One line a value, as the collections' repr shows them."""
    lines = []
    for name, value in values:
        if isinstance(value, flambeau.Tensor):
            kind = "Parameter" if isinstance(value, Parameter) else "Tensor"
            size = "x".join(str(n) for n in value.size())
            where = f" (GPU {value.get_device()})" if value.is_cuda else ""
            text = f"{kind} containing: [{type_of(value)} of size {size}{where}]"
        else:
            text = f"Object of type: {type(value).__name__}"
        lines.append(f"  ({name}): {text}")
    return "\n".join(lines)


class ParameterList(Module):
    """A list whose tensors are registered as parameters; other values are kept as they are.

    Args:
        values (iterable, optional): what it begins with.

    Example:
        >>> scales = nn.ParameterList([nn.Parameter(torch.ones(2)) for _ in range(3)])
        >>> len(scales)
        3
    """

    def __init__(self, values=None):
        super().__init__()
        self._size = 0
        if values is not None:
            self += values

    def __len__(self):
        return self._size

    def __iter__(self):
        return iter(self[i] for i in range(len(self)))

    def _get_abs_string_index(self, idx):
        return str(position(idx, self))

    def __getitem__(self, idx):
        if isinstance(idx, slice):
            return type(self)(self[i] for i in range(*idx.indices(len(self))))
        return getattr(self, self._get_abs_string_index(idx))

    def __setitem__(self, idx, param):
        setattr(self, self._get_abs_string_index(idx), _as_parameter(param))

    def append(self, value):
        """Add `value` at the end."""
        place = len(self)
        self._size += 1
        self[place] = value
        return self

    def extend(self, values):
        """Add each of `values` at the end."""
        return extend(self, values, "parameters")

    def __iadd__(self, parameters):
        return self.extend(parameters)

    def extra_repr(self):
        return _describe(enumerate(self), lambda value: value.dtype)

    def __call__(self, *args, **kwargs):
        raise RuntimeError(
            "ParameterList: is a list and cannot be called. Index it for its parameters."
        )


class ParameterDict(Module):
    """A dict whose tensors are registered as parameters; other values are kept as they are.

    Args:
        parameters (mapping or iterable, optional): what it begins with.

    Example:
        >>> scales = nn.ParameterDict({"a": nn.Parameter(torch.ones(2))})
        >>> list(scales)
        ['a']
    """

    def __init__(self, parameters=None):
        super().__init__()
        self._keys = {}
        if parameters is not None:
            self.update(parameters)

    def _key_to_attr(self, key):
        if not isinstance(key, str):
            raise TypeError(f"ParameterDict: a key must be a str, not {type(key).__name__}.")
        return key

    def __getitem__(self, key):
        if key not in self._keys:
            raise KeyError(key)
        return getattr(self, self._key_to_attr(key))

    def __setitem__(self, key, value):
        attribute = self._key_to_attr(key)
        self._keys[key] = None
        setattr(self, attribute, _as_parameter(value))

    def __delitem__(self, key):
        del self._keys[key]
        delattr(self, self._key_to_attr(key))

    def __len__(self):
        return len(self._keys)

    def __iter__(self):
        return iter(self._keys)

    def __reversed__(self):
        return reversed(list(self._keys))

    def __contains__(self, key):
        return key in self._keys

    def keys(self):
        """The keys."""
        return self._keys.keys()

    def items(self):
        """The (key, value) pairs."""
        return ((key, self[key]) for key in self._keys)

    def values(self):
        """The values."""
        return (self[key] for key in self._keys)

    def get(self, key, default=None):
        """The value under `key`, or `default`."""
        return self[key] if key in self else default

    def setdefault(self, key, default=None):
        """The value under `key`, put there first if it was missing."""
        if key not in self:
            self[key] = default
        return self[key]

    def pop(self, key):
        """Take the value under `key` out and return it."""
        value = self[key]
        del self[key]
        return value

    def popitem(self):
        """Take the last (key, value) pair out and return it."""
        key = next(reversed(self))
        return key, self.pop(key)

    def clear(self):
        """Remove everything."""
        for key in list(self._keys):
            del self[key]

    def copy(self):
        """A new ParameterDict with the same values."""
        return ParameterDict(list(self.items()))

    def fromkeys(self, keys, default=None):
        """A new ParameterDict with `default` under each of `keys`."""
        return ParameterDict([(key, default) for key in keys])

    def update(self, parameters):
        """Add or replace values from a mapping or from (key, value) pairs."""
        if isinstance(parameters, (OrderedDict, ParameterDict)):
            pairs = parameters.items()
        elif isinstance(parameters, Mapping):
            pairs = sorted(parameters.items())  # as in PyTorch: a mapping need not have an order
        else:
            pairs = pairs_of("ParameterDict", "parameter", parameters)
        for key, value in pairs:
            self[key] = value

    def __or__(self, other):
        merged = self.copy()
        merged.update(other)
        return merged

    def __ror__(self, other):
        merged = ParameterDict(list(other.items()))
        merged.update(self)
        return merged

    def __ior__(self, other):
        self.update(other)
        return self

    def extra_repr(self):
        return _describe(self.items(), lambda value: value.type())

    def __call__(self, *args, **kwargs):
        raise RuntimeError(
            "ParameterDict: is a dict and cannot be called. Index it for its parameters."
        )


settle("container", ParameterList, ParameterDict)
