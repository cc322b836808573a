"""Losses of classification: a target class, or the probability of each class."""

import math

import flambeau

from ...ops import cross_entropy as fused
from ...ops import losses
from ...ops import nll as fused_nll
from ...ops.autocast import full_precision
from ...ops.shortcuts import row_shortcut
from .reduction import check, reduced, reduction_of

_REAL = (flambeau.float16, flambeau.bfloat16, flambeau.float32, flambeau.float64)


@full_precision
def cross_entropy(
    input,
    target,
    weight=None,
    size_average=None,
    ignore_index=-100,
    reduce=None,
    reduction="mean",
    label_smoothing=0.0,
):
    """-log(softmax(input))[target], or the expectation of it where target holds probabilities.

    Args:
        input (Tensor): scores (C,), (N, C) or (N, C, *S).
        target (Tensor): classes, int64 or uint8, () , (N,) or (N, *S); or probabilities, as input.
        weight (Tensor, optional): (C,), a factor for each class; the mean is then weighted.
        ignore_index (int): a class that counts for nothing.
        label_smoothing (float): the share of the target that is spread over all classes evenly.
    """
    if size_average is not None or reduce is not None:
        reduction = reduction_of(size_average, reduce, reduction)
    if not 0.0 <= label_smoothing <= 1.0:
        raise RuntimeError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing}")
    check(reduction)
    if input.dim() == 0:
        raise RuntimeError("cross_entropy: expected an input of at least 1 dimension, got 0")
    dim = 0 if input.dim() == 1 else 1
    if target.shape == input.shape:
        return _soft_cross_entropy(
            input, target, weight, dim, ignore_index, reduction, label_smoothing
        )
    _check_classes(input, target, weight)
    if weight is None and input.dim() == 2:
        return fused.cross_entropy(input, target.long(), ignore_index, reduction, label_smoothing)
    log_probabilities = input.log_softmax(dim)
    loss = nll_loss(log_probabilities, target, weight, None, ignore_index, None, reduction)
    if label_smoothing == 0.0:
        return loss
    if weight is None:
        spread = -log_probabilities.sum(dim)
    else:
        spread = -(log_probabilities * _along(weight, dim, input.dim())).sum(dim)
    kept = target != ignore_index
    spread = spread * kept
    if reduction == "mean":
        count = kept if weight is None else weight[_safe(target, kept)] * kept
        spread = spread.sum() / count.sum()
    elif reduction == "sum":
        spread = spread.sum()
    return (1 - label_smoothing) * loss + label_smoothing / input.size(dim) * spread


def _soft_cross_entropy(input, target, weight, dim, ignore_index, reduction, label_smoothing):
    if not target.is_floating_point():
        raise RuntimeError(
            f"Expected floating point type for target with class probabilities, got {target.dtype}"
        )
    if ignore_index >= 0:
        raise RuntimeError("ignore_index is not supported for floating point target")
    classes = input.size(dim)
    if weight is not None and (weight.dim() != 1 or weight.numel() != classes):
        raise RuntimeError(
            f"cross_entropy: weight tensor should be defined either for all {classes} classes or "
            f"no classes but got weight tensor of shape: {list(weight.shape)}"
        )
    if label_smoothing > 0.0:
        target = target * (1 - label_smoothing) + label_smoothing / classes
    terms = input.log_softmax(dim) * target
    if weight is not None:
        terms = terms * _along(weight, dim, input.dim())
    if reduction == "none":
        return -terms.sum(dim)
    total = -terms.sum()
    if reduction == "sum":
        return total
    samples = input.numel() // max(classes, 1)
    return total / samples if samples else total * float("nan")


