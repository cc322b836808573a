"""Negative log likelihood: minus the weighted score of each target class, reduced in one operator."""

import math

from .. import _core
from . import public as fl
from .cross_entropy import REDUCTIONS
from .declare import primitive


@primitive(name="nll_loss", method=False, function=False, out=False)
def _loss(ctx, input, target, weight, ignored, reduction):
    target = target.contiguous()
    loss, total, wrong = _core._nll(input, target, weight, ignored, REDUCTIONS[reduction])
    if wrong >= 0:
        value = target.reshape(-1)[wrong].item()
        classes = input.shape[1 if input.dim() > 1 else 0]
        raise IndexError(
            f"nll_loss: target {value} is no class; there are {classes}, 0 to {classes - 1}. "
            "ignore_index leaves targets out."
        )
    ctx.save_for_backward(input, target, weight)
    ctx.parameters = ignored, reduction, total
    return loss


@_loss.derivative
def _(ctx, grad_output):
    input, target, weight = ctx.saved
    ignored, reduction, total = ctx.parameters
    scale = 1.0
    if reduction == "mean":
        scale = 1 / total if total else math.nan
    if _core.is_grad_enabled():
        grad = _differentiable(grad_output * scale, input, target, weight, ignored)
        grad = ctx.linked(grad)
    else:
        grad_output = grad_output.contiguous()
        grad = _core._nll_backward(grad_output, input, target, weight, ignored, scale)
    return grad, None, None, None, None


def _differentiable(grad, input, target, weight, ignored):
    """The gradient out of differentiable operators."""
    dim = 1 if input.dim() > 1 else 0
    kept = target != ignored
    place = fl.where(kept, target, 0)
    share = kept.to(input.dtype) if weight is None else weight[place] * kept
    zeros = fl.zeros_like(input)
    return zeros.scatter(dim, place.unsqueeze(dim), (-grad * share).unsqueeze(dim))


def nll_loss(input, target, weight, ignored, reduction):
    """-weight[target] * input[target] for scores (C,), (N, C) or (N, C, *S) and int64 targets.

    The mean divides by the sum of the weights that took part. Raises IndexError for a target that is
    neither a class nor `ignored`.
    """
    return _loss(input, target, weight, ignored, reduction)
