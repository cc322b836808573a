"""What the containers share: positions as names, renumbering."""

import operator
from collections.abc import Iterable

import flambeau


def position(index, container):
    """The non-negative position that `index` means in a container, or IndexError."""
    index, length = operator.index(index), len(container)
    if not -length <= index < length:
        raise IndexError(
            f"{type(container).__name__}: index {index} is outside of its {length} items."
        )
    return index % length


def renumber(modules, values):
    """Make `values` the whole content of a dict of modules, named by their positions."""
    values = list(values)
    modules.clear()
    for i, module in enumerate(values):
        modules[str(i)] = module


def extend(container, values, what):
    """Add each of `values`, which are `what` the container holds, at its end, and return it."""
    if not isinstance(values, Iterable) or isinstance(values, flambeau.Tensor):
        raise TypeError(
            f"{type(container).__name__}.extend: takes an iterable of {what}, not {type(values).__name__}."
        )
    for value in list(values):
        container.append(value)
    return container
