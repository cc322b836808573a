"""Margins between classes: how far the scores of a sample's own classes are above those of all others.

One loop on the CPU (csrc/kernels/index/margins.h); out of differentiable operators elsewhere, and where a gradient
is to be differentiated.
"""

from .. import _core
from .core import operators as fl
from .core.arguments import every
from .core.declare import primitive
from .cross_entropy import REDUCTIONS


def _has_loop(*tensors):
    """Whether tensors are what the loop takes: on the CPU, of no vmap, scores of full precision."""
    scores = tensors[0]
    return scores.dtype in (fl.float32, fl.float64) and not any(
        t is not None and (t.is_cuda or _core._is_batched(t)) for t in tensors
    )


@primitive(method=False, function=False)
def _margins(ctx, scores, target, weight, options, reduction):
    laid = [t if t is None else t.contiguous() for t in (scores, target, weight)]
    loss, wrong = _core._margins(*laid, *options, REDUCTIONS[reduction])
    if wrong >= 0:
        _raise_no_class(options[0], scores)
    ctx.save_for_backward(scores, target, weight)
    ctx.options, ctx.reduction = options, reduction
    return loss


@_margins.derivative
def _(ctx, grad_output):
    scores, target, weight = ctx.saved
    scale = 1 / scores.size(0) if ctx.reduction == "mean" and scores.size(0) else 1.0
    if fl.is_grad_enabled() or not _has_loop(scores, grad_output):
        grad = _differentiable(grad_output * scale, scores, target, weight, ctx.options)
    else:
        laid = [t if t is None else t.contiguous() for t in (grad_output, *ctx.saved)]
        grad = _core._margins_backward(*laid, *ctx.options, scale)
    return grad, None, None, None, None


def _raise_no_class(listed, scores):
    operator, least = ("multilabel_margin_loss", -1) if listed else ("multi_margin_loss", 0)
    raise RuntimeError(
        f"{operator}: target holds classes outside of {least} to {scores.size(1) - 1}."
    )


def _differentiable(grad, scores, target, weight, options):
    """The gradient of the scores out of differentiable operators."""
    listed, squared, margin = options
    grad = grad.reshape(-1, 1) / scores.size(1)  # (1, 1) or (N, 1)
    if listed:
        place, counted, _ = _label_gaps(scores, target)
        parts = counted * grad.unsqueeze(2)
        return parts.sum(1).scatter_add(1, place, -parts.sum(2))
    place = target.unsqueeze(1)
    counted, excess = _class_excess(scores, place, margin)
    slope = 2 * excess if squared else fl.ones_like(scores)
    if weight is not None:
        slope = slope * weight[target].unsqueeze(1)
    parts = fl.where(counted, slope * grad, fl.zeros_like(scores))
    return parts.scatter_add(1, place, -parts.sum(1, keepdim=True))


def _class_excess(scores, place, margin):
    """(which scores are within the margin of that of the class, by how much: both (N, C))."""
    excess = margin - scores.gather(1, place) + scores
    counted = (excess > 0).scatter(1, place, False)  # NaN does not count
    return counted, fl.where(counted, excess, fl.zeros_like(excess))


def _label_gaps(scores, target):
    """(the classes that are listed, 0 behind them, (N, T); which gaps to others count, and the gaps: (N, T, C))."""
    listed = (target < 0).cumsum(1) == 0  # before the first -1 of the row
    place = fl.where(listed, target, fl.zeros_like(target))
    is_target = fl.zeros_like(scores).scatter_add(1, place, listed.to(scores.dtype)) > 0
    gaps = 1 - scores.gather(1, place).unsqueeze(2) + scores.unsqueeze(1)
    counted = listed.unsqueeze(2) & ~is_target.unsqueeze(1)
    counted = counted & (gaps > 0)  # NaN does not count
    return place, counted, fl.where(counted, gaps, fl.zeros_like(gaps))


def class_margins(scores, target, weight, squared, margin, reduction):
    """Sums over the classes c but each sample's own t of weight[t] max(0, margin - scores[t] + scores[c]) / C, or of
    the square. (N, C), (N,), (C,) or None -> (N,), reduced."""
    fits = weight is None or weight.numel() == scores.size(1)
    if fits and _has_loop(scores, target, weight) and target.dtype is fl.int64:
        if weight is None or (weight.dtype is scores.dtype and not weight.requires_grad):
            return _margins(scores, target, weight, (False, squared, float(margin)), reduction)
    if target.numel() and not every((target >= 0) & (target < scores.size(1))):
        _raise_no_class(False, scores)
    _, excess = _class_excess(scores, target.unsqueeze(1), margin)
    if squared:
        excess = excess * excess
    if weight is not None:
        excess = excess * weight[target].unsqueeze(1)
    return _reduced(excess.sum(1) / scores.size(1), reduction)


def label_margins(scores, target, reduction):
    """Sums over listed classes t and others c of max(0, 1 - scores[t] + scores[c]) / C; a list ends at the first -1.
    (N, C), (N, C) -> (N,), reduced."""
    if _has_loop(scores, target):
        return _margins(scores, target, None, (True, False, 1.0), reduction)
    if target.numel() and not every((target >= -1) & (target < scores.size(1))):
        _raise_no_class(True, scores)
    return _reduced(_label_gaps(scores, target)[2].sum((1, 2)) / scores.size(1), reduction)


def _reduced(losses, reduction):
    return losses if reduction == "none" else losses.mean() if reduction == "mean" else losses.sum()
