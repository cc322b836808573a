"""gradcheck for functions of sparse tensors."""

import functools

from .. import _core
from ..ops.core import operators as fl
from ..ops.sparse.convert import to_dense, to_layout
from ..ops.sparse.frame import is_sparse, number_of, split


def as_sparse_gradcheck(gradcheck):
    """gradcheck, or gradgradcheck, that takes sparse inputs: their values are what is moved.

    Args:
        gradcheck (callable): gradcheck(func, inputs, **options).

    Returns:
        callable: the same with the options masked (False: gradients hold where an input has no entry, too) and
            check_sparse_nnz (another name of it).

    Example:
        >>> gradcheck = torch.sparse.as_sparse_gradcheck(torch.autograd.gradcheck)
        >>> x = torch.eye(2, dtype=torch.float64).to_sparse().requires_grad_()
        >>> gradcheck(lambda x: x.to_dense(), x, masked=True)
        True
    """

    @functools.wraps(gradcheck)
    def check(func, inputs, **options):
        masked = options.pop("masked", None) or options.pop("check_sparse_nnz", False)
        inputs = tuple(inputs) if isinstance(inputs, (tuple, list)) else (inputs,)
        plain, frames = [], []
        for each in inputs:
            chosen = isinstance(each, _core.Tensor) and is_sparse(each) and each.requires_grad
            if not chosen:
                plain.append(each)
                frames.append(None)
                continue
            frame, values = split(each if masked else _filled(each))
            plain.append(values.detach().clone().requires_grad_())
            frames.append(frame)

        def dense(*args):
            given = [
                arg if frame is None else frame.assemble(arg)
                for arg, frame in zip(args, frames, strict=True)
            ]
            return _as_dense(func(*given), masked)

        return gradcheck(dense, tuple(plain), **options)

    return check


def _filled(input):
    """The same tensor with an entry everywhere."""
    frame, values = split(input)
    blocks = frame.block_size(values) if frame.blocked else None
    dense = to_dense(input.detach())
    kept = (
        {"sparse_dim": frame.sparse_dim}
        if number_of(input) == 1
        else {"dense_dim": frame.dense_dim}
    )
    full = to_layout(fl.ones_like(dense), number_of(input), blocksize=blocks, **kept)
    return dense.sparse_mask(full)


def _as_dense(result, masked):
    if isinstance(result, _core.Tensor):
        return to_dense(result, masked) if is_sparse(result) else result
    if isinstance(result, (tuple, list)):
        return type(result)(_as_dense(each, masked) for each in result)
    return result
