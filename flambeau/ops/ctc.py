"""Connectionist temporal classification: the likelihood of a sequence of labels under all its alignments."""

from .core import operators as fl
from .core.declare import composite, primitive
from .linalg.lapack import array, tensor


def _shifted(values, by, fill):
    """values[n, s - by], `fill` where there is none."""
    import numpy

    out = numpy.full_like(values, fill)
    if by > 0:
        out[:, by:] = values[:, :-by]
    else:
        out[:, :by] = values[:, -by:]
    return out


class _Lattice:
    """Labels with blanks between them, (N, 2 * L + 1), and the steps that an alignment may take."""

    def __init__(self, log_probs, labels, input_lengths, target_lengths, blank):
        import numpy

        n, longest = labels.shape
        extended = numpy.full((n, 2 * longest + 1), blank)
        extended[:, 1::2] = labels
        places = numpy.arange(2 * longest + 1)
        ends = 2 * target_lengths[:, None]
        self.states, self.extended = places <= ends, extended
        # Two steps at once are allowed onto a label that differs from the one before (blanks never do).
        self.skip = (places >= 2) & (extended != _shifted(extended, 2, blank))
        self.last = (places == ends) | (places == ends - 1)
        self.input_lengths = input_lengths
        # (T, N, 2 * L + 1)
        index = numpy.broadcast_to(extended, (log_probs.shape[0], *extended.shape))
        self.emitted = numpy.take_along_axis(log_probs, index, 2)
        self.emitted[:, ~self.states] = -numpy.inf

    def forward(self):
        """log of the sum over the alignments up to t that end in each state: (T, N, 2 * L + 1)."""
        import numpy

        alpha = numpy.full_like(self.emitted, -numpy.inf)
        if len(alpha):
            alpha[0, :, :2] = self.emitted[0, :, :2]
        for t in range(1, len(alpha)):
            before = alpha[t - 1]
            total = numpy.logaddexp(before, _shifted(before, 1, -numpy.inf))
            skipped = numpy.where(self.skip, _shifted(before, 2, -numpy.inf), -numpy.inf)
            alpha[t] = numpy.logaddexp(total, skipped) + self.emitted[t]
        return alpha

    def backward(self):
        """log of the sum over the alignments from t on that begin in each state: (T, N, 2 * L + 1)."""
        import numpy

        beta = numpy.full_like(self.emitted, -numpy.inf)
        for t in reversed(range(len(beta))):
            if t + 1 < len(beta):
                after = beta[t + 1]
                total = numpy.logaddexp(after, _shifted(after, -1, -numpy.inf))
                allowed = numpy.where(self.skip, after, -numpy.inf)
                beta[t] = (
                    numpy.logaddexp(total, _shifted(allowed, -2, -numpy.inf)) + self.emitted[t]
                )
            ending = (self.input_lengths == t + 1)[:, None]
            beta[t] = numpy.where(ending & self.last, self.emitted[t], beta[t])
        return beta


def _lattice(log_probs, labels, input_lengths, target_lengths, blank):
    values = array(log_probs)
    return values, _Lattice(values, labels, input_lengths, target_lengths, blank)


@primitive(method=False, function=False)
def _ctc(ctx, log_probs, labels, input_lengths, target_lengths, blank, zero_infinity):
    """-log likelihood of each sample: (N,)."""
    if log_probs.is_meta:
        ctx.save_for_backward(log_probs, loss := log_probs.new_empty(log_probs.size(1)))
        ctx.rest = labels, input_lengths, target_lengths, blank, zero_infinity
        return loss
    import numpy

    with numpy.errstate(all="ignore"):
        values, lattice = _lattice(log_probs, labels, input_lengths, target_lengths, blank)
        alpha = lattice.forward()
        n = numpy.arange(len(labels))
        if len(alpha):
            final = numpy.where(
                lattice.last, alpha[numpy.maximum(input_lengths, 1) - 1, n], -numpy.inf
            )
            loss = -numpy.logaddexp.reduce(final, 1)
        else:
            loss = numpy.full(len(labels), numpy.inf)
        loss = numpy.where(
            input_lengths == 0, numpy.where(target_lengths == 0, 0.0, numpy.inf), loss
        )
        loss = tensor(loss.astype(values.dtype), log_probs)
    ctx.save_for_backward(log_probs, loss)
    ctx.rest = labels, input_lengths, target_lengths, blank, zero_infinity
    return loss


@_ctc.derivative
def _(ctx, grad_output):
    log_probs, loss = ctx.saved
    return (
        _ctc_backward(grad_output, log_probs, loss, ctx.rest),
        None,
        None,
        None,
        None,
        None,
    )


