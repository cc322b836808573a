"""Losses that want a margin: between classes, between pairs, between triples."""

import flambeau

from ...ops.autocast import full_precision
from .distance import pairwise_distance
from .reduction import check, reduced, reduction_of


@full_precision
def margin_ranking_loss(
    input1,
    input2,
    target,
    margin=0,
    size_average=None,
    reduce=None,
    reduction="mean",
):
    """max(0, -target * (input1 - input2) + margin): target 1 wants the first to be the larger."""
    reduction = reduction_of(size_average, reduce, reduction)
    check(reduction)
    if not input1.dim() == input2.dim() == target.dim():
        raise RuntimeError(
            "margin_ranking_loss : All input tensors should have same dimension but got sizes: "
            f"input1: {input1.size()}, input2: {input2.size()}, target: {target.size()} "
        )
    return reduced((-target * (input1 - input2) + margin).clamp_min(0), reduction)


@full_precision
def hinge_embedding_loss(
    input, target, margin=1.0, size_average=None, reduce=None, reduction="mean"
):
    """input where target is 1, max(0, margin - input) where it is -1."""
    reduction = reduction_of(size_average, reduce, reduction)
    check(reduction)
    none = flambeau.zeros((), dtype=input.dtype, device=input.device)
    far = flambeau.where(target != 1, (margin - input).clamp_min(0), none)
    near = flambeau.where(target != -1, input, none)
    return reduced(far + near, reduction)


@full_precision
def cosine_embedding_loss(
    input1,
    input2,
    target,
    margin=0,
    size_average=None,
    reduce=None,
    reduction="mean",
):
    """1 - cos where target is 1, max(0, cos - margin) where it is -1."""
    reduction = reduction_of(size_average, reduce, reduction)
    check(reduction)
    if target.dim() not in (0, 1):
        raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
    if target.dim() == 1 and (input1.dim() != 2 or input2.dim() != 2):
        raise RuntimeError(
            "1D target tensor expects 2D input tensors, but found inputs with sizes "
            f"{input1.size()} and {input2.size()}."
        )
    if target.dim() == 0 and (input1.dim() != 1 or input2.dim() != 1):
        raise RuntimeError(
            "0D target tensor expects 1D input tensors, but found inputs with sizes "
            f"{input1.size()} and {input2.size()}."
        )
    # eps belongs to the squared lengths, so that the gradient at a zero vector is finite.
    eps = 1e-12
    dot = (input1 * input2).sum(-1)
    cos = dot / (((input1 * input1).sum(-1) + eps) * ((input2 * input2).sum(-1) + eps)).sqrt()
    none = flambeau.zeros_like(cos)
    near = flambeau.where(target == 1, 1 - cos, none)
    far = flambeau.where(target == -1, (cos - margin).clamp_min(0), none)
    return reduced(near + far, reduction)


@full_precision
def triplet_margin_loss(
    anchor,
    positive,
    negative,
    margin=1.0,
    p=2,
    eps=1e-6,
    swap=False,
    size_average=None,
    reduce=None,
    reduction="mean",
):
    """max(0, |anchor - positive| - |anchor - negative| + margin), distances in the p-norm.

    With `swap` the negative distance is that of the nearer of anchor and positive.
    Source: Balntas et al., 2016.
    """
    reduction = reduction_of(size_average, reduce, reduction)
    check(reduction)
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    if not anchor.dim() == positive.dim() == negative.dim():
        raise RuntimeError(
            "The anchor, positive, and negative tensors are expected to have the same number of "
            f"dimensions, but got: anchor {anchor.dim()}D, positive {positive.dim()}D, and "
            f"negative {negative.dim()}D inputs"
        )

    def distance(x, y):
        return pairwise_distance(x, y, p, eps)

    return _triplet(anchor, positive, negative, distance, margin, swap, reduction)


