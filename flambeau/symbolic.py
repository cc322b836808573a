"""Sizes that are symbols in PyTorch's compiler. Here a size is a number: the types can be asked about, never made."""

import math

from .refusals import refused

__all__ = [
    "SymBool", "SymFloat", "SymInt", "sym_constrain_range", "sym_constrain_range_for_size", "sym_float",
    "sym_fresh_size", "sym_int", "sym_ite", "sym_max", "sym_min", "sym_not", "sym_sqrt", "sym_sum",
]  # fmt: skip

_REASON = "Sizes are ordinary numbers here; no symbol stands for them."
SymBool = refused("SymBool", _REASON)
SymFloat = refused("SymFloat", _REASON)
SymInt = refused("SymInt", _REASON)


def sym_int(a):
    """int(a): sizes are ordinary numbers here."""
    return int(a)


def sym_float(a):
    """float(a): sizes are ordinary numbers here."""
    return float(a)


def sym_not(a):
    """not a."""
    return not a


def sym_max(a, b):
    """The larger of two numbers; a float if one of them is."""
    return float(max(a, b)) if isinstance(a, float) or isinstance(b, float) else max(a, b)


def sym_min(a, b):
    """The smaller of two numbers; a float if one of them is."""
    return float(min(a, b)) if isinstance(a, float) or isinstance(b, float) else min(a, b)


def sym_ite(b, t, f):
    """t if b, else f."""
    return t if b else f


def sym_sqrt(a):
    """math.sqrt(a)."""
    return math.sqrt(a)


def sym_sum(*args):
    """The sum of numbers, given one by one or as one sequence."""
    return sum(args[0] if len(args) == 1 and isinstance(args[0], (list, tuple)) else args)


def sym_fresh_size(expr):
    """int(expr): a size is known."""
    return int(expr)


def sym_constrain_range(size, *, min=None, max=None):
    """Nothing, if size lies from min to max.

    Raises:
        RuntimeError: it does not.
    """
    low, high = -(2**63) if min is None else min, 2**63 - 1 if max is None else max
    if low > high or not low <= size <= high:
        raise RuntimeError(f"sym_constrain_range: {size} does not lie from {low} to {high}.")


def sym_constrain_range_for_size(size, *, min=None, max=None):
    """`sym_constrain_range` of what is a size: from 0 on if min is left out."""
    sym_constrain_range(size, min=0 if min is None else min, max=max)
