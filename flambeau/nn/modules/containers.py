"""What the containers share: positions as names, renumbering."""

import operator


def position(index, length):
    """The non-negative position that `index` means in a container of `length`, or IndexError."""
    index = operator.index(index)
    if not -length <= index < length:
        raise IndexError(f"index {index} is out of range")
    return index % length


def renumber(modules, values):
    """Make `values` the whole content of a dict of modules, named by their positions."""
    values = list(values)
    modules.clear()
    for i, module in enumerate(values):
        modules[str(i)] = module
