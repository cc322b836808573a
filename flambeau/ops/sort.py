"""Sorting along a dim and what comes of it: sort, topk, kthvalue, median, mode.

Every sort is stable; NaN is greater than any number; of equal values the earlier one comes first (mode
and topk of short rows take those that PyTorch takes). A gradient goes to the places that the values came from.
"""

from .._core import indexing
from .core import operators as fl
from .core.declare import composite, primitive
from .core.results import result_type
from .core.ways import native_way
from .core.zeros import into_zeros
from .scatter import private


def _give_back(ctx, grad_values):
    """grad_values, put where the values were taken from."""
    (indices,) = ctx.saved
    if ctx.shape and grad_values.dim() < len(ctx.shape):
        grad_values, indices = grad_values.unsqueeze(ctx.dim), indices.unsqueeze(ctx.dim)
    return into_zeros("scatter", ctx.shape, grad_values, ctx.dim, indices, grad_values)


def _keep(ctx, input, dim, result):
    ctx.save_for_backward(result.indices)
    ctx.dim, ctx.shape = dim, input.shape
    return result


Sort = result_type("sort", "values indices")


@primitive(out="exact")
def sort(ctx, input, dim: int = -1, descending=False, *, stable=False):
    """The values in ascending order along dim, and where each came from.

    Args:
        input (Tensor): any real dtype.
        descending (bool): the greatest first; equal values keep their order here too.
        stable (bool): accepted; every sort is stable.

    Returns:
        (values, indices): both the shape of input, indices int64.

    Example:
        >>> torch.sort(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        torch.return_types.sort(
        values=tensor([[1., 2.],
                [3., 4.]]),
        indices=tensor([[0, 1],
                [0, 1]]))
    """
    return _keep(ctx, input, dim, Sort._make(indexing.sort(input, dim, descending)))


@sort.derivative
def _(ctx, grad_values, _):
    return _give_back(ctx, grad_values)


native_way(sort, "sort", result_type=Sort)


@composite(out=False)
def argsort(input, dim=-1, descending=False, *, stable=False):
    """The indices that sort would return.

    Example:
        >>> torch.argsort(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        tensor([[0, 1],
                [0, 1]])
    """
    return indexing.argsort(input, dim, descending)


@composite(out="same")
def msort(input):
    """Sorted along dim 0, ascending.

    Example:
        >>> torch.msort(torch.tensor([3, 1, 2]))
        tensor([1, 2, 3])
    """
    return sort(input, 0)[0]


Topk = result_type("topk", "values indices")


@primitive(out="exact")
def topk(ctx, input, k, dim: int = -1, largest=True, sorted=True):
    """The k greatest (least, without `largest`) values along dim, in order, and their places.

    Returns:
        (values, indices): size k along dim.

    Example:
        >>> torch.topk(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), 1)
        torch.return_types.topk(
        values=tensor([[2.],
                [4.]]),
        indices=tensor([[1],
                [1]]))
    """
    if input.dtype is fl.bool:
        raise RuntimeError(
            "topk: input is bool, which has no greatest values. Convert it with .int()."
        )
    return _keep(ctx, input, dim, Topk._make(indexing.topk(input, k, dim, largest, sorted)))


@topk.derivative
def _(ctx, grad_values, _):
    return _give_back(ctx, grad_values)


native_way(topk, "topk", result_type=Topk)


Kthvalue = result_type("kthvalue", "values indices")


@primitive(out="exact")
def kthvalue(ctx, input, k, dim: int = -1, keepdim=False):
    """The k-th least value along dim (k from 1) and its place.

    Example:
        >>> torch.kthvalue(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), 1)
        torch.return_types.kthvalue(
        values=tensor([1., 3.]),
        indices=tensor([0, 0]))
    """
    return _keep(ctx, input, dim, Kthvalue._make(indexing.kthvalue(input, k, dim, keepdim)))


@kthvalue.derivative
def _(ctx, grad_values, _):
    return _give_back(ctx, grad_values)


native_way(kthvalue, "kthvalue", result_type=Kthvalue)


Median = result_type("median", "values indices")
Nanmedian = result_type("nanmedian", "values indices")


@private
def _median_along(ctx, input, dim, keepdim, ignore_nan):
    named = Nanmedian if ignore_nan else Median
    return _keep(ctx, input, dim, named._make(indexing.median(input, dim, keepdim, ignore_nan)))


@_median_along.derivative
def _(ctx, grad_values, _):
    return _give_back(ctx, grad_values)


@private(name="median")
def _median_of_all(ctx, input, ignore_nan):
    if input.numel() == 0:
        if not input.dtype.is_floating_point:
            raise RuntimeError(
                f"median: input {tuple(input.shape)} has no elements, and {input.dtype} no NaN to say so."
            )
        result = fl.full((), float("nan"), dtype=input.dtype, device=input.device)
        ctx.save_for_backward(input, result)
        return result
    result = indexing.median(input.reshape(-1), 0, False, ignore_nan)[0]
    ctx.save_for_backward(input, result)
    return result


@_median_of_all.derivative
def _(ctx, grad_output):
    # Elements equal to the median share its gradient evenly.
    input, result = ctx.saved
    chosen = (input == result) | (input.isnan() & result.isnan())
    share = grad_output / chosen.to(grad_output.dtype).sum()
    return share.expand(input.shape).masked_fill(~chosen, 0)


@composite
def median(input, dim: int = None, keepdim=False) -> object:
    """The lower median along dim and its place; without dim, of all elements. A NaN makes it NaN.

    Example:
        >>> torch.median(torch.tensor([4.0, 1.0, 2.0, 3.0]))
        tensor(2.)
    """
    if dim is None:
        return _median_of_all(input, False)
    return _median_along(input, dim, keepdim, False)


@composite
def nanmedian(input, dim: int = None, keepdim=False) -> object:
    """median of the elements that are not NaN.

    Example:
        >>> torch.nanmedian(torch.tensor([float("nan"), 3.0, 1.0]))
        tensor(1.)
    """
    if dim is None:
        return _median_of_all(input, True)
    return _median_along(input, dim, keepdim, True)


Mode = result_type("mode", "values indices")


@primitive(out="exact")
def mode(ctx, input, dim: int = -1, keepdim=False):
    """The most frequent value along dim (the least of several) and the place of its last occurrence.

    Example:
        >>> torch.mode(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        torch.return_types.mode(
        values=tensor([1., 3.]),
        indices=tensor([0, 0]))
    """
    return _keep(ctx, input, dim, Mode._make(indexing.mode(input, dim, keepdim)))


@mode.derivative
def _(ctx, grad_values, _):
    return _give_back(ctx, grad_values)


native_way(mode, "mode", result_type=Mode)