@primitive(method=False, function=False)
def _ctc_backward(ctx, grad_output, log_probs, loss, rest):
    if log_probs.is_meta:
        return fl.empty(log_probs.shape, dtype=log_probs.dtype, device="meta")
    # As in PyTorch, the gradient is that of the scores behind log_softmax: exp(log_probs) less the
    # expected counts. The two agree once log_softmax's own gradient is applied.
    import numpy

    labels, input_lengths, target_lengths, blank, zero_infinity = rest
    with numpy.errstate(all="ignore"):
        values, lattice = _lattice(log_probs, labels, input_lengths, target_lengths, blank)
        both = lattice.forward() + lattice.backward()
        counts = numpy.full_like(values, -numpy.inf)
        for s in range(both.shape[2]):
            place = lattice.extended[None, :, s : s + 1]
            index = numpy.broadcast_to(place, (len(values), len(labels), 1))
            have = numpy.take_along_axis(counts, index, 2)
            joined = numpy.logaddexp(have, both[:, :, s : s + 1])
            numpy.put_along_axis(counts, index, joined, 2)
        nll = array(loss)[:, None]
        grad = numpy.exp(values) - numpy.exp(counts + nll - values)
        grad *= array(grad_output)[:, None]
        grad[numpy.arange(len(values))[:, None] >= input_lengths] = 0
        if zero_infinity:
            grad[:, numpy.isinf(nll[:, 0])] = 0
    return tensor(grad.astype(values.dtype), log_probs)


def _lengths(name, lengths, count):
    import numpy

    if hasattr(lengths, "dtype") and (lengths.dtype.is_floating_point or lengths.dtype.is_complex):
        raise RuntimeError(f"ctc_loss: {name} must hold integers, but is {lengths.dtype}.")
    values = numpy.asarray(lengths.tolist() if hasattr(lengths, "tolist") else list(lengths))
    values = values.astype("int64").reshape(-1)
    if len(values) != count:
        raise RuntimeError(f"ctc_loss: {name} must hold one length for each sequence of the batch.")
    if (values < 0).any():
        raise RuntimeError(f"ctc_loss: {name} holds {values.min()}; lengths must be 0 or more.")
    return values


def _padded_labels(targets, target_lengths, count):
    """The labels (N, longest) of targets (N, S), or of all samples one after the other."""
    import numpy

    values = array(targets).astype("int64")
    longest = int(target_lengths.max()) if count else 0
    labels = numpy.zeros((count, longest), "int64")
    if values.ndim == 1:
        if len(values) < target_lengths.sum():
            raise RuntimeError("ctc_loss: targets hold fewer labels than target_lengths say.")
        starts = numpy.cumsum(target_lengths) - target_lengths
        rows = [values[s : s + n] for s, n in zip(starts, target_lengths, strict=True)]
    else:
        if values.shape[0] != count or values.shape[1] < longest:
            raise RuntimeError(
                f"ctc_loss: target_lengths reach {longest}, but targets {tuple(values.shape)} have "
                f"only {values.shape[-1]} labels in a row."
            )
        rows = [row[:n] for row, n in zip(values, target_lengths, strict=True)]
    for i, row in enumerate(rows):
        labels[i, : len(row)] = row
    return labels


def _checked(targets, input_lengths, target_lengths, T, N, C):
    """(labels, input lengths, target lengths) as arrays."""
    input_lengths = _lengths("input_lengths", input_lengths, N)
    target_lengths = _lengths("target_lengths", target_lengths, N)
    if (input_lengths > T).any():
        raise RuntimeError(
            f"ctc_loss: input_lengths reach {input_lengths.max()}, but log_probs have only {T} "
            "steps."
        )
    labels = _padded_labels(targets, target_lengths, N)
    if labels.size and not ((labels >= 0) & (labels < C)).all():
        raise RuntimeError(
            f"ctc_loss: targets hold labels outside of 0 to {C - 1}, those that log_probs have."
        )
    return labels, input_lengths, target_lengths


@composite(method=False, out=False)
def ctc_loss(
    log_probs,
    targets,
    input_lengths,
    target_lengths,
    blank=0,
    reduction="mean",
    zero_infinity=False,
):
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
    T, N, C = log_probs.shape
    if not 0 <= blank < C:
        raise RuntimeError(
            f"ctc_loss: blank is {blank}, but log_probs have the labels 0 to {C - 1}."
        )
    labels, input_lengths, target_lengths = (
        (targets, input_lengths, target_lengths)
        if log_probs.is_meta
        else _checked(targets, input_lengths, target_lengths, T, N, C)
    )
    loss = _ctc(log_probs, labels, input_lengths, target_lengths, blank, zero_infinity)
    if zero_infinity:
        loss = fl.where(loss.detach().isinf(), fl.zeros_like(loss), loss)
    if reduction in ("mean", 1):
        if loss.is_meta:
            return loss.mean()
        lengths = tensor(target_lengths.clip(1).astype(array(loss).dtype), loss)
        return (loss / lengths).mean()
    if reduction in ("sum", 2):
        return loss.sum()
    return loss if batch else loss.squeeze(0)
