"""Distinct values: unique and unique_consecutive."""

from .._core import indexing
from .core.arguments import wrap_dim
from .core.declare import composite
from .core.no_derivative import without_derivative


def _distinct(input, consecutive, dim, *wanted):
    """(distinct values, for each place which one stands there, how often each occurs), the last two where wanted."""
    if dim is None:
        flat = input.reshape(-1).contiguous()
        if consecutive and not any(wanted) and flat.numel():
            return indexing.without_repeats(flat), None, None
        first, inverse, counts = indexing.unique(flat, consecutive, flat.numel(), 1, *wanted)
        if wanted[0]:
            inverse = inverse.reshape(input.shape)
        return indexing.index_select(flat, 0, first), inverse, counts
    dim = wrap_dim(dim, input.dim(), "unique")
    if input.dim() == 0:
        input = input.reshape(1)
    n = input.size(dim)
    if input.numel() == 0 and n > 0:
        raise RuntimeError(
            f"unique: input {tuple(input.shape)} is empty in a dim beside the one asked for."
        )
    rows = input.permute(dim, *(d for d in range(input.dim()) if d != dim)).contiguous()
    width = input.numel() // n if n else 0
    first, inverse, counts = indexing.unique(rows, consecutive, n, width, *wanted)
    return indexing.index_select(input, dim, first), inverse, counts


def _asked_for(name, input, found, return_inverse, return_counts):
    values, inverse, counts = found
    values = without_derivative(name, values, input)
    if not (return_inverse or return_counts):
        return values
    return (values, *([inverse] if return_inverse else []), *([counts] if return_counts else []))


@composite(out=False)
def unique(input, sorted=True, return_inverse=False, return_counts=False, dim=None):
    """The distinct elements in ascending order, or the distinct slices along dim.

    NaNs are distinct from each other. There is no derivative: backward raises. Shape: any.

    Returns:
        Tensor: (M), or size M along dim; then, as asked for, inverse (out[inverse] is input) and counts (M).

    Example:
        >>> torch.unique(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        tensor([1., 2., 3., 4.])
    """
    found = _distinct(input.detach(), False, dim, return_inverse, return_counts)
    return _asked_for("unique", input, found, return_inverse, return_counts)


@composite(out=False)
def unique_consecutive(input, return_inverse=False, return_counts=False, dim=None):
    """The first of every run of equal elements, or of equal slices along dim; results as of unique.

    Example:
        >>> torch.unique_consecutive(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        tensor([1., 2., 3., 4.])
    """
    if dim is not None and input.dim() == 0:
        raise IndexError(
            f"unique_consecutive: input is a number and has no dim {dim}. Leave dim away."
        )
    found = _distinct(input.detach(), True, dim, return_inverse, return_counts)
    return _asked_for("unique_consecutive", input, found, return_inverse, return_counts)
