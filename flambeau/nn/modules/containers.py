"""What the containers share: positions as names, renumbering."""

import operator


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
