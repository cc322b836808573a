"""Sizes given once for all dimensions or once a dimension."""

import itertools


def ntuple(value, n, name="size"):
    """`value` as a tuple of n."""
    try:
        values = tuple(itertools.islice(value, 129))  # an iterable need not have an end
    except TypeError:
        return (value,) * n
    if len(values) == 1 and n > 1:
        return values * n
    if len(values) != n:
        raise RuntimeError(f"{name} is {values}; it must be one number, or {n}.")
    return values
