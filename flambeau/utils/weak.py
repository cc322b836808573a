"""Dictionaries whose keys are weak references to objects told apart by identity, as tensors must be."""

import weakref
from collections.abc import MutableMapping

__all__ = ["TensorWeakRef", "WeakIdKeyDictionary", "WeakIdRef", "WeakTensorKeyDictionary"]


class WeakIdRef(weakref.ref):
    """A weak reference, equal to another of the same object; its hash is the object's identity."""

    __slots__ = ["_id"]

    def __init__(self, key, callback=None):
        super().__init__(key, callback)
        self._id = id(key)

    def __hash__(self):
        return self._id

    def __eq__(self, other):
        one, two = self(), other()
        return one is two if one is not None and two is not None else self is other


class WeakIdKeyDictionary(MutableMapping):
    """A dict by identity of its keys; an entry goes when its key does."""

    def __init__(self, dict=None, ref_type=WeakIdRef):
        self.data, self.ref_type = {}, ref_type
        if dict is not None:
            self.update(dict)

    def _ref(self, key):
        own = weakref.ref(self)

        def drop(reference):
            held = own()
            if held is not None:
                held.data.pop(reference, None)

        return self.ref_type(key, drop)

    def __getitem__(self, key):
        return self.data[self.ref_type(key)]

    def __setitem__(self, key, value):
        self.data[self._ref(key)] = value

    def __delitem__(self, key):
        del self.data[self.ref_type(key)]

    def __contains__(self, key):
        try:
            return self.ref_type(key) in self.data
        except TypeError:  # no weak reference to it is possible
            return False

    def __len__(self):
        return len(self.data)

    def __iter__(self):
        for reference in list(self.data):
            key = reference()
            if key is not None:
                yield key

    def __repr__(self):
        return f"<{type(self).__name__} of {len(self)}>"

    def copy(self):
        """Another dict of the same entries."""
        made = type(self)()
        made.update(self)
        return made


class WeakTensorKeyDictionary(WeakIdKeyDictionary):
    """The same, for tensors."""


class TensorWeakRef:
    """A weak reference to a tensor, called to get it: the tensor, or None."""

    def __init__(self, tensor):
        self.ref = weakref.ref(tensor)

    def __call__(self):
        return self.ref()
