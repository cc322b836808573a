"""Losses of classification: a target class, or the probability of each class."""

import math

import flambeau

from ...ops import cross_entropy as fused
from ...ops import losses
from ...ops import nll as fused_nll
from ...ops.core.arguments import check_broadcast, common_shape, every
from ...ops.core.autocast import full_precision
from ...ops.core.ways import by_dtype, native_way
from .reduction import check, reduced, reduction_of


@full_precision
def cross_entropy(
    input, target, weight=None, size_average=None, ignore_index=-100, reduce=None, reduction="mean",
    label_smoothing=0.0,
):  # fmt: skip
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
        raise RuntimeError(
            f"cross_entropy: label_smoothing is {label_smoothing}; it must be from 0 to 1."
        )
    check(reduction, "cross_entropy")
    if input.dim() == 0:
        raise RuntimeError(
            "cross_entropy: input is 0-dim; it must be scores (N, C, ...), or (C,) without a batch."
        )
    dim = 0 if input.dim() == 1 else 1
    if target.shape == input.shape:
        return _soft_cross_entropy(
            input, target, weight, dim, ignore_index, reduction, label_smoothing
        )
    _check_classes("cross_entropy", input, target, weight)
    shares = label_smoothing == 0.0 or input.size(dim) > 0
    if weight is None and input.dim() == 2 and shares:
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
    spread = spread.where(kept, 0.0)  # neither NaN nor an infinity of what is left out counts
    if reduction == "mean":
        weighted = weight is not None and weight.numel()
        count = weight[_safe(target, kept)] * kept if weighted else kept
        spread = spread.sum() / count.sum()
    elif reduction == "sum":
        spread = spread.sum()
    return (1 - label_smoothing) * loss + _share(label_smoothing, input.size(dim)) * spread


def _share(smoothing, classes):
    return (
        smoothing / classes if classes else math.inf
    )  # nothing is spread over no classes: NaN, as in PyTorch


def _soft_cross_entropy(input, target, weight, dim, ignore_index, reduction, label_smoothing):
    if not target.is_floating_point():
        raise RuntimeError(
            "cross_entropy: target has the shape of input and so holds probabilities, but it is "
            f"{target.dtype}. Convert it with .float(), or give classes (N,)."
        )
    if ignore_index >= 0:
        raise RuntimeError(
            "cross_entropy: ignore_index needs classes as target, not probabilities."
        )
    classes = input.size(dim)
    if weight is not None and (weight.dim() != 1 or weight.numel() != classes):
        raise RuntimeError(
            f"cross_entropy: weight {tuple(weight.shape)} must be ({classes},), one for each class."
        )
    if label_smoothing > 0.0:
        target = target * (1 - label_smoothing) + _share(label_smoothing, classes)
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
    input, target, weight=None, size_average=None, ignore_index=-100, reduce=None, reduction="mean"
):
    """-weight[target] * input[target], input holding the logarithm of each class's probability.

    Shapes as in cross_entropy. The mean divides by the sum of the weights that took part.
    """
    if size_average is not None or reduce is not None:
        reduction = reduction_of(size_average, reduce, reduction)
    check(reduction, "nll_loss")
    _check_classes("nll_loss", input, target, weight)
    if weight is not None and weight.requires_grad:
        return _nll_of_learned_weights(input, target, weight, ignore_index, reduction)
    if input.dtype not in fused.REAL_DTYPES or target.numel() * input.size(
        1 if input.dim() > 1 else 0
    ) != (input.numel()):
        raise RuntimeError(
            f"nll_loss: takes floating scores (N, C, ...) and targets (N, ...), not {input.dtype} "
            f"{tuple(input.shape)} and {tuple(target.shape)}."
        )
    if target.dtype is not flambeau.int64:
        target = target.long()
    if weight is not None:
        if weight.dim() != 1 or weight.numel() != input.size(1 if input.dim() > 1 else 0):
            raise RuntimeError(
                f"nll_loss: weight {tuple(weight.shape)} must be ({input.size(-1)},), one for each "
                "class."
            )
        weight = weight.to(input.dtype).contiguous()
    return fused_nll.nll_loss(input, target, weight, ignore_index, reduction)


