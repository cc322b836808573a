"""Tables (nested lists) of tensors, which Lua Torch's modules take and give."""

import flambeau as torch

__all__ = [
    "addSingletondimension",
    "clear",
    "contiguousView",
    "recursiveAdd",
    "recursiveCopy",
    "recursiveFill",
    "recursiveResizeAs",
    "recursiveType",
]


def _wrong(name, *values):
    got = " and ".join(type(value).__name__ for value in values)
    return RuntimeError(f"legacy.nn.utils.{name}: expected tensors or lists of tensors, got {got}.")


def _pairs(name, t1, t2, of_tensors):
    """Both tables, after of_tensors(a, b) has replaced each tensor a of t1; t2 gives the structure."""
    if isinstance(t2, list):
        t1 = t1 if isinstance(t1, list) else [t1]
        t1 += [None] * (len(t2) - len(t1))
        for i in range(len(t2)):
            t1[i], t2[i] = _pairs(name, t1[i], t2[i], of_tensors)
        del t1[len(t2) :]
        return t1, t2
    if not torch.is_tensor(t2):
        raise _wrong(name, t1, t2)
    return of_tensors(t1, t2), t2


def recursiveResizeAs(t1, t2):
    """Give each tensor of the table t1 the shape of its place in t2; returns (t1, t2).

    What t1 lacks is made, uninitialised, with the dtype of t2; what it has beyond t2 is cut off.

    Raises:
        RuntimeError: t2 holds something that is neither a tensor nor a list.

    Example:
        >>> from flambeau.legacy.nn.utils import recursiveResizeAs
        >>> [t.shape for t in recursiveResizeAs([], [torch.ones(2), torch.ones(1, 3)])[0]]
        [torch.Size([2]), torch.Size([1, 3])]
    """

    def resized(a, b):
        return (a if torch.is_tensor(a) else b.new()).resize_as_(b)

    return _pairs("recursiveResizeAs", t1, t2, resized)


def recursiveFill(t2, val):
    """Fill each tensor of a table with a number; returns the table.

    Example:
        >>> from flambeau.legacy.nn.utils import recursiveFill
        >>> recursiveFill([torch.zeros(2), [torch.zeros(1)]], 3)
        [tensor([3., 3.]), [tensor([3.])]]
    """
    if isinstance(t2, list):
        return [recursiveFill(one, val) for one in t2]
    if not torch.is_tensor(t2):
        raise _wrong("recursiveFill", t2)
    return t2.fill_(val)


def recursiveAdd(t1, val=1, t2=None):
    """Add val times t2 to t1, tensor by tensor, in place: recursiveAdd(t1, t2) or recursiveAdd(t1, val, t2).

    Returns:
        (t1, t2)

    Example:
        >>> from flambeau.legacy.nn.utils import recursiveAdd
        >>> recursiveAdd([torch.ones(2)], 0.5, [torch.ones(2)])[0]
        [tensor([1.5000, 1.5000])]
    """
    if t2 is None:
        val, t2 = 1, val

    def added(a, b):
        if not torch.is_tensor(a):
            raise _wrong("recursiveAdd", a, b)
        return a.add_(b, alpha=val)

    return _pairs("recursiveAdd", t1, t2, added)


def recursiveCopy(t1, t2):
    """Copy the table t2 into t1, whose tensors are resized or made as needed; returns (t1, t2).

    Example:
        >>> from flambeau.legacy.nn.utils import recursiveCopy
        >>> recursiveCopy([torch.zeros(5)], [torch.ones(2), torch.ones(1)])[0]
        [tensor([1., 1.]), tensor([1.])]
    """

    def copied(a, b):
        return (a if torch.is_tensor(a) else b.new()).resize_as_(b).copy_(b)

    return _pairs("recursiveCopy", t1, t2, copied)


