"""Connectionist temporal classification: the likelihood of a sequence of labels under all its alignments."""

from .. import _core
from .core import operators as fl
from .core.declare import composite, primitive
from .cross_entropy import REDUCTIONS


@primitive(method=False, function=False)
def _ctc(ctx, log_probs, targets, input_lengths, target_lengths, blank, reduction, finite):
    """The reduced -log likelihood of each sample."""
    ctx.rest = blank, reduction, finite
    loss, *kept = _core._ctc(log_probs, targets, input_lengths, target_lengths, *ctx.rest)
    ctx.save_for_backward(log_probs, *kept)
    return loss


@_ctc.derivative
def _(ctx, grad_output):
    return (_ctc_backward(grad_output, *ctx.saved, ctx.rest), *(None,) * 6)


@primitive(method=False, function=False)
def _ctc_backward(ctx, grad_output, log_probs, losses, alpha, lengths, rest):
    # As in PyTorch, the gradient is that of the scores behind log_softmax: exp(log_probs) less the
    # expected counts. The two agree once log_softmax's own gradient is applied.
    return _core._ctc_backward(grad_output, log_probs, losses, alpha, lengths, *rest)


def _lengths(name, lengths):
    if isinstance(lengths, _core.Tensor):
        if lengths.dtype.is_floating_point or lengths.dtype.is_complex:
            raise RuntimeError(f"ctc_loss: {name} must hold integers, but is {lengths.dtype}.")
        return () if lengths.is_meta else lengths.reshape(-1).tolist()
    return lengths.ravel().tolist() if hasattr(lengths, "ravel") else tuple(lengths)


@composite(method=False, out=False)
def ctc_loss(
    log_probs, targets, input_lengths, target_lengths, blank=0, reduction="mean",
    zero_infinity=False,
):  # fmt: skip
    """-log of the probability of the targets under all alignments with the inputs.

    Args:
        log_probs (Tensor): (T, N, C) or (T, C), as log_softmax gives them.
        targets (Tensor): labels (N, S), or all of them in one vector.
        input_lengths, target_lengths (Tensor or tuple): (N,), how much of each sample counts.
        blank (int): the class that stands between labels.
        reduction (str): "none", "sum", or "mean": each loss over its target length, then their mean.
        zero_infinity (bool): losses of targets that do not fit their inputs are 0 rather than infinite.

    Source: Graves et al., "Connectionist temporal classification", ICML 2006.
    """
    if not log_probs.dtype.is_floating_point or log_probs.dtype in (fl.float16, fl.bfloat16):
        raise RuntimeError(
            f"ctc_loss: log_probs is {log_probs.dtype}, but it must be floating. Convert it with "
            ".float() first."
        )
    if log_probs.numel() == 0:
        raise RuntimeError(
            f"ctc_loss: log_probs {tuple(log_probs.shape)} has no elements. Leave an empty batch out."
        )
    if targets.dtype.is_floating_point or targets.dtype.is_complex:
        raise RuntimeError(
            f"ctc_loss: targets are {targets.dtype}, but labels are integers. Convert them with "
            ".long()."
        )
    batch = log_probs.dim() == 3
    if not batch:
        log_probs = log_probs.unsqueeze(1)
    if not 0 <= blank < log_probs.size(2):
        raise RuntimeError(
            f"ctc_loss: blank is {blank}, but log_probs have the labels 0 to "
            f"{log_probs.size(2) - 1}."
        )
    if targets.device != log_probs.device and not log_probs.is_meta:
        targets = targets.to(log_probs.device)
    loss = _ctc(
        log_probs,
        targets,
        _lengths("input_lengths", input_lengths),
        _lengths("target_lengths", target_lengths),
        blank,
        REDUCTIONS.get(reduction, reduction),
        bool(zero_infinity),
    )
    return loss if batch or loss.dim() == 0 else loss.squeeze(0)
