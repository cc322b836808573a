"""Types of tensors by their sizes, some of which may be open (Dyn): annotations, and how they relate."""

from operator import attrgetter

__all__ = ["Dyn", "TensorType", "is_consistent", "is_more_precise"]


class _Dyn:
    """A size, or a type, of which nothing is known."""

    def __eq__(self, other):
        return isinstance(other, _Dyn)

    def __hash__(self):
        return hash(_Dyn)

    def __repr__(self):
        return "Dyn"

    __str__ = __repr__


Dyn = _Dyn()


class TensorType:
    """The type of tensors of these sizes: `TensorType((1, 2, Dyn))`, or `TensorType[1, 2, Dyn]`."""

    def __init__(self, dim):
        self.__origin__ = TensorType
        self.__args__ = dim

    dims = property(attrgetter("__args__"), doc="The sizes.")

    def __repr__(self):
        return f"TensorType[{self.dims}]"

    def __eq__(self, other):
        return isinstance(other, TensorType) and list(self.dims) == list(other.dims)

    def __hash__(self):
        return hash(tuple(self.dims))

    def __class_getitem__(cls, dims):
        return cls(dims if isinstance(dims, tuple) else (dims,))


def _pairwise(t1, t2, relation):
    if not (isinstance(t1, TensorType) and isinstance(t2, TensorType)):
        return False
    return len(t1.dims) == len(t2.dims) and all(map(relation, t1.dims, t2.dims))


def is_consistent(t1, t2):
    """Whether a value may be of both types: equal sizes, where both are known."""
    if Dyn in (t1, t2) or t1 == t2:
        return True
    return _pairwise(t1, t2, is_consistent)


def is_more_precise(t1, t2):
    """Whether t1 says all that t2 says."""
    if t1 == t2 or t2 == Dyn:
        return True
    return _pairwise(t1, t2, is_more_precise)