cross_entropy = native_way(cross_entropy, "cross_entropy", by_dtype(fused.kernel), fused.backward)
nll_loss = native_way(nll_loss, "nll_loss", fused_nll.backward)


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


def _check_classes(name, input, target, weight):
    if input.dim() == 0:
        raise ValueError(f"{name}: input is a single number; it takes (C,) or (N, C, ...) scores.")
    if target.dtype not in (flambeau.int64, flambeau.uint8):
        raise RuntimeError(
            f"{name}: target is {target.dtype}, but classes are int64. Convert it with .long()."
        )
    if input.dim() == 1:
        if target.dim() > 1 or target.numel() != 1:
            raise ValueError(
                f"{name}: input {tuple(input.shape)} is one sample without a batch, but target "
                f"{tuple(target.shape)} holds {target.size(0)} classes. unsqueeze(0) the input, or "
                "give one class."
                if target.dim()
                else f"{name}: input {tuple(input.shape)} is one sample without a batch, so target must "
                "be one class."
            )
        classes = input.size(0)
    else:
        if target.dim() == 0 or input.size(0) != target.size(0):
            got = target.size(0) if target.dim() else 1
            raise ValueError(
                f"{name}: input {tuple(input.shape)} has a batch of {input.size(0)}, but target "
                f"{tuple(target.shape)} one of {got}. There must be one class for each sample."
            )
        expected = (input.size(0), *input.shape[2:])
        if tuple(target.shape) != expected:
            raise RuntimeError(
                f"{name}: target {tuple(target.shape)} must be {tuple(expected)} for input "
                f"{tuple(input.shape)}: (N, C, ...) takes (N, ...)."
            )
        classes = input.size(1)
    if weight is not None and (weight.dim() != 1 or weight.numel() != classes):
        raise RuntimeError(
            f"{name}: weight {tuple(weight.shape)} must be ({classes},), one for each class."
        )
    if weight is not None and weight.dtype != input.dtype:
        raise RuntimeError(
            f"{name}: weight is {weight.dtype} but input {input.dtype}. Convert weight with "
            ".to(input.dtype)."
        )


def _check_same_shape(name, input, target):
    if target.size() != input.size():
        raise ValueError(
            f"{name}: target {tuple(target.shape)} must have the shape of input, "
            f"{tuple(input.shape)}. unsqueeze or squeeze one of them."
        )


@full_precision
def binary_cross_entropy(
    input, target, weight=None, size_average=None, reduce=None, reduction="mean"
):
    """-(target * log(input) + (1 - target) * log(1 - input)), logarithms not below -100."""
    reduction = reduction_of(size_average, reduce, reduction)
    check(reduction, "binary_cross_entropy")
    _check_same_shape("binary_cross_entropy", input, target)
    for name, tensor in (("input", input), ("target", target)):
        if tensor.numel() and not every((tensor >= 0) & (tensor <= 1)):
            raise RuntimeError(
                f"binary_cross_entropy: {name} holds numbers outside of 0 to 1. For scores that "
                "are not probabilities use binary_cross_entropy_with_logits."
            )
    loss = losses.binary_cross_entropy(input, target)
    if weight is not None:
        loss = loss * weight.expand(
            common_shape("binary_cross_entropy", weight.shape, target.shape)
        )
    return reduced(loss, reduction, "binary_cross_entropy")


