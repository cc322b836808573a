"""Where values fall among boundaries: searchsorted, bucketize, bincount, histc."""
from .._core import indexing
from . import public as fl
from .declare import composite


def _search(operator, sequence, values, out_int32, right, side, sorter):
    if side is not None:
        if side not in ("left", "right"):
            raise RuntimeError(f"{operator}(): side can only be 'left' or 'right' but got {side}")
        if right and side == "left":
            raise RuntimeError(f"{operator}(): side and right can't be set to opposites, got side of left while right was True")
        right = side == "right"
    number = not isinstance(values, fl.Tensor)
    if number:
        values = fl.as_tensor(values, dtype=sequence.dtype if isinstance(values, int) else None)
    if values.dtype != sequence.dtype:
        common = fl.promote_types(values.dtype, sequence.dtype)
        values, sequence = values.to(common), sequence.to(common)
    return indexing.searchsorted(sequence, values, right, out_int32, sorter)


@composite(method=False)
def searchsorted(sorted_sequence, input, *, out_int32=False, right=False, side=None, sorter=None):
    """The place in each ascending row where every value would go, before equal entries or after them.

    Args:
        sorted_sequence (Tensor): (N), or (*B, N).
        input (Tensor or number): any shape, or (*B, M).
        right (bool), side ("left" or "right"): after equal entries.
        sorter (Tensor, optional): int64, the order in which sorted_sequence ascends.

    Returns:
        Tensor: the shape of input, int64, or int32 with out_int32.
    """
    return _search("searchsorted", sorted_sequence, input, out_int32, right, side, sorter)


@composite(method=False)
def bucketize(input, boundaries, *, out_int32=False, right=False):
    """searchsorted(boundaries, input) for 1-D boundaries."""
    if boundaries.dim() != 1:
        raise RuntimeError(f"bucketize: boundaries tensor must be 1 dimension, but got dim({boundaries.dim()})")
    return _search("bucketize", boundaries, input, out_int32, right, None, None)


@composite(out=False)
def bincount(input, weights=None, minlength=0):
    """How often each of 0, 1, 2 ... occurs in input (1-D, not negative), or the sum of its weights.

    Returns:
        Tensor: (max(input) + 1), at least minlength; int64, or the dtype of weights (float64 unless float32).
    """
    if input.dtype.is_floating_point or input.dtype.is_complex or input.dim() != 1:
        raise RuntimeError("bincount only supports 1-d non-negative integral inputs.")
    if weights is not None and weights.dtype is not fl.float32:
        weights = weights.to(fl.float64)
    return indexing.bincount(input.to(fl.int64), weights, minlength)


@composite
def histc(input, bins=100, min=0, max=0):
    """How many elements fall in each of `bins` equal bins from min to max; both 0: from least to greatest.

    Returns:
        Tensor: (bins), the dtype of input. Elements outside and NaN are not counted.
    """
    low, high = float(min), float(max)
    if not input.dtype.is_floating_point:
        raise RuntimeError(f"histc: expected a floating point tensor, but input is {input.dtype}.")
    if low == high and input.numel() > 0:
        low, high = float(input.min()), float(input.max())
    if low == high:
        low, high = low - 1, high + 1
    if not (abs(low) < float("inf") and abs(high) < float("inf")):
        raise RuntimeError(f"histc: range of [{low}, {high}] is not finite")
    if low > high:
        raise RuntimeError("histc: max must be larger than min")
    return indexing.histc(input, None, bins, low, high)
