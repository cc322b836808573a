"""Rules of losses, embeddings and what else stands for itself."""

from .. import cross_entropy, ctc, nll
from .values import rule


@rule(cross_entropy._loss)
def _(input, target, ignored, reduction, smoothing):
    """Out of differentiable operators: classes along dim 1 of (N, C), targets (N,)."""
    logs = input.log_softmax(1)
    return _reduced(logs, target, None, ignored, reduction, smoothing)


@rule(ctc._ctc_backward)
def _(grad_output, log_probs, losses, alpha, lengths, rest):
    """The gradient is linear in grad_output; log_probs is what all slices share."""
    ones = losses.new_ones(grad_output.shape)
    whole = ctc._ctc_backward(ones, log_probs, losses, alpha, lengths, rest)
    return whole * (grad_output.unsqueeze(-1) if grad_output.dim() else grad_output)


@rule(nll._loss)
def _(input, target, weight, ignored, reduction):
    return _reduced(input, target, weight, ignored, reduction, 0.0)


def _reduced(logs, target, weight, ignored, reduction, smoothing):
    from ..core import operators as fl

    dim = 1 if logs.dim() > 1 else 0
    kept = target != ignored
    place = fl.where(kept, target, 0)
    loss = -logs.gather(dim, place.unsqueeze(dim)).squeeze(dim)
    share = kept.to(logs.dtype)
    if weight is not None:
        share = share * weight[place]
    if smoothing:
        loss = (1 - smoothing) * loss - smoothing / logs.size(dim) * logs.sum(dim)
    loss = fl.where(kept, loss * share, 0)
    if reduction == "none":
        return loss
    total = loss.sum()
    return total / share.sum() if reduction == "mean" else total