@full_precision
def binary_cross_entropy_with_logits(
    input, target, weight=None, size_average=None, reduce=None, reduction="mean", pos_weight=None
):
    """binary_cross_entropy of sigmoid(input), without overflow.

    pos_weight is a factor for the part of the loss where target is 1.
    """
    reduction = reduction_of(size_average, reduce, reduction)
    check(reduction, "binary_cross_entropy_with_logits")
    _check_same_shape("binary_cross_entropy_with_logits", input, target)
    if pos_weight is None:
        loss = losses.binary_cross_entropy_with_logits(input, target)
    else:
        loss = losses.binary_cross_entropy_with_logits_weighted(input, target, pos_weight)
    if weight is not None:
        loss = loss * weight
    if loss.dtype is not target.dtype and target.is_floating_point():
        loss = loss.to(target.dtype)
    return reduced(loss, reduction, "binary_cross_entropy_with_logits")


@full_precision
def soft_margin_loss(input, target, size_average=None, reduce=None, reduction="mean"):
    """log(1 + exp(-target * input)), target 1 or -1."""
    reduction = reduction_of(size_average, reduce, reduction)
    check_broadcast("soft_margin_loss", input, target)
    if not input.is_floating_point():
        raise RuntimeError(
            f"soft_margin_loss: input is {input.dtype}, but it must be floating. Convert it with .float() first."
        )
    products = -target * input
    if products.shape != input.shape:
        raise RuntimeError(
            f"soft_margin_loss: target {tuple(target.shape)} does not fit into input {tuple(input.shape)}. "
            "Give one target for each element."
        )
    loss = flambeau.nn.functional.softplus(products).to(input.dtype)
    return reduced(loss, reduction, "soft_margin_loss")


def multilabel_soft_margin_loss(
    input, target, weight=None, size_average=None, reduce=None, reduction="mean"
):
    """The mean over classes of binary cross entropy with logits."""
    reduction = reduction_of(size_average, reduce, reduction)
    if input.dim() == 0:
        raise IndexError(
            "multilabel_soft_margin_loss: input is one number; it must be (*, classes)."
        )
    check_broadcast("multilabel_soft_margin_loss", input, target)
    loss = losses.sigmoid_cross_entropy(input, target.to(input.dtype))
    if weight is not None:
        loss = loss * weight
    # The classes are input's: a broadcast target makes no more of them.
    return reduced(loss.sum(-1) / input.size(-1), reduction, "multilabel_soft_margin_loss")


@full_precision
def ctc_loss(
    log_probs, targets, input_lengths, target_lengths, blank=0, reduction="mean",
    zero_infinity=False,
):  # fmt: skip
    """-log of the probability of the targets under all alignments; see flambeau.ctc_loss."""
    check(reduction, "ctc_loss")
    return flambeau.ctc_loss(
        log_probs, targets, input_lengths, target_lengths, blank, reduction, zero_infinity
    )


def linear_cross_entropy(
    input, linear_weight, target, *, linear_bias=None, weight=None, reduction="mean",
    ignore_index=None, label_smoothing=0.0, options=None,
):  # fmt: skip
    """cross_entropy of the scores input @ linear_weight.T + linear_bias.

    Shape: input (N, F) or (F), linear_weight (C, *S, F), linear_bias (C, *S); the scores are (N, C, *S).
    options, which in PyTorch choose how the work is cut into pieces, change nothing here.
    """
    if isinstance(options, (bool, int, float, str, tuple, list)):
        raise TypeError(
            f"linear_cross_entropy: options takes an object of options or None, but got {options!r}."
        )
    if input.dim() not in (1, 2):
        raise RuntimeError(
            f"linear_cross_entropy: input {tuple(input.shape)} must be (N, features), or "
            "(features,) without a batch."
        )
    if linear_weight.dim() > 2 and input.dim() < 2:
        raise RuntimeError(
            f"linear_cross_entropy: linear_weight {tuple(linear_weight.shape)} gives a loss over "
            f"several places, which takes input with a batch, not {tuple(input.shape)}."
        )
    soft = target.dtype.is_floating_point
    if soft and target.dim() and input.dim() > 1 and input.size(0) != target.size(0):
        raise ValueError(
            f"linear_cross_entropy: input has a batch of {input.size(0)}, but target one of "
            f"{target.size(0)}. There must be one class for each sample."
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