@full_precision
def nll_loss(
    input,
    target,
    weight=None,
    size_average=None,
    ignore_index=-100,
    reduce=None,
    reduction="mean",
):
    """-weight[target] * input[target], input holding the logarithm of each class's probability.

    Shapes as in cross_entropy. The mean divides by the sum of the weights that took part.
    """
    if size_average is not None or reduce is not None:
        reduction = reduction_of(size_average, reduce, reduction)
    check(reduction)
    _check_classes(input, target, weight)
    if weight is not None and weight.requires_grad:
        return _nll_of_learned_weights(input, target, weight, ignore_index, reduction)
    if input.dtype not in _REAL or target.numel() * input.size(1 if input.dim() > 1 else 0) != (
        input.numel()
    ):
        raise RuntimeError(
            f"nll_loss: expected floating scores (N, C, ...) with targets (N, ...), got "
            f"{input.dtype} {tuple(input.shape)} and {tuple(target.shape)}"
        )
    if target.dtype is not flambeau.int64:
        target = target.long()
    if weight is not None:
        if weight.dim() != 1 or weight.numel() != input.size(1 if input.dim() > 1 else 0):
            raise RuntimeError(
                f"weight tensor should be defined either for all {input.size(-1)} classes or no "
                f"classes but got weight tensor of shape: {list(weight.shape)}"
            )
        weight = weight.to(input.dtype).contiguous()
    return fused_nll.nll_loss(input, target, weight, ignore_index, reduction)


cross_entropy = row_shortcut(cross_entropy, "cross_entropy", fused.kernel)
nll_loss = row_shortcut(nll_loss, "nll_loss", None)


def _nll_of_learned_weights(input, target, weight, ignore_index, reduction):
    """nll_loss out of differentiable operators: the class weights get a gradient too."""
    dim = 0 if input.dim() == 1 else 1
    kept = target != ignore_index
    index = _safe(target, kept)
    picked = input.gather(dim, index.unsqueeze(dim)).squeeze(dim)
    share = weight[index] * kept
    # where, not a product: the probability of an ignored class may be 0, its logarithm -inf.
    loss = -flambeau.where(kept, picked, flambeau.zeros_like(picked)) * share
    if reduction == "mean":
        return loss.sum() / share.sum()
    return loss.sum() if reduction == "sum" else loss


def _safe(target, kept):
    """target as int64, with 0 where it does not count."""
    target = target.long()
    return flambeau.where(kept, target, flambeau.zeros_like(target))


def _along(weight, dim, ndim):
    """weight (C,) shaped to broadcast along dimension `dim`."""
    return weight.reshape([-1 if i == dim else 1 for i in range(ndim)])


def _check_classes(input, target, weight):
    if target.dtype not in (flambeau.int64, flambeau.uint8):
        raise RuntimeError(f"expected target dtype to be Long or Byte, but got {target.dtype}")
    if input.dim() == 1:
        if target.dim() > 1 or target.numel() != 1:
            raise ValueError(
                f"Expected input batch_size (1) to match target batch_size ({target.size(0)})."
                if target.dim()
                else "Expected a target of one class."
            )
        classes = input.size(0)
    else:
        if target.dim() == 0 or input.size(0) != target.size(0):
            got = target.size(0) if target.dim() else 1
            raise ValueError(
                f"Expected input batch_size ({input.size(0)}) to match target batch_size ({got})."
            )
        expected = (input.size(0), *input.shape[2:])
        if tuple(target.shape) != expected:
            raise RuntimeError(f"Expected target size {list(expected)}, got {list(target.shape)}")
        classes = input.size(1)
    if weight is not None and (weight.dim() != 1 or weight.numel() != classes):
        raise RuntimeError(
            f"weight tensor should be defined either for all {classes} classes or no classes "
            f"but got weight tensor of shape: {list(weight.shape)}"
        )
    if weight is not None and weight.dtype != input.dtype:
        raise RuntimeError(
            f"expected scalar type {input.dtype} but found {weight.dtype}: the weight must have "
            "the dtype of the input"
        )


@full_precision
def binary_cross_entropy(
    input, target, weight=None, size_average=None, reduce=None, reduction="mean"
):
    """-(target * log(input) + (1 - target) * log(1 - input)), logarithms not below -100."""
    reduction = reduction_of(size_average, reduce, reduction)
    check(reduction)
    if target.size() != input.size():
        raise ValueError(
            f"Using a target size ({target.size()}) that is different to the input size "
            f"({input.size()}) is deprecated. Please ensure they have the same size."
        )
    for name, tensor in (("input", input), ("target", target)):
        if tensor.numel() and not bool(((tensor >= 0) & (tensor <= 1)).all()):
            raise RuntimeError(f"all elements of {name} should be between 0 and 1")
    loss = losses.binary_cross_entropy(input, target)
    if weight is not None:
        loss = loss * weight.expand(flambeau.broadcast_shapes(weight.shape, target.shape))
    return reduced(loss, reduction)