def recursiveType(param, type, tensorCache=None):
    """Convert a tensor, a table, a module or a criterion to another type of tensor.

    Args:
        param: what to convert; lists, modules and criterions are changed in place.
        type (str or type): such as "torch.DoubleTensor" or torch.DoubleTensor.
        tensorCache (dict, optional): tensors converted so far. With the same dict in several calls,
            tensors that shared memory share it afterwards, too.

    Returns:
        The converted tensor, or `param`.

    Example:
        >>> from flambeau.legacy.nn.utils import recursiveType
        >>> recursiveType([torch.ones(1)], "torch.DoubleTensor")
        [tensor([1.], dtype=torch.float64)]
    """
    from .criterion import Criterion
    from .module import Module

    cache = {} if tensorCache is None else tensorCache
    if isinstance(param, list):
        param[:] = [recursiveType(one, type, cache) for one in param]
    elif isinstance(param, Module | Criterion):
        param.type(type, cache)
    elif torch.is_tensor(param):
        return _converted(param, type, cache)
    return param


def _converted(tensor, type, cache):
    """The tensor in another type; the cache maps memory to its converted copy, and keeps both alive."""
    sample = tensor.new().type(type)
    if sample.dtype == tensor.dtype and sample.device == tensor.device:
        return tensor
    key = (id(tensor), sample.dtype)
    if key not in cache:
        storage = tensor.untyped_storage()
        whole_key = (storage._cdata, tensor.dtype, sample.dtype)
        if whole_key not in cache:
            size = storage.nbytes() // tensor.itemsize
            cache[whole_key] = tensor.new().set_(storage, 0, (size,), (1,)).type(type)
        whole = cache[whole_key].untyped_storage()
        sample.set_(whole, tensor.storage_offset(), tensor.size(), tensor.stride())
        cache[key] = sample
        cache[("kept", id(tensor))] = tensor
    return cache[key]


def addSingletondimension(*args):
    """The tensor with a dimension of size 1 at dim: (t, dim), or (view, t, dim) to make `view` share t's memory.

    Example:
        >>> from flambeau.legacy.nn.utils import addSingletondimension
        >>> addSingletondimension(torch.ones(2, 3), 1).shape
        torch.Size([2, 1, 3])
    """
    if len(args) < 3:
        t, dim = args
        return t.unsqueeze(dim)
    view, t, dim = args
    if not torch.is_tensor(view):
        raise _wrong("addSingletondimension", view)
    return view.set_(t).unsqueeze_(dim)


def contiguousView(output, input, *args):
    """Let `output` (a tensor, or None for a new one) be input.view(*args), over a copy where input has gaps.

    Example:
        >>> from flambeau.legacy.nn.utils import contiguousView
        >>> contiguousView(None, torch.ones(2, 3).t(), 6)
        tensor([1., 1., 1., 1., 1., 1.])
    """
    output = input.new() if output is None else output
    return output.set_(input.contiguous().view(*args))


def clear(self, *args):
    """Replace the attributes of these names by empty tensors and lists, others by None; returns self.

    Example:
        >>> from flambeau.legacy.nn import Identity
        >>> from flambeau.legacy.nn.utils import clear
        >>> module = Identity()
        >>> _ = module.forward(torch.ones(3))
        >>> clear(module, "output").output
        tensor([])
    """
    names = args[0] if len(args) == 1 and isinstance(args[0], list | tuple) else args
    for name in names:
        value = getattr(self, name, None)
        if torch.is_tensor(value):
            setattr(self, name, value.new())
        elif isinstance(value, list):
            setattr(self, name, [])
        elif hasattr(self, name):
            setattr(self, name, None)
    return self


def leaves(table):
    """The tensors (or whatever else is no list) of a table, in order."""
    if isinstance(table, list | tuple):
        for one in table:
            yield from leaves(one)
    else:
        yield table


def mapped(function, *tables):
    """The table of function(a, b, ...) over places of tables with one structure."""
    if isinstance(tables[0], list | tuple):
        return [mapped(function, *places) for places in zip(*tables, strict=True)]
    return function(*tables)
