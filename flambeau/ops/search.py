"""Where values fall among boundaries: searchsorted, bucketize, bincount, histc, histogram."""

from .. import _core
from .._core import indexing
from ..types import listed
from .core import operators as fl
from .core.arguments import some
from .core.declare import composite
from .core.no_derivative import without_derivative
from .core.results import result_type


def _search(operator, sequence, values, out_int32, right, side, sorter):
    if side is not None:
        if side not in ("left", "right"):
            raise RuntimeError(f"{operator}: side is {side!r}; it must be 'left' or 'right'.")
        if right and side == "left":
            raise RuntimeError(
                f"{operator}: side='left' and right=True say opposite things. Give one of them."
            )
        right = side == "right"
    number = not isinstance(values, fl.Tensor)
    if number:
        values = fl.as_tensor(
            values,
            dtype=sequence.dtype if isinstance(values, int) else None,
            device=sequence.device,
        )
    if values.dtype != sequence.dtype:
        common = fl.promote_types(values.dtype, sequence.dtype)
        values, sequence = values.to(common), sequence.to(common)
    return indexing.searchsorted(sequence, values, right, out_int32, sorter)


@composite(method=False, out="same")
def searchsorted(sorted_sequence, input, *, out_int32=False, right=False, side=None, sorter=None):
    """The place in each ascending row where every value would go, before equal entries or after them.

    Args:
        sorted_sequence (Tensor): (N), or (*B, N).
        input (Tensor or number): any shape, or (*B, M).
        right (bool), side ("left" or "right"): after equal entries.
        sorter (Tensor, optional): int64, the order in which sorted_sequence ascends.

    Returns:
        Tensor: the shape of input, int64, or int32 with out_int32.

    Example:
        >>> torch.searchsorted(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        tensor([[0, 1],
                [0, 1]])
    """
    return _search("searchsorted", sorted_sequence, input, out_int32, right, side, sorter)


@composite(method=False, out="same")
def bucketize(input, boundaries, *, out_int32=False, right=False):
    """searchsorted(boundaries, input) for 1-D boundaries.

    Example:
        >>> torch.bucketize(torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0]))
        tensor([0, 0])
    """
    if boundaries.dim() != 1:
        raise RuntimeError(
            f"bucketize: boundaries {tuple(boundaries.shape)} must be a vector (1 dim)."
        )
    return _search("bucketize", boundaries, input, out_int32, right, None, None)


@composite(out=False)
def bincount(input, weights=None, minlength=0):
    """How often each of 0, 1, 2 ... occurs in input (1-D, not negative), or the sum of its weights.

    Shape: input and weights (N).

    Returns:
        Tensor: (max(input) + 1), at least minlength; int64, or the dtype of weights (float64 unless float32).
    """
    dtype = input.dtype
    if dtype.is_floating_point or dtype.is_complex or input.dim() != 1:
        raise RuntimeError(
            f"bincount: input is {dtype} {tuple(input.shape)}; it takes a vector of integers "
            "that are 0 or more."
        )
    if dtype is not fl.int64:
        input = input.to(fl.int64)
    if weights is None or input.numel() == 0:  # without elements int64 whatever the weights are
        return indexing.bincount(input, None, minlength)
    if weights.dtype is not fl.float32:
        weights = weights.to(fl.float64)
    counted = indexing.bincount(input, weights.detach(), minlength)
    return without_derivative("bincount", counted, weights)


@composite(out="same")
def histc(input, bins=100, min=0, max=0):
    """How many elements fall in each of `bins` equal bins from min to max; both 0: from least to greatest.

    Returns:
        Tensor: (bins), the dtype of input. Elements outside and NaN are not counted.

    Example:
        >>> torch.histc(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), 1)
        tensor([4.])
    """
    low, high = float(min), float(max)
    if not input.dtype.is_floating_point:
        raise RuntimeError(
            f"histc: input is {input.dtype}, but it must be floating. Convert it with .float() "
            "first."
        )
    if low == high and input.numel() > 0 and not input.is_meta:
        low, high = float(input.min()), float(input.max())
    if low == high:
        low, high = low - 1, high + 1
    if not (abs(low) < float("inf") and abs(high) < float("inf")):
        raise RuntimeError(
            f"histc: its range, {low} to {high}, is not finite. Give finite min and max."
        )
    if low > high:
        raise RuntimeError("histc: max must be above min.")
    return indexing.histc(input, None, bins, low, high)


def _edges(values, bins, low, high):
    """bins + 1 edges from low to high; without bounds, from the least to the greatest value."""
    if low is None and values.is_meta:
        low, high = 0.0, 1.0
    if low is None and _core._is_batched(values) and values.numel():
        return _edges_of_slices(values, bins)
    if low is None:
        low, high = (float(values.min()), float(values.max())) if values.numel() else (0.0, 1.0)
    if not (abs(low) < float("inf") and abs(high) < float("inf")):
        raise RuntimeError(
            f"histogram: its range, {low} to {high}, is not finite. Give finite bounds."
        )
    if low > high:
        raise RuntimeError(
            f"histogram: its range begins at {low}, above its end {high}. Exchange them."
        )
    if low == high:
        low, high = low - 0.5, high + 0.5
    return fl.linspace(low, high, bins + 1, dtype=values.dtype, device=values.device)


