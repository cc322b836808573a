"""The way to LAPACK: tensors as NumPy arrays, what routines report as errors, and checks of matrices."""

import functools
import math

from ... import _core
from ..core import operators as fl


class LinAlgError(RuntimeError):
    """A matrix without the property that an operator needs: singular, not positive definite."""

    __module__ = "flambeau.linalg"  # where it is public: pickles name it so


def with_info(ctx, result, info, *saved):
    """(result, info) of a primitive that saves these tensors for backward; info has no derivative."""
    ctx.mark_non_differentiable(info)
    ctx.save_for_backward(*saved)
    return result, info


def array(tensor):
    """The tensor's numbers for NumPy, without a copy where it is on the CPU."""
    tensor = _core._within_reach(tensor.detach())
    if tensor.dtype.is_complex:
        tensor = tensor.resolve_conj()
    return tensor.numpy()


def tensor(values, like):
    """An array as a tensor on the device of `like`."""
    import numpy

    result = fl.from_numpy(numpy.ascontiguousarray(values).reshape(numpy.shape(values)))
    return result if like.device.type == "cpu" else result.to(like.device)


def stacked(values):
    """Matrices of any batch shape as a stack: (count, m, n)."""
    return values.reshape(math.prod(values.shape[:-2]), *values.shape[-2:])


def raise_where(operator, info, sentence):
    """A LinAlgError if a matrix failed; info is LAPACK's for each of a stack, `sentence` may be a function of it."""
    info, _ = _core._unbatch(info)
    failed = info if info.dim() == 0 else info.abs().amax() if info.numel() else None
    if failed is None or failed.is_meta or failed.item() == 0:
        return
    if callable(sentence):
        sentence = sentence(info)
    which = ""
    if info.dim():
        place = (info.reshape(-1) != 0).nonzero()[0].item()
        which = f"(matrix {place} of the batch) "
    raise LinAlgError(f"{operator}: {which}{sentence}.")


def check_matrices(operator, A, square=False):
    """Raise unless A is floating or complex matrices, as `square` says."""
    if A.dim() < 2:
        raise RuntimeError(f"{operator}: A {tuple(A.shape)} must have 2 dims or more, (..., m, n).")
    if not (A.dtype.is_floating_point or A.dtype.is_complex):
        raise RuntimeError(
            f"{operator}: A is {A.dtype}, but it must be floating or complex. Convert it with "
            ".float() first."
        )
    if A.dtype.to_real().itemsize < 4:
        raise RuntimeError(
            f"{operator}: A is {A.dtype}, which is too coarse for it. Convert it with "
            f".{'cfloat' if A.dtype.is_complex else 'float'}() first."
        )
    if square and A.size(-1) != A.size(-2):
        raise RuntimeError(
            f"{operator}: A {tuple(A.shape)} holds matrices of {A.size(-2)} by {A.size(-1)}; they "
            "must be square."
        )


def takes_nothing(integers=False):
    """Decorates an operator: an A without elements may be of half precision, or of integers too.

    No routine sees such a matrix; PyTorch refuses its dtype in the routine, so only where there are elements.
    """

    def decorate(function):
        @functools.wraps(function)
        def call(A, *args, **kwargs):
            if not isinstance(A, fl.Tensor) or A.numel() or A.dtype in _PRECISE or A.dim() < 2:
                return function(A, *args, **kwargs)
            dtype = A.dtype
            if not (integers or dtype in (fl.float16, fl.bfloat16)):
                return function(A, *args, **kwargs)

            def converted(value, old, new):
                same = isinstance(value, fl.Tensor) and value.dtype is old
                return value.to(new) if same else value

            args = [converted(a, dtype, fl.float32) for a in args]
            result = function(A.float(), *args, **kwargs)
            if isinstance(result, fl.Tensor):
                return converted(result, fl.float32, dtype)
            return type(result)(converted(r, fl.float32, dtype) for r in result)

        return call

    return decorate


_PRECISE = (fl.float32, fl.float64, fl.complex64, fl.complex128)


def check_same_dtype(operator, **tensors):
    """Raise unless the two tensors have one dtype; the keywords are the names of the arguments."""
    (first, a), (second, b) = tensors.items()
    if a.dtype != b.dtype:
        raise RuntimeError(
            f"{operator}: {first} is {a.dtype}, but {second} is {b.dtype}. Convert one of them."
        )


def check_pivots(operator, pivots, LU, count, smallest=1):
    """Raise unless `pivots` are what a factorization LU gives: int32 (*, count), each naming a row."""
    rows = LU.size(-2)
    if pivots.dtype != fl.int32 and pivots.numel():
        raise RuntimeError(f"{operator}: pivots must be int32, but they are {pivots.dtype}.")
    if tuple(pivots.shape) != (*LU.shape[:-2], count):
        raise RuntimeError(
            f"{operator}: pivots {tuple(pivots.shape)} do not belong to factors {tuple(LU.shape)}; expected "
            f"{(*LU.shape[:-2], count)}."
        )
    if pivots.numel() and not pivots.is_meta:
        magnitudes, _ = _core._unbatch(pivots if smallest > 0 else pivots.abs())
        low, high = magnitudes.aminmax()
        if low.item() < 1 or high.item() > rows:
            raise RuntimeError(
                f"{operator}: pivots name rows from 1 to {rows}, but they reach from {low.item()} to {high.item()}."
            )


def of_first_batch(values, batch, trailing=0):
    """The part of `values` (*, trailing dims) that is of the batch shape from which matrices were expanded."""
    lead = values.dim() - trailing - len(batch)
    if 0 in values.shape[:lead]:  # expanded to no matrix at all
        return values.new_zeros([*batch, *values.shape[values.dim() - trailing :]])
    values = values[(0,) * lead]
    return values[tuple(slice(size) for size in batch)]


def real_like(tensor, values):
    """`values` in the dtype of `tensor`: a gradient of a real input is real."""
    return values if tensor.dtype.is_complex or not values.dtype.is_complex else values.real
