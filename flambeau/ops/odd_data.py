"""Data that is no nested list of plain numbers, brought to what the core reads: numbers, blocks, memory.

Nothing that an object answers is trusted: lengths are taken once, a list is read as it was when its turn came,
nesting has a limit.
"""

from .. import _core

MOST_DIMS = 128
# Elements beyond which memory is asked for before lists are read that may hold each other many times.
MANY = 1 << 26
# A sequence of another kind than list and tuple may claim any length.
MOST_LISTED = 1 << 20


def listed(data):
    """The items of a sequence that is neither list nor tuple, where sizes or tensors are listed; the core calls it."""
    if isinstance(data, dict) or not hasattr(type(data), "__getitem__"):
        raise TypeError(f"expected a sequence, not {type(data).__name__}.")
    n = len(data)
    if n > MOST_LISTED:
        raise RuntimeError(
            f"{type(data).__name__} claims {n} items, more than the {MOST_LISTED} that are read where sizes or "
            "tensors are listed. Give a list or a tuple."
        )
    return [data[i] for i in range(n)]


def read(data, dtype, copy, function):
    """data as a tensor of any dtype; the core calls it with what it doesn't read by itself.

    Raises:
        TypeError: text, or numbers where others of its depth are lists.
        ValueError: lists of one depth differ in length, are nested too deep or can't be read to their end.
        RuntimeError: neither numbers nor a sequence of such.
    """
    if not isinstance(data, (list, tuple)) and not _is_text(data):
        tensor = _array(data, copy, function)
        if tensor is not None:
            return tensor
        if _has(data, "_elements_as"):  # a storage, whose memory is shared
            tensor = data._elements_as(function, dtype)
            if isinstance(tensor, _core.Tensor):
                return tensor
    reader = _Reader(function, dtype)
    reader.add(data, 0)
    return _core._from_parts(reader.sizes, reader.parts, dtype, function)


def _is_text(data):
    if isinstance(data, (str, bytes)):
        return True
    return _core._is_array_scalar(data) and hasattr(type(data), "__len__")


def _has(data, name):
    """Whether an object, which is no class, has the attribute; what looking it up raises otherwise is raised."""
    return not isinstance(data, type) and hasattr(data, name)


def has_array_interface(data):
    """Whether data.__array_interface__, which is there, could describe an array."""
    facts = data.__array_interface__
    return isinstance(facts, dict) and {"shape", "typestr", "version"} <= facts.keys()


def _array(data, copy, function):
    """The elements of an object that has an array of its own; None for one that has none."""
    tensor = _core._from_buffer(data, copy, function)
    if tensor is not None:
        return tensor
    described = _has(data, "__array_interface__") and has_array_interface(data)
    if not (described or _has(data, "__array__")):
        return None
    import numpy

    array = numpy.asarray(data)
    return _core._from_buffer(array, copy, function) if isinstance(array, numpy.ndarray) else None


class _Reader:
    """Flattens nested sequences: `parts` are numbers and blocks in order, `sizes` of the tensor they fill."""

    def __init__(self, function, dtype):
        self.function = function
        self.dtype = dtype
        self.sizes = []
        self.parts = []
        self.sized = False  # whether all of sizes is known

    def add(self, data, depth):
        """Reads data, which stands in so many sequences."""
        if isinstance(data, _core.Tensor):
            return self.add_tensor(data, depth, written=True)
        if _core._is_number(data):
            return self.add_number(data, depth)
        if _is_text(data):
            raise TypeError(
                f"{self.function}: text ({type(data).__name__}) has no numbers to make a tensor of."
            )
        is_list = isinstance(data, (list, tuple))
        array = None if is_list else _array(data, False, self.function)
        if array is not None:
            return self.add_tensor(array, depth, written=False)
        items = self.items_of_list(data, depth) if is_list else self.items_of(data, depth)
        for item in items:
            self.add(item, depth + 1)

    def items_of_list(self, data, depth):
        items = list.copy(data) if isinstance(data, list) else tuple.__getitem__(data, slice(None))
        self.enter(depth, len(items), data)
        return items

    def items_of(self, data, depth):
        """Those of a sequence of a type of the program's own."""
        if not hasattr(type(data), "__getitem__") or isinstance(data, dict):
            raise RuntimeError(
                f"{self.function}: expected numbers, sequences of numbers or an array, "
                f"not {type(data).__name__}."
            )
        n = len(data)
        self.enter(depth, n, data)
        for i in range(n):
            try:
                item = data[i]
            except Exception as error:
                raise ValueError(
                    f"{self.function}: item {i} of a {type(data).__name__} could not be read."
                ) from error
            yield item

    def enter(self, depth, n, data):
        """A sequence of n items: the first one of each depth tells the size."""
        if depth >= MOST_DIMS:
            raise ValueError(
                f"{self.function}: nested deeper than the {MOST_DIMS} dimensions a tensor may have, or without end."
            )
        if not self.sized:
            self.sizes.append(n)
            self.sized = n == 0
            self.check_room()
        elif depth >= len(self.sizes):
            raise self.uneven(depth, data)
        elif self.sizes[depth] != n:
            raise ValueError(
                f"{self.function}: the lists are uneven: one in dim {depth} has {n} items, another "
                f"{self.sizes[depth]}. All of one depth must be of equal length."
            )

    def check_room(self):
        """Raises where there isn't the memory for as many elements as the sizes say."""
        numel = 1
        for size in self.sizes:
            numel *= size
        if numel > MANY:
            _core.empty(self.sizes, dtype=self.dtype or _core.bool, device="cpu")

    def add_number(self, data, depth):
        self.sized = True
        if depth != len(self.sizes):
            raise self.uneven(depth, data)
        self.parts.append(data)

    def add_tensor(self, data, depth, written):
        """A tensor among the items; one that the program wrote is a number if it has a single element."""
        sizes = _core._sizes_of(data)
        if not sizes or (written and set(sizes) == {1}):
            return self.add_number(data, depth)
        if not self.sized:
            self.sizes += sizes
            self.sized = True
        elif self.sizes[depth:] != sizes:
            raise ValueError(
                f"{self.function}: an array of shape {tuple(sizes)} stands where the first item has "
                f"shape {tuple(self.sizes[depth:])}."
            )
        self.parts.append(data)

    def uneven(self, depth, data):
        return TypeError(
            f"{self.function}: the lists are uneven: some items are numbers where others are lists "
            f"(a {type(data).__name__} in dim {depth})."
        )
