"""Reductions and normalizations over the elements that a mask selects: torch.masked.

What the mask leaves out is replaced by the value that changes nothing: 0 for sums, 1 for products,
-inf for maxima and exponentials.
"""

import functools
import math

from .core import operators as fl
from .core.arguments import few, is_left_out, some, wrap_dims
from .core.declare import composite


def _masked(fn):
    """Declares masked.<name>. keepdim is any truth here, as in PyTorch."""

    @functools.wraps(fn)
    def masked(*args, **kwargs):
        if "keepdim" in kwargs and fn.__name__ != "logsumexp":
            kwargs["keepdim"] = bool(kwargs["keepdim"])
        return fn(*args, **kwargs)

    return composite(masked, namespaces=("masked",), method=False, out=False, truths=("keepdim",))


def _shaped(operator, input, mask):
    """The mask in the shape of `input`, or None."""
    if mask is None:
        return None
    if mask.dtype != fl.bool:
        mask = mask != 0
    if mask.dim() > input.dim():
        raise IndexError(
            f"masked.{operator}: mask {tuple(mask.shape)} has more dims than input "
            f"{tuple(input.shape)}."
        )
    return mask.expand(input.shape)


def _filled(operator, input, mask, value):
    mask = _shaped(operator, input, mask)
    if mask is None:
        return input
    if not input.numel():  # integers have no infinity, and need none
        return fl.where(mask, input, input)
    return fl.where(mask, input, fl.full((), value, dtype=input.dtype, device=input.device))


def _lowest(dtype):
    if dtype.is_floating_point:
        return -math.inf
    return False if dtype is fl.bool else fl.iinfo(dtype).min


def _highest(dtype):
    if dtype.is_floating_point:
        return math.inf
    return True if dtype is fl.bool else fl.iinfo(dtype).max


def _dims(input, dim):
    if is_left_out(dim):
        return list(range(input.dim()))
    return [int(dim)] if hasattr(dim, "__index__") else list(few(dim))


def _one_dim(operator, input, dim):
    """The dim of an operator along one; as in PyTorch the first one of several, and of ()."""
    if hasattr(dim, "__index__"):
        return int(dim)
    dims = wrap_dims(None if is_left_out(dim) else few(dim), input.dim(), f"masked.{operator}")
    return dims[0] if dims else 0


def _as(input, dtype):
    return input if dtype is None else input.to(dtype)


def _needs_floating(operator, input, dtype, error=NotImplementedError):
    """input in dtype, which must be floating or complex."""
    input = _as(input, dtype)
    if not (input.dtype.is_floating_point or input.dtype.is_complex):
        raise error(
            f"masked.{operator}: input is {input.dtype}, but it must be floating. Convert it with "
            ".float() first."
        )
    return input


def _floating(input, dtype):
    if dtype is None and not (input.dtype.is_floating_point or input.dtype.is_complex):
        dtype = fl.get_default_dtype()
    return _as(input, dtype)


def _widened(input, dtype):
    """Small integers and bool are summed in int64."""
    if dtype is None and not (input.dtype.is_floating_point or input.dtype.is_complex):
        dtype = fl.int64
    return _as(input, dtype)


def _count(operator, input, dims, keepdim, mask):
    mask = _shaped(operator, input, mask)
    if mask is None:
        mask = fl.ones(input.shape, dtype=fl.bool, device=input.device)
    return mask.sum(dims, keepdim)


