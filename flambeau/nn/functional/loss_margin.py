"""Losses that want a margin: between classes, between pairs, between triples."""

import flambeau

from ...ops.core.arguments import check_broadcast
from ...ops.core.autocast import full_precision
from ...ops.margins import class_margins, label_margins
from .distance import pairwise_distance
from .reduction import check, reduced, reduction_of


@full_precision
def margin_ranking_loss(
    input1, input2, target, margin=0, size_average=None, reduce=None, reduction="mean"
):
    """max(0, -target * (input1 - input2) + margin): target 1 wants the first to be the larger."""
    reduction = reduction_of(size_average, reduce, reduction)
    check(reduction, "margin_ranking_loss")
    if not input1.dim() == input2.dim() == target.dim():
        raise RuntimeError(
            f"margin_ranking_loss: input1 {tuple(input1.shape)}, input2 {tuple(input2.shape)} and "
            f"target {tuple(target.shape)} must have equally many dims."
        )
    check_broadcast("margin_ranking_loss", input1, input2, target)
    return reduced((-target * (input1 - input2) + float(margin)).clamp_min(0), reduction)


@full_precision
def hinge_embedding_loss(
    input, target, margin=1.0, size_average=None, reduce=None, reduction="mean"
):
    """input where target is 1, max(0, margin - input) where it is -1."""
    reduction = reduction_of(size_average, reduce, reduction)
    check(reduction, "hinge_embedding_loss")
    check_broadcast("hinge_embedding_loss", input, target)
    none = flambeau.zeros((), dtype=input.dtype, device=input.device)
    # Of integers the distance is cut to one, whatever the margin is.
    distance = margin - input if input.is_floating_point() else (margin - input).to(input.dtype)
    far = flambeau.where(target != 1, distance.clamp_min(0), none)
    near = flambeau.where(target != -1, input, none)
    return reduced((far + near).to(input.dtype), reduction, "hinge_embedding_loss")


@full_precision
def cosine_embedding_loss(
    input1, input2, target, margin=0, size_average=None, reduce=None, reduction="mean"
):
    """1 - cos where target is 1, max(0, cos - margin) where it is -1."""
    reduction = reduction_of(size_average, reduce, reduction)
    check(reduction, "cosine_embedding_loss")
    if target.dim() not in (0, 1):
        raise RuntimeError(
            f"cosine_embedding_loss: target {tuple(target.shape)} must be a vector, or a number "
            "without a batch."
        )
    if target.dim() == 1 and (input1.dim() != 2 or input2.dim() != 2):
        raise RuntimeError(
            f"cosine_embedding_loss: with a vector as target, input1 {tuple(input1.shape)} and "
            f"input2 {tuple(input2.shape)} must have 2 dims, (N, features)."
        )
    if target.dim() == 0 and (input1.dim() != 1 or input2.dim() != 1):
        raise RuntimeError(
            f"cosine_embedding_loss: with a number as target, input1 {tuple(input1.shape)} and "
            f"input2 {tuple(input2.shape)} must have 1 dim, (features,)."
        )
    check_broadcast("cosine_embedding_loss", input1, input2)
    # eps belongs to the squared lengths, so that the gradient at a zero vector is finite.
    eps = 1e-12
    dot = (input1 * input2).sum(-1)
    cos = dot / (((input1 * input1).sum(-1) + eps) * ((input2 * input2).sum(-1) + eps)).sqrt()
    none = flambeau.zeros_like(cos)
    near = flambeau.where(target == 1, 1 - cos, none)
    distance = cos - margin
    above = flambeau.where(cos.isnan(), distance, distance.clamp_min(0))  # with a gradient of NaN
    far = flambeau.where(target == -1, above, none)
    return reduced(near + far, reduction, "cosine_embedding_loss")


