"""Sizes given once for all dimensions or once a dimension."""


def ntuple(value, n, name="size"):
    """`value` as a tuple of n."""
    try:
        values = tuple(value)
    except TypeError:
        return (value,) * n
    if len(values) == 1 and n > 1:
        return values * n
    if len(values) != n:
        raise RuntimeError(f"{name} is {values}; it must be one number, or {n}.")
    return values
