"""Reductions, running sums and differences."""

import flambeau as fl

from .array import promoted

_UNSIGNED = (fl.uint8, fl.uint16, fl.uint32, fl.uint64)


def _dims(x, axis):
    return (
        tuple(range(x.ndim)) if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)
    )


def _sum_dtype(x, dtype):
    """The standard's dtype of a sum: the widest integer of the same kind, floats stay."""
    if dtype is not None or x.dtype.is_floating_point or x.dtype.is_complex:
        return dtype or x.dtype
    return fl.uint64 if x.dtype in _UNSIGNED else fl.int64


def sum(x, /, *, axis=None, dtype=None, keepdims=False):
    """The sum; integers are summed in 64 bits."""
    x, dims = x.to(_sum_dtype(x, dtype)), _dims(x, axis)
    return fl.sum(x, dims, keepdims, dtype=x.dtype) if dims else x.clone()


def prod(x, /, *, axis=None, dtype=None, keepdims=False):
    """The product; integers are multiplied in 64 bits."""
    x = x.to(_sum_dtype(x, dtype))
    for d in sorted((d % x.ndim for d in _dims(x, axis)), reverse=True):
        x = fl.prod(x, d, keepdims, dtype=x.dtype)
    return x


def max(x, /, *, axis=None, keepdims=False):
    """The largest element."""
    dims = _dims(x, axis)
    return fl.amax(x, dims, keepdims) if dims else x.clone()


def min(x, /, *, axis=None, keepdims=False):
    """The smallest element."""
    dims = _dims(x, axis)
    return fl.amin(x, dims, keepdims) if dims else x.clone()


def mean(x, /, *, axis=None, keepdims=False):
    """The mean."""
    dims = _dims(x, axis)
    return fl.mean(x, dims, keepdims) if dims else x.clone()


def var(x, /, *, axis=None, correction=0.0, keepdims=False):
    """The variance, divided by the count less the correction."""
    dims = _dims(x, axis)
    if dims or x.ndim == 0:
        return fl.var(x, dims, correction=correction, keepdim=keepdims)
    return fl.var(x.unsqueeze(-1), -1, correction=correction)  # of each element alone


def std(x, /, *, axis=None, correction=0.0, keepdims=False):
    """The square root of var()."""
    return fl.sqrt(var(x, axis=axis, correction=correction, keepdims=keepdims))


def all(x, /, *, axis=None, keepdims=False):
    """Whether no element is 0 (or False)."""
    dims = _dims(x, axis)
    return fl.all(x, dims, keepdims).to(fl.bool) if dims else x.to(fl.bool)


def any(x, /, *, axis=None, keepdims=False):
    """Whether some element is not 0 (or False)."""
    dims = _dims(x, axis)
    return fl.any(x, dims, keepdims).to(fl.bool) if dims else x.to(fl.bool)


def _running(operator, first, x, axis, dtype, include_initial):
    if axis is None:
        if x.ndim > 1:
            raise ValueError(f"{operator.__name__}: an array of {x.ndim} dimensions needs axis=.")
        axis = 0
    result = operator(x, axis, dtype=_sum_dtype(x, dtype))
    if not include_initial:
        return result
    sizes = list(result.shape)
    sizes[axis] = 1
    return fl.cat([fl.full(sizes, first, dtype=result.dtype), result], axis)


def cumulative_sum(x, /, *, axis=None, dtype=None, include_initial=False):
    """The sums of the elements up to each one, with a 0 before them if asked for."""
    return _running(fl.cumsum, 0, x, axis, dtype, include_initial)


def cumulative_prod(x, /, *, axis=None, dtype=None, include_initial=False):
    """The products of the elements up to each one, with a 1 before them if asked for."""
    return _running(fl.cumprod, 1, x, axis, dtype, include_initial)


def diff(x, /, *, axis=-1, n=1, prepend=None, append=None):
    """The n-th differences of neighbours along the axis."""
    parts = promoted(*(part for part in (prepend, x, append) if part is not None))
    return fl.diff(fl.cat(parts, axis) if len(parts) > 1 else x, n, axis)
