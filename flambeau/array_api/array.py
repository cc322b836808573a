"""Array: a tensor whose operators and subscripts follow the standard."""

import flambeau as fl

Tensor = fl.Tensor


def promoted(*arrays):
    """The arrays in the one dtype that all of theirs promote to; Python numbers stay as they are."""
    dtypes = [a.dtype for a in arrays if isinstance(a, Tensor)]
    if len(set(dtypes)) <= 1:
        return arrays
    dtype = dtypes[0]
    for other in dtypes[1:]:
        dtype = fl.promote_types(dtype, other)
    return tuple(a.to(dtype) if isinstance(a, Tensor) else a for a in arrays)


class Count(int):
    """The number of elements, as the standard has it; size() and size(dim) are PyTorch's method."""

    def __new__(cls, tensor):
        count = super().__new__(cls, tensor.numel())
        count._tensor = tensor
        return count

    def __call__(self, dim=None):
        return Tensor.size(self._tensor) if dim is None else Tensor.size(self._tensor, dim)


class Array(Tensor):
    """A tensor with the array API standard's operators: an array of no dimensions promotes like any other.

    Subscripts take slices with negative steps, which copy. It is a Tensor in everything else; asarray()
    makes one over a tensor's memory, as_subclass(Tensor) leads back.
    """

    @property
    def size(self):
        """The number of elements."""
        return Count(self)

    def __getitem__(self, key):
        if _is_empty_mask(self, key):
            return self.new_empty((0, *self.shape[key.ndim :]))
        key, flipped = _without_negative_steps(self, key)
        result = Tensor.__getitem__(self, key)
        return fl.flip(result, flipped) if flipped else result

    def __setitem__(self, key, value):
        key, flipped = _without_negative_steps(self, key)
        if flipped and isinstance(value, Tensor) and value.ndim:
            place = Tensor.__getitem__(self, key)
            value = fl.flip(fl.broadcast_to(value, place.shape), flipped)
        Tensor.__setitem__(self, key, value)

    __hash__ = Tensor.__hash__


def _is_empty_mask(array, key):
    """Whether key is a mask that chooses nothing, as its sizes are the array's or 0."""
    if not isinstance(key, Tensor) or key.dtype is not fl.bool or key.numel() or not key.ndim:
        return False
    return key.ndim <= array.ndim and all(
        size in (0, own) for size, own in zip(key.shape, array.shape, strict=False)
    )


def _without_negative_steps(array, key):
    """The key with such slices reversed, and the dimensions of the result that are then to be flipped."""
    parts = key if isinstance(key, tuple) else (key,)
    if not any(isinstance(p, slice) and p.step is not None and p.step < 0 for p in parts):
        return key, ()
    taken = sum(p is not None and p is not Ellipsis for p in parts)
    dim = place = 0  # of the array, of the result
    made, flipped = [], []
    for part in parts:
        if part is Ellipsis:
            dim, place = dim + array.ndim - taken, place + array.ndim - taken
        elif part is None:
            place += 1
        elif isinstance(part, slice):
            if part.step is not None and part.step < 0:
                chosen = range(*part.indices(array.shape[dim]))
                part = slice(chosen[-1], chosen[0] + 1, -part.step) if chosen else slice(0, 0)
                flipped.append(place)
            dim, place = dim + 1, place + 1
        elif isinstance(part, int):
            dim += 1
        else:
            raise IndexError(
                f"Array: a slice with a negative step stands beside a {type(part).__name__} in a "
                "subscript; only ints, slices, None and ... may."
            )
        made.append(part)
    return tuple(made), tuple(flipped)


def _operator(name):
    of_tensors = getattr(Tensor, name)

    def method(self, other, /):
        if isinstance(other, Tensor) and other.dtype is not self.dtype:
            self, other = promoted(self, other)
        return of_tensors(self, other)

    method.__name__ = method.__qualname__ = name
    setattr(Array, name, method)


def quotient_rounded_down(quotient, x1, x2):
    """flambeau's x1 // x2, with the standard's values where an operand is infinite."""
    if not quotient.dtype.is_floating_point:
        return quotient
    infinite = fl.isinf(x1) if isinstance(x1, Tensor) else fl.isinf(fl.tensor(x1))
    infinite = infinite | (fl.isinf(x2) if isinstance(x2, Tensor) else fl.isinf(fl.tensor(x2)))
    return fl.where(infinite, fl.floor(fl.true_divide(x1, x2)), quotient)


def signed_remainder(remainder, divisor):
    """flambeau's remainder, with the divisor's sign where it is 0."""
    if not remainder.dtype.is_floating_point:
        return remainder
    divisor = divisor if isinstance(divisor, Tensor) else fl.tensor(divisor, dtype=remainder.dtype)
    return fl.where(remainder == 0, fl.copysign(fl.zeros_like(remainder), divisor), remainder)


def _of_quotients():
    """The operators // and %, and their forms in place."""

    def floordiv(self, other, /):
        self, other = promoted(self, other)
        return quotient_rounded_down(Tensor.__floordiv__(self, other), self, other)

    def rfloordiv(self, other, /):
        return quotient_rounded_down(Tensor.__rfloordiv__(self, other), other, self)

    def mod(self, other, /):
        self, other = promoted(self, other)
        return signed_remainder(Tensor.__mod__(self, other), other)

    def rmod(self, other, /):
        return signed_remainder(Tensor.__rmod__(self, other), self)

    def ifloordiv(self, other, /):
        return self.copy_(floordiv(self, other))

    def imod(self, other, /):
        return self.copy_(mod(self, other))

    for method in (floordiv, rfloordiv, mod, rmod, ifloordiv, imod):
        name = f"__{method.__name__}__"
        method.__name__ = method.__qualname__ = name
        setattr(Array, name, method)


_of_quotients()
for _name in "add sub mul truediv pow matmul and or xor lshift rshift".split():
    _operator(f"__{_name}__")
    _operator(f"__r{_name}__")
for _name in "eq ne lt le gt ge".split():
    _operator(f"__{_name}__")


def array(tensor):
    """The tensor as an Array over the same memory, part of the same graph."""
    return tensor if isinstance(tensor, Array) else tensor.as_subclass(Array)
