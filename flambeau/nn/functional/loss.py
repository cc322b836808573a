"""Losses of regression: a target value for each element of the input."""

import math

import flambeau

from ... import _core
from ...ops import losses
from ...ops.core.arguments import check_broadcast, common_shape, some
from ...ops.core.autocast import full_precision
from .reduction import check, reduced, reduction_of, warn_unless_same_size, weighted


@full_precision
def mse_loss(input, target, size_average=None, reduce=None, reduction="mean", weight=None):
    """(input - target)**2. With `weight`, the mean is weighted."""
    if size_average is not None or reduce is not None:
        reduction = reduction_of(size_average, reduce, reduction)
    if input.shape != target.shape:
        warn_unless_same_size("mse_loss", input, target)
    if weight is None and reduction != "none":
        if input.shape != target.shape:
            sizes = common_shape("mse_loss", input.shape, target.shape)
            input = input if input.shape == sizes else input.expand(sizes)
            target = target if target.shape == sizes else target.expand(sizes)
        dtype = flambeau.promote_types(input.dtype, target.dtype)
        if dtype.is_floating_point:
            check(reduction, "mse_loss")
            return losses.mse_loss(input.to(dtype), target.to(dtype), reduction == "mean")
    if input.dtype.is_complex or target.dtype.is_complex:
        raise NotImplementedError(
            f"mse_loss: input is {input.dtype} and target {target.dtype}, but squares of complex numbers are no "
            "distances. Use (input - target).abs().square()."
        )
    loss = losses.squared_error(input, target)
    return (
        reduced(loss, reduction, "mse_loss")
        if weight is None
        else weighted("mse_loss", loss, weight, reduction)
    )


mse_loss = losses.mse_way(mse_loss)


@full_precision
def l1_loss(input, target, size_average=None, reduce=None, reduction="mean", weight=None):
    """|input - target|. With `weight`, the mean is weighted."""
    reduction = reduction_of(size_average, reduce, reduction)
    warn_unless_same_size("l1_loss", input, target)
    loss = (input - target).abs()
    return (
        reduced(loss, reduction, "l1_loss")
        if weight is None
        else weighted("l1_loss", loss, weight, reduction)
    )


@full_precision
def smooth_l1_loss(input, target, size_average=None, reduce=None, reduction="mean", beta=1.0):
    """d**2 / (2 * beta) where d = |input - target| < beta, else d - beta / 2."""
    reduction = reduction_of(size_average, reduce, reduction)
    warn_unless_same_size("smooth_l1_loss", input, target)
    if beta < 0:
        raise RuntimeError(f"smooth_l1_loss: beta is {beta}; it must be 0 or more.")
    if beta == 0:
        return l1_loss(input, target, reduction=reduction)
    return reduced(losses.smooth_l1(input, target, beta), reduction, "smooth_l1_loss")


@full_precision
def huber_loss(input, target, reduction="mean", delta=1.0, weight=None):
    """d**2 / 2 where d = |input - target| < delta, else delta * (d - delta / 2)."""
    warn_unless_same_size("huber_loss", input, target)
    if not isinstance(delta, (int, float)):
        raise TypeError(f"huber_loss: delta must be one real number, not {type(delta).__name__}.")
    if not delta > 0:
        raise RuntimeError(f"huber_loss: delta is {delta}; it must be above 0.")
    if not (input.is_floating_point() or target.is_floating_point()):
        raise NotImplementedError(
            f"huber_loss: input is {input.dtype} and target {target.dtype}; one must be floating. "
            "Convert it with .float() first."
        )
    if target.is_floating_point() and not input.is_floating_point():
        raise RuntimeError(
            f"huber_loss: input is {input.dtype}, and its loss to {target.dtype} is no integer. Convert it "
            "with .float() first."
        )
    loss = losses.huber(input, target, delta).to(input.dtype)
    if weight is None:
        return reduced(loss, reduction, "huber_loss")
    if weight.size() != input.size():
        raise ValueError(
            f"mse_loss: weight {tuple(weight.shape)} must have the shape of input, "
            f"{tuple(input.shape)}."
        )
    return reduced(loss * weight, reduction, "huber_loss")