def _edges_of_slices(values, bins):
    """The edges under vmap, where each slice has least and greatest values of its own."""
    low, high = values.min().double(), values.max().double()
    if some(~(low.isfinite() & high.isfinite())):
        raise RuntimeError("histogram: the range of a slice is not finite. Give finite bounds.")
    alike = (low == high).double()
    ends = low - 0.5 * alike, high + 0.5 * alike
    return fl.linspace(*ends, bins + 1, dtype=values.dtype, device=values.device)


def _bin_of(values, edges):
    """(which bin each value falls into, whether it falls into any); the last bin holds its upper edge."""
    place = indexing.searchsorted(edges, values, True, False, None) - 1
    inside = (values >= edges[0]) & (values <= edges[-1])
    return place.clamp(0, edges.numel() - 2), inside


Histogram = result_type("histogram", "hist bin_edges")
Histogramdd = result_type("histogramdd", "hist bin_edges")


@composite
def histogram(input, bins, *, range=None, weight=None, density=False):
    """How many elements (or what sum of weights) fall in each bin, and the edges of the bins.

    Args:
        bins (int or Tensor): how many equal bins, or their ascending edges.
        range (two float, optional): from where to where the equal bins reach.
        weight (Tensor, optional): shaped as input, a weight for each element.
        density (bool): divide by the total and by the widths: the area becomes 1.

    Returns:
        (hist, bin_edges): (bins) and (bins + 1), the dtype of input.

    Example:
        >>> torch.histogram(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), 1)
        torch.return_types.histogram(
        hist=tensor([4.]),
        bin_edges=tensor([1., 4.]))
    """
    if isinstance(bins, int) and bins < 1:
        raise RuntimeError(f"histogram: bins is {bins}; it must be 1 or more.")
    weight = None if weight is None else weight.reshape(-1)
    ranges = None if range is None else tuple(range)
    found = histogramdd(input.reshape(-1, 1), (bins,), range=ranges, weight=weight, density=density)
    return Histogram._make((found.hist, found.bin_edges[0]))


@composite(out=False)
def histogramdd(input, bins, range=None, weight=None, density=False):
    """histogram of points in D dimensions: input (*, D), a bin count or edges for each dimension.

    Returns:
        (hist, bin_edges): (bins of dim 0, ..., bins of dim D - 1), and a tuple of D tensors of edges.

    Example:
        >>> torch.histogramdd(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), 1)
        torch.return_types.histogramdd(
        hist=tensor([[2.]]),
        bin_edges=(tensor([1., 3.]), tensor([2., 4.])))
    """
    if not input.dtype.is_floating_point:
        raise RuntimeError(
            f"histogramdd: input is {input.dtype}, but it must be floating. Convert it with "
            ".float() first."
        )
    sources = (input, weight)
    input = input.detach()
    ndim = input.size(-1)
    points = input.reshape(-1, ndim)
    if isinstance(bins, bool):
        raise TypeError("histogramdd: bins takes an int, or ints or Tensors, not bool.")
    bins = (bins,) * ndim if isinstance(bins, int) else tuple(listed(bins))
    if len(bins) != ndim:
        raise RuntimeError(
            f"histogramdd: input has {ndim} columns but there are {len(bins)} items in bins. Give "
            "one for each column."
        )
    for count in bins:
        if isinstance(count, int) and count < 1:
            raise RuntimeError(f"histogramdd: bins holds {count}; each count must be 1 or more.")
        if isinstance(count, fl.Tensor) and count.numel() < 2:
            raise RuntimeError(
                f"histogramdd: bins holds edges {tuple(count.shape)}; a bin has 2 of them."
            )
    bounds = [(None, None)] * ndim if range is None else list(zip(range[::2], range[1::2]))
    edges = tuple(
        one.detach().clone()
        if isinstance(one, fl.Tensor)
        else _edges(points[:, d], one, *bounds[d])
        for d, one in enumerate(bins)
    )
    shape = [one.numel() - 1 for one in edges]
    cell = fl.zeros(points.size(0), dtype=fl.int64, device=input.device)
    inside = fl.ones(points.size(0), dtype=fl.bool, device=input.device)
    for d, one in enumerate(edges):
        place, within = _bin_of(points[:, d].contiguous(), one)
        cell, inside = cell * shape[d] + place, inside & within
    weight = (
        fl.ones(points.size(0), dtype=input.dtype, device=input.device)
        if weight is None
        else weight.detach().reshape(-1)
    )
    total = 1
    for size in shape:
        total *= size
    hist = (
        fl.zeros(shape, dtype=input.dtype, device="meta")
        if input.is_meta
        else fl.zeros(total, dtype=input.dtype, device=input.device)
        .index_add(0, cell, fl.where(inside, weight, 0).to(input.dtype))
        .reshape(shape)
    )
    if density:
        hist /= hist.sum()
        for d, one in enumerate(edges):
            hist /= one.diff().reshape([-1 if k == d else 1 for k, _ in enumerate(shape)])
    return Histogramdd._make((without_derivative("histogramdd", hist, *sources), edges))