@full_precision
def triplet_margin_loss(
    anchor, positive, negative, margin=1.0, p=2, eps=1e-6, swap=False, size_average=None,
    reduce=None, reduction="mean",
):  # fmt: skip
    """max(0, |anchor - positive| - |anchor - negative| + margin), distances in the p-norm.

    With `swap` the negative distance is that of the nearer of anchor and positive.
    Source: Balntas et al., 2016.
    """
    reduction = reduction_of(size_average, reduce, reduction)
    check(reduction, "triplet_margin_loss")
    if margin <= 0:
        raise ValueError(f"triplet_margin_loss: margin is {margin}; it must be above 0.")
    if not anchor.dim() == positive.dim() == negative.dim():
        raise RuntimeError(
            f"triplet_margin_loss: anchor {tuple(anchor.shape)}, positive {tuple(positive.shape)} "
            f"and negative {tuple(negative.shape)} must have equally many dims."
        )
    check_broadcast("triplet_margin_loss", anchor, positive, negative)

    def distance(x, y):
        return pairwise_distance(x, y, p, eps)

    return _triplet(anchor, positive, negative, distance, margin, swap, reduction)


def triplet_margin_with_distance_loss(
    anchor, positive, negative, *, distance_function=None, margin=1.0, swap=False, reduction="mean"
):
    """triplet_margin_loss with a distance of the caller's."""
    check(reduction, "triplet_margin_with_distance_loss")
    if margin <= 0:
        raise ValueError(
            f"triplet_margin_with_distance_loss: margin is {margin}; it must be above 0."
        )
    distance = pairwise_distance if distance_function is None else distance_function
    if not anchor.dim() == positive.dim() == negative.dim():
        raise RuntimeError(
            f"triplet_margin_with_distance_loss: anchor {tuple(anchor.shape)}, positive "
            f"{tuple(positive.shape)} and negative {tuple(negative.shape)} must have equally many "
            "dims."
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
    input, target, p=1, margin=1.0, weight=None, size_average=None, reduce=None, reduction="mean"
):
    """Mean over the other classes c of max(0, margin - input[target] + input[c]) ** p."""
    reduction = reduction_of(size_average, reduce, reduction)
    check(reduction, "multi_margin_loss")
    if p not in (1, 2):
        raise ValueError(f"multi_margin_loss: p is {p}; it must be 1 or 2.")
    if weight is not None and weight.dim() != 1:
        raise ValueError(
            f"multi_margin_loss: weight {tuple(weight.shape)} must be a vector, one for each class."
        )
    single = input.dim() < 2
    if input.dim() > 2 or (input.dim() > 0 and input.size(-1) == 0):
        raise RuntimeError(
            f"multi_margin_loss: input {tuple(input.shape)} must be scores (N, C), or (C,) without "
            "a batch, of one class or more."
        )
    scores = input.reshape(1, -1) if single else input
    classes = target.reshape(-1)
    if classes.numel() != scores.size(0) or target.dim() > 1:
        raise RuntimeError(
            f"multi_margin_loss: target {tuple(target.shape)} must be ({scores.size(0)},), one "
            "class for each sample."
        )
    loss = class_margins(scores, classes, weight, p == 2, margin, reduction)
    return loss.reshape(target.shape) if reduction == "none" else loss


@full_precision
def multilabel_margin_loss(input, target, size_average=None, reduce=None, reduction="mean"):
    """Sum over target classes t and other classes c of max(0, 1 - (input[t] - input[c])) / C.

    target lists classes, shape as input; the list of a row ends at its first -1.
    """
    reduction = reduction_of(size_average, reduce, reduction)
    check(reduction, "multilabel_margin_loss")
    one_class = max(input.dim(), target.dim()) == 1 and input.numel() == target.numel() == 1
    if (input.shape != target.shape and not one_class) or input.dim() > 2:
        raise RuntimeError(
            f"multilabel_margin_loss: target {tuple(target.shape)} must have the shape of input, "
            f"{tuple(input.shape)}."
        )
    if input.dim() and input.size(-1) == 0:
        raise RuntimeError(
            f"multilabel_margin_loss: there must be classes, but got an input of {tuple(input.shape)}."
        )
    if target.dtype != flambeau.int64:
        raise RuntimeError(
            f"multilabel_margin_loss: target is {target.dtype}, but classes are int64. Convert it "
            "with .long()."
        )
    single = input.dim() < 2
    scores = input.reshape(1, -1) if single else input
    labels = target.reshape(1, -1) if single else target
    loss = label_margins(scores, labels, reduction)
    return loss.reshape(()) if single and reduction == "none" else loss