@full_precision
def poisson_nll_loss(
    input, target, log_input=True, full=False, size_average=None, eps=1e-8, reduce=None,
    reduction="mean",
):  # fmt: skip
    """Negative log likelihood of counts `target` under a Poisson distribution of rate exp(input).

    Without `log_input` the rate is the input itself. `full` adds Stirling's estimate of
    log(target!) where target > 1.
    """
    reduction = reduction_of(size_average, reduce, reduction)
    check(reduction, "poisson_nll_loss")
    check_broadcast("poisson_nll_loss", input, target)
    if log_input:
        loss = input.exp() - target * input
    else:
        loss = input - target * (input + eps).log()
    if full:
        stirling = target * target.log() - target + 0.5 * (2 * math.pi * target).log()
        loss = loss + flambeau.where(target > 1, stirling, flambeau.zeros_like(stirling))
    return reduced(loss, reduction, "poisson_nll_loss")


def gaussian_nll_loss(input, target, var, full: object = False, eps=1e-6, reduction="mean"):
    """Negative log likelihood of `target` under a normal distribution of mean input, variance var.

    (log(var) + (input - target)**2 / var) / 2, var not below eps; `full` adds log(2 pi) / 2.
    """
    if isinstance(var, (int, float)):
        if var < 0:
            raise ValueError(f"gaussian_nll_loss: var is {var}; it must be 0 or more.")
        var = flambeau.full_like(input, var)
    else:
        if var.size() != input.size():
            if input.size()[:-1] == var.size():
                var = var.unsqueeze(-1)
            elif var.dim() != input.dim() or any(
                v not in (1, n) for v, n in zip(var.shape, input.shape, strict=True)
            ):
                raise ValueError(
                    f"gaussian_nll_loss: var {tuple(var.shape)} must be {tuple(input.shape)} as "
                    "input, or have 1 as last size, or lack it."
                )
        if some(var < 0):
            raise ValueError("gaussian_nll_loss: var holds numbers below 0.")
    check(reduction, "gaussian_nll_loss")
    check_broadcast("gaussian_nll_loss", input, target)
    # The limit is applied without a gradient of its own, so that var below eps still learns.
    limited = var.clone()
    with flambeau.no_grad():
        limited.clamp_(min=eps)
    loss = 0.5 * (limited.log() + (input - target) ** 2 / limited)
    if full:
        loss = loss + 0.5 * math.log(2 * math.pi)
    return reduced(loss, reduction, "gaussian_nll_loss")


@full_precision
def kl_div(input, target, size_average=None, reduce=None, reduction="mean", log_target=False):
    """target * (log(target) - input), input holding logarithms; 0 where target is 0.

    reduction "batchmean" is the divergence as defined: the sum divided by the size of dimension 0.
    """
    if size_average is not None or reduce is not None:
        reduction = reduction_of(size_average, reduce, reduction)
    elif reduction == "mean":
        _core._warn(
            "kl_div: reduction='mean' divides by all elements, which is not the divergence. Use "
            "reduction='batchmean'."
        )
    for name, given in (("input", input), ("target", target)):
        if not given.is_floating_point():
            raise RuntimeError(
                f"kl_div: {name} is {given.dtype}, but it must be floating. Convert it with .float()."
            )
    check_broadcast("kl_div", input, target)
    if log_target:
        loss = target.exp() * (target - input)
    else:
        loss = flambeau.xlogy(target, target) - target * input
    if reduction == "batchmean":
        return loss.sum() / input.size(0) if input.dim() != 0 else loss.sum()
    return reduced(loss, reduction, "kl_div")
