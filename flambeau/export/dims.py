"""Dim, and what dynamic_shapes says of a program's arguments."""

import inspect

import flambeau

from ..utils import _pytree as pytree

__all__ = ["Dim", "dims", "dynamic_dims"]


class _DimHint:
    """Dim.AUTO, Dim.DYNAMIC and Dim.STATIC: whether a size may change, without a name for it."""

    def __init__(self, name, free):
        self.name, self.free = name, free

    def __repr__(self):
        return f"Dim.{self.name}"


class Dim:
    """A size that may change, by name; the same Dim at several places is the same size.

    Args:
        name (str): an identifier.
        min, max (int, optional): its bounds, both included.

    Example:
        >>> from flambeau.export import Dim
        >>> batch = Dim("batch", min=1, max=64)
        >>> batch
        Dim(batch, min=1, max=64)
    """

    def __init__(self, name, *, min=None, max=None):
        if not name.isidentifier():
            raise AssertionError(f"Dim: {name!r} is no identifier.")
        smallest, largest = 0 if min is None else min, max
        if largest is not None and largest <= smallest:
            raise AssertionError(f"Dim: max={largest} must be above min={smallest}.")
        self.__name__, self.min, self.max = name, smallest, largest

    def __repr__(self):
        bounds = f", min={self.min}" * bool(self.min) + f", max={self.max}" * (self.max is not None)
        return f"Dim({self.__name__}{bounds})"

    def _derived(self, *_):
        raise NotImplementedError(
            f"Dim: arithmetic with {self.__name__} is not offered; give the dim a Dim of its own."
        )

    __add__ = __radd__ = __sub__ = __mul__ = __rmul__ = __floordiv__ = _derived

    AUTO, DYNAMIC, STATIC = (
        _DimHint("AUTO", True),
        _DimHint("DYNAMIC", True),
        _DimHint("STATIC", False),
    )


def dims(*names, min=None, max=None):
    """Several Dims with the same bounds."""
    return tuple(Dim(name, min=min, max=max) for name in names)


def dynamic_dims(program, args, kwargs, dynamic_shapes):
    """{place of a leaf of (args, kwargs): {dim: Dim}}.

    Args:
        dynamic_shapes (dict or sequence): for each argument, by name or in order, None, {dim: Dim, name or None}, a
            sequence with one entry a dim, or for nested arguments the like nested.
    """
    shapes = _by_argument(program, args, kwargs, dynamic_shapes)
    found, place = {}, 0
    for value, spec in zip((*args, *kwargs.values()), shapes):
        for leaf, leaf_spec in _pairs(value, spec):
            if isinstance(leaf, flambeau.Tensor) and leaf_spec is not None:
                found[place] = _dims_of(leaf, leaf_spec, place)
            place += 1
    return {place: named for place, named in found.items() if named}


def _by_argument(program, args, kwargs, dynamic_shapes):
    count = len(args) + len(kwargs)
    if isinstance(dynamic_shapes, (tuple, list)):
        if len(dynamic_shapes) != count:
            raise ValueError(
                f"export: dynamic_shapes has {len(dynamic_shapes)} entries for {count} arguments."
            )
        return list(dynamic_shapes)
    call = program.forward if isinstance(program, flambeau.nn.Module) else program
    bound = inspect.signature(call).bind(*args, **kwargs)
    shapes = dict(dynamic_shapes)
    found = []
    for name, value in bound.arguments.items():
        kind = bound.signature.parameters[name].kind
        if kind is inspect.Parameter.VAR_POSITIONAL:
            found += list(shapes.pop(name, None) or [None] * len(value))
        elif kind is inspect.Parameter.VAR_KEYWORD:
            inner = shapes.pop(name, {}) or {}
            found += [inner.get(key, shapes.pop(key, None)) for key in value]
        else:
            found.append(shapes.pop(name, None))
    if shapes:
        raise ValueError(f"export: dynamic_shapes names {sorted(shapes)}, which are no arguments.")
    return found


def _pairs(value, spec):
    """(leaf, its entry) of an argument, which may be nested."""
    if isinstance(value, flambeau.Tensor) or not isinstance(value, (tuple, list, dict)):
        leaves = pytree.tree_leaves(value)
        return [(leaf, spec) for leaf in leaves]
    if spec is None:
        return [(leaf, None) for leaf in pytree.tree_leaves(value)]
    if isinstance(value, dict):
        return [pair for key in value for pair in _pairs(value[key], spec.get(key))]
    return [pair for item, part in zip(value, spec, strict=True) for pair in _pairs(item, part)]


def _dims_of(tensor, spec, place):
    items = spec.items() if isinstance(spec, dict) else enumerate(spec)
    named = {}
    for dim, value in items:
        if (
            value is None
            or value is Dim.STATIC
            or (isinstance(value, int) and not isinstance(value, bool))
        ):
            continue
        if value is Dim.AUTO or value is Dim.DYNAMIC:
            value = Dim(f"s{place}_{dim}")
        elif isinstance(value, str):
            value = Dim(value)
        if not isinstance(value, Dim):
            raise TypeError(
                f"export: dynamic_shapes has {value!r} for dim {dim}; it must be a Dim."
            )
        size = tensor.size(dim)
        if size < value.min or (value.max is not None and size > value.max):
            raise ValueError(f"export: the example has {size} in dim {dim}, outside of {value!r}.")
        named[dim % tensor.dim()] = value
    return named
