"""Negative log likelihood: minus the weighted score of each target class, reduced in one operator."""

import math

from .. import _core
from .core import operators as fl
from .core.attach import attached
from .core.declare import primitive
from .cross_entropy import REDUCTIONS


@primitive(name="nll_loss", method=False, function=False, out=False)
def _loss(ctx, input, target, weight, ignored, reduction):
    target = target.contiguous()
    if input.is_cuda:
        from .cuda.losses import nll as on_device

        loss, total = on_device(input, target, weight, ignored, reduction)
        wrong = -1
    else:
        loss, total, wrong = _core._nll(input, target, weight, ignored, REDUCTIONS[reduction])
    if wrong >= 0:
        value = target.reshape(-1)[wrong].item()
        classes = input.shape[1 if input.dim() > 1 else 0]
        raise IndexError(
            f"nll_loss: target {value} is no class; there are {classes}, 0 to {classes - 1}. "
            "ignore_index leaves targets out."
        )
    ctx.save_for_backward(input, target, weight)
    ctx.options = 0.0, ignored, reduction, total
    return loss


@_loss.derivative
def _(ctx, grad_output):
    input, target, weight = ctx.saved
    grad = _gradient(grad_output, input, target, weight, ctx.options)
    return ctx.linked(grad) if _core.is_grad_enabled() else grad, None, None, None, None


def _gradient(grad_output, input, target, weight, options):
    _, ignored, reduction, total = options
    scale = 1.0
    if reduction == "mean":
        scale = 1 / total if input.is_cuda or total else math.nan
    if input.is_cuda or _core.is_grad_enabled() or _core._is_batched(grad_output):
        return _differentiable(grad_output * scale, input, target, weight, ignored)
    return _core._nll_backward(grad_output.contiguous(), input, target, weight, ignored, scale)


def backward(grad_output, input, target, weight, options):
    """The gradient of the scores, which requires grad through them: with respect to them it is constant."""
    grad = _gradient(grad_output, input, target, weight, options)
    return attached(grad, input, anyway=True) if _core.is_grad_enabled() else grad


def _differentiable(grad, input, target, weight, ignored):
    """The gradient out of differentiable operators."""
    dim = 1 if input.dim() > 1 else 0
    kept = target != ignored
    place = fl.where(kept, target, 0)
    parts = -grad if weight is None else -grad * weight[place]
    parts = fl.where(kept, parts, 0)  # where grad is NaN, too, as a mean of none is
    return fl.zeros_like(input).scatter(dim, place.unsqueeze(dim), parts.unsqueeze(dim))


def nll_loss(input, target, weight, ignored, reduction):
    """-weight[target] * input[target] for scores (C,), (N, C) or (N, C, *S) and int64 targets.

    The mean divides by the sum of the weights that took part. Raises IndexError for a target that is
    neither a class nor `ignored`.
    """
    return _loss(input, target, weight, ignored, reduction)