@_masked
def sum(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """The sum of the selected elements."""
    return _filled("sum", _widened(input, dtype), mask, 0).sum(_dims(input, dim), keepdim)


@_masked
def prod(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """The product of the selected elements."""
    result = _filled("prod", _widened(input, dtype), mask, 1)
    for d in sorted(wrap_dims(_dims(input, dim), input.dim(), "masked.prod"), reverse=True):
        result = result.prod(d, keepdim)
    return result


@_masked
def cumsum(input, dim, *, dtype=None, mask=None):
    """The running sum of the selected elements."""
    return _filled("cumsum", _widened(input, dtype), mask, 0).cumsum(
        _one_dim("cumsum", input, dim), dtype=dtype or input.dtype
    )


@_masked
def cumprod(input, dim, *, dtype=None, mask=None):
    """The running product of the selected elements."""
    return _filled("cumprod", _widened(input, dtype), mask, 1).cumprod(
        _one_dim("cumprod", input, dim), dtype=dtype or input.dtype
    )


@_masked
def amax(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """The largest selected element."""
    input = _as(input, dtype)
    return _filled("amax", input, mask, _lowest(input.dtype)).amax(_dims(input, dim), keepdim)


@_masked
def amin(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """The smallest selected element."""
    input = _as(input, dtype)
    return _filled("amin", input, mask, _highest(input.dtype)).amin(_dims(input, dim), keepdim)


@_masked
def argmax(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """The index of the largest selected element, in the dtype of the input as PyTorch has it."""
    input = _as(input, dtype)
    return _filled("argmax", input, mask, _lowest(input.dtype)).argmax(dim, keepdim).to(input.dtype)


@_masked
def argmin(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """The index of the smallest selected element, in the dtype of the input as PyTorch has it."""
    input = _as(input, dtype)
    return (
        _filled("argmin", input, mask, _highest(input.dtype)).argmin(dim, keepdim).to(input.dtype)
    )


@_masked
def mean(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """The mean of the selected elements, NaN where there are none."""
    input = _needs_floating("mean", input, dtype, ValueError)
    dims = _dims(input, dim)
    total = _filled("mean", input, mask, 0).sum(dims, keepdim)
    return total / _count("mean", input, dims, keepdim, mask).to(total.dtype)


@_masked
def median(input, dim=-1, *, keepdim=False, dtype=None, mask=None):
    """The median of the selected elements, the lower one of two; NaN, or ValueError of integers, of none."""
    input = _as(input, dtype)
    dim = _one_dim("median", input, dim)
    if mask is None:
        return input.median(dim, keepdim).values
    if input.dtype.is_floating_point or input.dtype.is_complex:
        return _filled("median", input, mask, math.nan).nanmedian(dim, keepdim).values
    result = _filled("median", input.double(), mask, math.nan).nanmedian(dim, keepdim).values
    if some(result.isnan()):
        raise ValueError(
            f"masked.median: mask selects nothing of a row, and {input.dtype} has no NaN for its median. Convert "
            "input with .float()."
        )
    return result.to(input.dtype)


def _spread(operator, input, dim, unbiased, correction, keepdim, dtype, mask):
    if correction is None:
        correction = 1 if unbiased is None or unbiased else 0
    input = _as(input, dtype)
    if input.dtype is fl.bool:
        raise RuntimeError(
            f"masked.{operator}: input is bool, which has no differences. Convert it with .float() "
            "first."
        )
    input = _floating(input, None)
    dims = _dims(input, dim)
    count = _count(operator, input, dims, True, mask)
    real = fl.view_as_real(input).dtype if input.dtype.is_complex else input.dtype
    total = _filled(operator, input, mask, 0).sum(dims, True)
    distance = input - total / count.to(total.dtype)
    distance = _filled(operator, distance, mask, 0)
    squares = distance.abs() ** 2 if input.dtype.is_complex else distance * distance
    result = squares.sum(dims, True) / (count.to(real) - correction).clamp_min(0)
    result = result.to(input.dtype)
    if keepdim:
        return result
    kept = {d % max(input.dim(), 1) for d in dims}
    return result.reshape([size for d, size in enumerate(input.shape) if d not in kept])


@_masked
def var(input, dim=None, unbiased=None, *, correction=None, keepdim=False, dtype=None, mask=None):
    """The variance of the selected elements; their count is lessened by `correction` (1)."""
    return _spread("var", input, dim, unbiased, correction, keepdim, dtype, mask)


@_masked
def std(input, dim=None, unbiased=None, *, correction=None, keepdim=False, dtype=None, mask=None):
    """The square root of `var`."""
    return _spread("std", input, dim, unbiased, correction, keepdim, dtype, mask).sqrt()


@_masked
def logsumexp(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """log(sum(exp(...))) of the selected elements."""
    given = _as(input, dtype).dtype
    if not isinstance(keepdim, bool):
        raise TypeError(
            f"masked.logsumexp: keepdim takes True or False, but got a {type(keepdim).__name__}."
        )
    filled = _filled("logsumexp", _floating(input, dtype), mask, -math.inf)
    return filled.logsumexp(_dims(input, dim), keepdim).to(given)


@_masked
def logaddexp(input, other, *, dtype=None, input_mask=None, other_mask=None):
    """log(exp(input) + exp(other)), each where its mask selects it."""
    left = _filled("logaddexp", _as(input, dtype), input_mask, -math.inf)
    right = _filled("logaddexp", _as(other, dtype), other_mask, -math.inf)
    return fl.logaddexp(left, right)


@_masked
def norm(input, ord=2.0, dim=None, *, keepdim=False, dtype=None, mask=None):
    """The ord-norm of the selected elements."""
    input = _needs_floating("norm", input, dtype, RuntimeError)
    filled = _filled("norm", input, mask, math.inf if ord is not None and ord < 0 else 0)
    return fl.linalg.vector_norm(filled, 2 if ord is None else ord, _dims(input, dim), keepdim)


@_masked
def normalize(input, ord, dim, *, eps=1e-12, dtype=None, mask=None):
    """The selected elements over their norm, or over eps where that is larger; 0 elsewhere."""
    input = _needs_floating("normalize", input, dtype, RuntimeError)
    length = norm(input, ord, dim, keepdim=True, mask=mask)
    return _filled("normalize", input, mask, 0) / length.clamp_min(eps)


@_masked
def softmax(input, dim, *, dtype=None, mask=None):
    """softmax of the selected elements, 0 elsewhere; NaN where none is selected."""
    input = _needs_floating("softmax", input, dtype) if input.numel() else _as(input, dtype)
    return _filled("softmax", input, mask, -math.inf).softmax(_one_dim("softmax", input, dim))


@_masked
def log_softmax(input, dim, *, dtype=None, mask=None):
    """log_softmax of the selected elements, -inf elsewhere; NaN where none is selected."""
    input = _needs_floating("log_softmax", input, dtype) if input.numel() else _as(input, dtype)
    return _filled("log_softmax", input, mask, -math.inf).log_softmax(
        _one_dim("log_softmax", input, dim)
    )


@_masked
def softmin(input, dim, *, dtype=None, mask=None):
    """`softmax` of the negative."""
    input = _needs_floating("softmin", input, dtype) if input.numel() else _as(input, dtype)
    return softmax(-input, dim, mask=mask)
