"""Rules of losses, embeddings and what else stands for itself."""

from ... import _core
from .. import cross_entropy, ctc, nll
from ..core import operators as fl
from .values import folded, joint_levels, rule, unfolded


@rule(cross_entropy._loss)
def _(input, target, ignored, reduction, smoothing):
    """Out of differentiable operators: classes along dim 1 of (N, C), targets (N,)."""
    logs = input.log_softmax(1)
    return _reduced(logs, target, None, ignored, reduction, smoothing)


@rule(ctc.ctc_loss)
def _(
    log_probs, targets, input_lengths, target_lengths, blank=0, reduction="mean",
    zero_infinity=False,
):  # fmt: skip
    """All slices are samples of one batch."""
    levels = joint_levels(log_probs, targets, input_lengths, target_lengths)
    single = log_probs.dim() == 2
    scores = folded(log_probs.unsqueeze(1) if single else log_probs, levels)  # (B, T, N, C)
    count, _, samples, _ = scores.shape
    scores = scores.movedim(0, 1).flatten(1, 2)  # (T, B * N, C)
    lengths = []
    for given in (input_lengths, target_lengths):
        given = _core.as_tensor(given, device="cpu").reshape(-1).expand(samples)
        lengths.append(folded(given, levels).reshape(-1))
    labels = folded(targets, levels)
    if targets.dim() == 1 and not single:  # one sample after another: of each slice what counts
        of_slices = lengths[1].reshape(count, samples).sum(1).tolist()
        labels = fl.cat([row[:n] for row, n in zip(labels, of_slices, strict=True)])
    else:
        labels = labels.reshape(count * samples, -1)
    losses = ctc.ctc_loss(scores, labels, *lengths, blank, "none", zero_infinity)
    losses = unfolded(losses.reshape(count, samples), levels)
    if reduction == "mean":
        shares = unfolded(lengths[1].reshape(count, samples), levels).clamp(min=1)
        return (losses / shares.to(losses)).mean()
    if reduction == "sum":
        return losses.sum()
    return losses.squeeze(0) if single else losses


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
    dim = 1 if logs.dim() > 1 else 0
    kept = target != ignored
    place = fl.where(kept, target, 0)
    loss = -logs.gather(dim, place.unsqueeze(dim)).squeeze(dim)
    share = kept.to(logs.dtype)
    if weight is not None:
        share = share * weight[place]
    if smoothing:
        loss = (1 - smoothing) * loss - smoothing / max(logs.size(dim), 1) * logs.sum(dim)
    loss = fl.where(kept, loss * share, 0)
    if reduction == "none":
        return loss
    total = loss.sum()
    return total / share.sum() if reduction == "mean" else total
