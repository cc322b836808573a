"""Sparse gradients of operators that read few rows of a large tensor."""

from ... import _core
from ..core import operators as fl
from .frame import COO, Frame


def of_rows(grad_output, shape, indices, padding_idx=-1):
    """The gradient of weight[indices]: its rows as they are, duplicates too."""
    index = indices.reshape(-1)
    rows = grad_output.reshape(index.numel(), shape[1])
    if padding_idx >= 0:
        kept = fl.nonzero(index != padding_idx).reshape(-1)
        index, rows = index.index_select(0, kept), rows.index_select(0, kept)
    elif index.dtype is _core.int64:
        index = index.clone()  # what the caller writes into its indices later changes no gradient
    return Frame(COO, None, index.to(_core.int64).unsqueeze(0), shape, 1, False).assemble(rows)


def of_gather(grad_output, shape, dim, index):
    """The gradient of gather(input, dim, index) with an entry for each index."""
    if not shape:
        return grad_output.reshape(()) if grad_output.numel() == 1 else grad_output.sum()
    dim %= len(shape)
    if not index.dim():
        index = index.reshape((1,) * len(shape))
    rows = []
    for d, extent in enumerate(index.shape):
        if d == dim:
            row = index.to(_core.int64)
        else:
            row = fl.arange(extent, device=index.device)
            row = row.reshape(-1, *(1,) * (index.dim() - d - 1)).expand(index.shape)
        rows.append(row.reshape(-1))
    return Frame(COO, None, fl.stack(rows), shape, 0, False).assemble(grad_output.reshape(-1))
