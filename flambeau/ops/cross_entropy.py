"""Cross entropy of logits with classes, reduced to the loss itself in one operator."""

import functools
import math

from .. import _core
from .core import operators as fl
from .core.declare import primitive
from .rows import run_rows

REAL_DTYPES = (_core.float16, _core.bfloat16, _core.float32, _core.float64)


def _half(dtype):
    return dtype in (_core.float16, _core.bfloat16)


REDUCTIONS = {"none": 0, "mean": 1, "sum": 2}


@functools.cache
def kernel(variant, dtype):
    """The address of a row kernel for logits of a dtype: 0 forward, 1 backward."""
    from ..kernels.schedules import row_functions

    wide = "float32" if _half(dtype) else dtype.name
    as_dtype = "float32" if _half(dtype) else None
    if variant:
        return row_functions.counted_cross_entropy_backward.compile(
            (wide, dtype.name, wide, wide, "int64", wide, "int64"),
            "vxvxxxxx",
            (dtype.name,),
            as_dtype,
        )
    return row_functions.counted_cross_entropy.compile(
        (dtype.name, "int64", wide, "int64"), "xxxxvxxx", (wide,) * 4, as_dtype
    )


@primitive(name="_cross_entropy_loss", method=False, function=False, out=False)
def _loss(ctx, input, target, ignored, reduction, smoothing):
    target = target.contiguous()
    if input.is_cuda:
        from .cuda.losses import cross_entropy as on_device

        result, logsumexp, counted = on_device(input, target, ignored, reduction, smoothing)
    else:
        result, logsumexp, counted = _core._cross_entropy(
            kernel(0, input.dtype),
            input.contiguous(),
            target,
            ignored,
            smoothing,
            REDUCTIONS[reduction],
        )
        if counted != counted:
            _raise_out_of_range(target, ignored, input.shape[1])
    ctx.save_for_backward(input, target, logsumexp)  # input itself: a copy would have no history
    ctx.options = smoothing, ignored, reduction, counted
    return result


def _raise_out_of_range(target, ignored, classes):
    for place, value in enumerate(target.tolist()):
        if value != ignored and not 0 <= value < classes:
            raise IndexError(
                f"cross_entropy: target {value} at position {place} is no class; there are "
                f"{classes}, 0 to {classes - 1}. ignore_index leaves targets out."
            )


@_loss.derivative
def _(ctx, grad_output):
    return backward(grad_output, *ctx.saved, ctx.options), None, None, None, None


def backward(grad_output, input, target, logsumexp, options):
    """The gradient of the logits; options are (smoothing, ignored, reduction, what counted: of a GPU a tensor)."""
    smoothing, ignored, reduction, counted = options
    n, classes = input.shape
    if reduction == "mean":
        divides = input.is_cuda or counted
        grad_output = grad_output / counted if divides else grad_output * math.nan
    if _core.is_grad_enabled() or _core._is_batched(grad_output):
        return _differentiable(grad_output, input, target, ignored, smoothing)
    input = input.contiguous()
    as_dtype = "float32" if _half(input.dtype) else None
    smoothing = _core.full((), smoothing, dtype=logsumexp.dtype, device=input.device)
    ignored = _core.full((), ignored, dtype=_core.int64, device=input.device)
    grad = _core.empty_like(input)
    grad_output = grad_output.to(logsumexp.dtype).contiguous()
    inputs = (grad_output, input, *logsumexp.unbind(0), target, smoothing, ignored)
    run_rows("counted_cross_entropy_backward", (grad,), inputs, "vxvxxxxx", n, classes, as_dtype)
    return grad


def _differentiable(grad_output, input, target, ignored, smoothing):
    """What the backward kernel computes, out of differentiable operators."""
    kept = target != ignored
    place = fl.where(kept, target, 0).unsqueeze(1)
    wanted = fl.full_like(input, smoothing / max(input.shape[1], 1))
    wanted = wanted.scatter_add(1, place, wanted.new_full((len(target), 1), 1 - smoothing))
    rows = grad_output.unsqueeze(1) if grad_output.dim() else grad_output
    rows = fl.where(kept.unsqueeze(1), rows, 0)  # NaN, a mean of none, would go on to the logits
    return fl.where(kept.unsqueeze(1), (input.softmax(1) - wanted) * rows, 0)


def cross_entropy(input, target, ignore_index, reduction, label_smoothing):
    """Cross entropy of logits (N, C) with classes (N,), without class weights.

    Raises IndexError for a target that is neither a class nor ignore_index.
    """
    if input.dtype not in REAL_DTYPES:
        raise NotImplementedError(
            f"cross_entropy: input is {input.dtype}, but it must be floating. Convert it with "
            ".float() first."
        )
    return _loss(input, target, ignore_index, reduction, label_smoothing)
