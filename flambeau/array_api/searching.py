"""Finding, choosing, sorting, and sets."""

from typing import NamedTuple

import flambeau as fl

from .elementwise import _arrays


def argmax(x, /, *, axis=None, keepdims=False):
    """The index of the first largest element."""
    return _place_of(fl.argmax, x, axis, keepdims)


def argmin(x, /, *, axis=None, keepdims=False):
    """The index of the first smallest element."""
    return _place_of(fl.argmin, x, axis, keepdims)


def _place_of(operator, x, axis, keepdims):
    if axis is None:
        place = operator(x.reshape(-1), 0)
        return place.reshape((1,) * x.ndim) if keepdims else place
    return operator(x, axis, keepdims)


def count_nonzero(x, /, *, axis=None, keepdims=False):
    """How many elements are not 0 (or False)."""
    nonzero = x.to(fl.bool)
    return nonzero.sum(tuple(range(x.ndim)) if axis is None else axis, keepdims, dtype=fl.int64)


def isin(x1, x2, /, *, invert=False):
    """Whether each element of x1 is (with invert=True is not) equal to some element of x2."""
    if not isinstance(x1, fl.Tensor) and not isinstance(x2, fl.Tensor):
        raise TypeError("isin: expected at least one array among x1 and x2.")
    return fl.isin(*_arrays(x1, x2), invert=invert)


def nonzero(x, /):
    """For each dimension the indices of the elements that are not 0, in row-major order."""
    if x.ndim == 0:
        raise ValueError("nonzero: an array of no dimensions has no indices.")
    return fl.nonzero(x, as_tuple=True)


def searchsorted(x1, x2, /, *, side="left", sorter=None):
    """Where each element of x2, an array or a number, would stand in the sorted vector x1."""
    if sorter is not None:
        x1 = fl.index_select(x1, 0, sorter.to(fl.int64))
    x1, x2 = _arrays(x1, x2)
    return fl.searchsorted(x1.contiguous(), x2.contiguous(), right=side == "right")


def where(condition, x1, x2, /):
    """The elements of x1 where condition holds, those of x2 elsewhere."""
    if not isinstance(x1, fl.Tensor) and not isinstance(x2, fl.Tensor):
        raise TypeError("where: expected at least one array among x1 and x2.")
    return fl.where(condition, *_arrays(x1, x2))


def take(x, indices, /, *, axis=None):
    """The slices of x at the indices, along the axis (which a vector need not name)."""
    if axis is None:
        if x.ndim != 1:
            raise ValueError(f"take: an array of {x.ndim} dimensions needs axis=.")
        axis = 0
    return fl.index_select(x, axis, _from_the_front(indices, x.shape[axis]))


def take_along_axis(x, indices, /, *, axis=-1):
    """x[..., indices[..., i, ...], ...]: one element for each index, along the axis."""
    return fl.take_along_dim(x, _from_the_front(indices, x.shape[axis]), axis)


def _from_the_front(indices, size):
    """Indices, of which negative ones count from the end, as flambeau's operators want them."""
    indices = indices.to(fl.int64)
    return fl.where(indices < 0, indices + size, indices)


# ------------------------------------------------------------------------------------------ sorting


def argsort(x, /, *, axis=-1, descending=False, stable=True):
    """The indices that sort x."""
    return fl.sort(x, dim=axis, descending=descending, stable=stable)[1]


def sort(x, /, *, axis=-1, descending=False, stable=True):
    """x, sorted along the axis."""
    return fl.sort(x, dim=axis, descending=descending, stable=stable)[0]


# --------------------------------------------------------------------------------------------- sets


class UniqueAll(NamedTuple):
    """What unique_all() gives."""

    values: fl.Tensor
    indices: fl.Tensor
    inverse_indices: fl.Tensor
    counts: fl.Tensor


class UniqueCounts(NamedTuple):
    """What unique_counts() gives."""

    values: fl.Tensor
    counts: fl.Tensor


class UniqueInverse(NamedTuple):
    """What unique_inverse() gives."""

    values: fl.Tensor
    inverse_indices: fl.Tensor


def unique_all(x, /):
    """Distinct elements, where each first stands, which of them each element is, how many there are.

    Unlike flambeau.unique: each NaN is distinct, and complex numbers are taken (by real, then imaginary part).
    """
    flat = x.reshape(-1)
    if flat.dtype.is_complex:
        order = fl.argsort(flat.imag, stable=True)
        order = order[fl.argsort(flat.real[order], stable=True)]
    else:
        order = fl.argsort(flat, stable=True)
    ordered = flat[order]
    first = fl.ones_like(ordered, dtype=fl.bool)
    first[1:] = ordered[1:] != ordered[:-1]
    starts = fl.nonzero(first, as_tuple=True)[0]
    inverse = fl.empty_like(order)
    inverse[order] = fl.cumsum(first, 0) - 1
    counts = (
        fl.diff(starts, append=fl.full_like(starts[:1], flat.numel())) if len(starts) else starts
    )
    return UniqueAll(ordered[starts], order[starts], inverse.reshape(x.shape), counts)


def unique_counts(x, /):
    """The distinct elements and how many there are of each."""
    found = unique_all(x)
    return UniqueCounts(found.values, found.counts)


def unique_inverse(x, /):
    """The distinct elements and which of them each element is."""
    found = unique_all(x)
    return UniqueInverse(found.values, found.inverse_indices)


def unique_values(x, /):
    """The distinct elements."""
    return unique_all(x).values