def triplet_margin_with_distance_loss(
    anchor,
    positive,
    negative,
    *,
    distance_function=None,
    margin=1.0,
    swap=False,
    reduction="mean",
):
    """triplet_margin_loss with a distance of the caller's."""
    check(reduction)
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    distance = pairwise_distance if distance_function is None else distance_function
    if not anchor.dim() == positive.dim() == negative.dim():
        raise RuntimeError(
            "The anchor, positive, and negative tensors are expected to have the same number of "
            f"dimensions, but got: anchor {anchor.dim()}D, positive {positive.dim()}D, and "
            f"negative {negative.dim()}D inputs"
        )
    return _triplet(anchor, positive, negative, distance, margin, swap, reduction)


def _triplet(anchor, positive, negative, distance, margin, swap, reduction):
    near = distance(anchor, positive)
    far = distance(anchor, negative)
    if swap:
        far = flambeau.minimum(far, distance(positive, negative))
    return reduced((near - far + margin).clamp_min(0), reduction)


@full_precision
def multi_margin_loss(
    input,
    target,
    p=1,
    margin=1.0,
    weight=None,
    size_average=None,
    reduce=None,
    reduction="mean",
):
    """Mean over the other classes c of max(0, margin - input[target] + input[c]) ** p."""
    reduction = reduction_of(size_average, reduce, reduction)
    check(reduction)
    if p not in (1, 2):
        raise ValueError("only p == 1 and p == 2 supported")
    if weight is not None and weight.dim() != 1:
        raise ValueError("weight must be one-dimensional")
    single = input.dim() < 2
    if input.dim() > 2 or (input.numel() == 0 and input.size(-1) == 0):
        raise RuntimeError(
            "Expected non-empty vector or matrix with optional 0-dim batch size, "
            f"but got: {list(input.shape)}"
        )
    scores = input.reshape(1, -1) if single else input
    classes = target.reshape(-1)
    if classes.numel() != scores.size(0) or target.dim() > 1:
        raise RuntimeError(
            "multi_margin_loss: target tensor should be 1-D with size equal to the number of "
            f"input samples. Expected target size [{scores.size(0)}], "
            f"but got {list(target.shape)}."
        )
    if classes.numel() and not bool(((classes >= 0) & (classes < scores.size(1))).all()):
        raise RuntimeError("target out of range")
    place = classes.unsqueeze(1)
    excess = (margin - scores.gather(1, place) + scores).relu()
    if p == 2:
        excess = excess * excess
    if weight is not None:
        excess = excess * weight[classes].unsqueeze(1)
    others = flambeau.ones_like(excess).scatter_(1, place, 0.0)
    loss = (excess * others).sum(1) / scores.size(1)
    return reduced(loss.reshape(target.shape), reduction)


@full_precision
def multilabel_margin_loss(input, target, size_average=None, reduce=None, reduction="mean"):
    """Sum over target classes t and other classes c of max(0, 1 - (input[t] - input[c])) / C.

    target lists classes, shape as input; the list of a row ends at its first -1.
    """
    reduction = reduction_of(size_average, reduce, reduction)
    check(reduction)
    if input.shape != target.shape or input.dim() > 2:
        raise RuntimeError(
            f"inconsistent target size: {list(target.shape)} for input of size: {list(input.shape)}"
        )
    if target.dtype != flambeau.int64:
        raise RuntimeError(f"multilabel_margin_loss: expected an int64 target, got {target.dtype}")
    single = input.dim() < 2
    scores = input.reshape(1, -1) if single else input
    labels = target.reshape(1, -1) if single else target
    if labels.numel() and not bool(((labels >= -1) & (labels < scores.size(1))).all()):
        raise RuntimeError("multilabel_margin_loss: target out of range")
    listed = (labels < 0).cumsum(1) == 0  # (N, C): before the first -1 of the row
    place = flambeau.where(listed, labels, flambeau.zeros_like(labels))
    is_target = flambeau.zeros_like(scores).scatter_add_(1, place, listed.to(scores.dtype)) > 0
    of_targets = scores.gather(1, place)  # (N, T)
    gaps = 1 - of_targets.unsqueeze(2) + scores.unsqueeze(1)  # (N, T, C)
    counted = listed.unsqueeze(2) & ~is_target.unsqueeze(1)
    loss = (gaps.relu() * counted).sum((1, 2)) / scores.size(1)
    return reduced(loss.reshape(()) if single and reduction == "none" else loss, reduction)