@full_precision
def binary_cross_entropy_with_logits(
    input,
    target,
    weight=None,
    size_average=None,
    reduce=None,
    reduction="mean",
    pos_weight=None,
):
    """binary_cross_entropy of sigmoid(input), without overflow.

    pos_weight is a factor for the part of the loss where target is 1.
    """
    reduction = reduction_of(size_average, reduce, reduction)
    check(reduction)
    if target.size() != input.size():
        raise ValueError(
            f"Target size ({target.size()}) must be the same as input size ({input.size()})"
        )
    if pos_weight is None:
        loss = losses.binary_cross_entropy_with_logits(input, target)
    else:
        loss = losses.binary_cross_entropy_with_logits_weighted(input, target, pos_weight)
    if weight is not None:
        loss = loss * weight
    return reduced(loss, reduction)


@full_precision
def soft_margin_loss(input, target, size_average=None, reduce=None, reduction="mean"):
    """log(1 + exp(-target * input)), target 1 or -1."""
    reduction = reduction_of(size_average, reduce, reduction)
    return reduced(flambeau.nn.functional.softplus(-target * input), reduction)


def multilabel_soft_margin_loss(
    input, target, weight=None, size_average=None, reduce=None, reduction="mean"
):
    """The mean over classes of binary cross entropy with logits."""
    reduction = reduction_of(size_average, reduce, reduction)
    loss = losses.binary_cross_entropy_with_logits(input, target.to(input.dtype))
    if weight is not None:
        loss = loss * weight
    return reduced(loss.mean(-1), reduction)


@full_precision
def ctc_loss(
    log_probs,
    targets,
    input_lengths,
    target_lengths,
    blank=0,
    reduction="mean",
    zero_infinity=False,
):
    """-log of the probability of the targets under all alignments; see flambeau.ctc_loss."""
    check(reduction)
    return flambeau.ctc_loss(
        log_probs, targets, input_lengths, target_lengths, blank, reduction, zero_infinity
    )


def linear_cross_entropy(
    input,
    linear_weight,
    target,
    *,
    linear_bias=None,
    weight=None,
    reduction="mean",
    ignore_index=None,
    label_smoothing=0.0,
    options=None,
):
    """cross_entropy of the scores input @ linear_weight.T + linear_bias.

    Shape: input (N, F) or (F), linear_weight (C, *S, F), linear_bias (C, *S); the scores are (N, C, *S).
    options, which in PyTorch choose how the work is cut into pieces, change nothing here.
    """
    if input.dim() not in (1, 2):
        raise RuntimeError(
            f"linear_cross_entropy: expected input with dimensionality 1 or 2, got {input.dim()}"
        )
    if linear_weight.dim() > 2 and input.dim() < 2:
        raise RuntimeError(
            f"linear_cross_entropy: K-dimensional loss defined by linear_weight shape "
            f"{tuple(linear_weight.shape)} requires batched input, got {tuple(input.shape)}"
        )
    soft = target.dtype.is_floating_point
    if soft and target.dim() and input.dim() > 1 and input.size(0) != target.size(0):
        raise ValueError(
            f"Expected input batch_size ({input.size(0)}) to match target batch_size ({target.size(0)})."
        )
    *classes, features = linear_weight.shape
    scores = input @ linear_weight.reshape(math.prod(classes), features).T
    scores = scores.reshape(*input.shape[:-1], *linear_weight.shape[:-1])
    if linear_bias is not None:
        scores = scores + linear_bias
    return cross_entropy(
        scores,
        target,
        weight,
        ignore_index=-100 if ignore_index is None else ignore_index,
        reduction=reduction,
        label_smoothing=label_smoothing,
    )
