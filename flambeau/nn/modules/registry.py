"""The three dictionaries of a module: its parameters, its buffers, its submodules."""

from collections import OrderedDict


class Registry(dict):
    """name -> value in order of registration; the owner's own attributes always say the same.

    `module.weight` is then an ordinary attribute, found without a Python frame, and code that edits
    `module._parameters` directly still changes what `module.weight` gives. The reference to the owner
    is weak, so that a module without cycles is freed as soon as it is dropped.
    """

    __slots__ = ("_owner", "__weakref__")

    def __init__(self, values=(), owner=None):
        dict.__init__(self, values)
        self._owner = owner

    def _attributes(self):
        owner = self._owner and self._owner()
        return {} if owner is None else owner.__dict__

    def __setitem__(self, name, value):
        dict.__setitem__(self, name, value)
        self._attributes()[name] = value

    def __delitem__(self, name):
        dict.__delitem__(self, name)
        self._attributes().pop(name, None)

    def pop(self, name, *default):
        if name in self:  # another attribute of that name is not the registry's
            self._attributes().pop(name, None)
        return dict.pop(self, name, *default)

    def popitem(self):
        name, value = dict.popitem(self)
        self._attributes().pop(name, None)
        return name, value

    def clear(self):
        for name in list(self):
            del self[name]

    def update(self, *args, **kwargs):
        for name, value in dict(*args, **kwargs).items():
            self[name] = value

    def __ior__(self, other):
        self.update(other)
        return self

    def setdefault(self, name, default=None):
        if name not in self:
            self[name] = default
        return self[name]

    def __reduce__(self):
        # A plain dictionary in files, as PyTorch's; the module that takes it makes a registry of it.
        return OrderedDict, (), None, None, iter(self.items())
