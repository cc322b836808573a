"""Connectionist temporal classification on GPUs. A label that is no class is reported as an index out of range is."""

from ... import _core
from .launch import function, launch, on_meta, report
from .rules import rule

_REAL = (_core.float32, _core.float64)
_MEAN, _NONE = 1, 0


class _Call:
    """What the kernels get of one batch."""

    def __init__(self, log_probs, lengths, starts, row, blank):
        self.log_probs, self.lengths, self.starts = log_probs.contiguous(), lengths, starts
        self.sizes = [*log_probs.shape, blank, row, 0]
        self.dtype, self.device = log_probs.dtype, log_probs.device

    def run(self, kind, size, tensors):
        from ...kernels.gpu import ctc

        key = self.dtype.name, size
        write = lambda: getattr(ctc, "write_" + kind)(*key)
        index = self.device.index
        found = function("ctc_loss", ("ctc", kind, *key), write, index)
        blocks = min(self.sizes[1], 65535)
        _core._cuda_launch(found, "ctc_loss", index, blocks, ctc.THREADS, 0, [self.sizes, tensors])


def _capacity(dtype, row):
    from ...kernels.gpu import ctc

    return ctc.capacity(dtype.name, row) if dtype in _REAL else 0


def _labels(targets, target_lengths, device):
    """The labels of all samples in one vector."""
    targets = targets.to(device).long()
    if targets.dim() == 1:
        return targets[: sum(target_lengths)]
    taken = [row[:n] for row, n in zip(targets.unbind(0), target_lengths) if n]
    return _core.cat(taken) if taken else targets.reshape(-1)[:0]


def _checked(labels, classes):
    """The same labels, with 0 for those that are reported."""
    made = _core.empty_like(labels)

    def write():
        from ...kernels.gpu import index

        return index.write_classes()

    arguments = [labels.numel(), [made, labels], [classes, -1], list(report(labels, "ctc_loss"))]
    launch("ctc_loss", ("classes",), write, labels.device.index, labels.numel(), arguments)
    return made


def _shares(target_lengths, reduction, device):
    """What the loss of each sample counts for in the result."""
    n = len(target_lengths)
    shares = [1 / (max(1, length) * n) if reduction == _MEAN else 1.0 for length in target_lengths]
    return _core.tensor(shares, dtype=_core.float64).to(device)


@rule("_ctc")
def ctc(log_probs, targets, input_lengths, target_lengths, blank, reduction, finite):
    device, dtype = log_probs.device, log_probs.dtype
    on_meta(_core._ctc, log_probs, targets.to("meta"), input_lengths, target_lengths, blank, reduction, finite)  # fmt: skip
    row = 2 * max(target_lengths, default=0) + 1
    size = _capacity(dtype, row)
    steps, n, classes = log_probs.shape
    if not size or n == 0:
        return NotImplemented
    starts = [sum(target_lengths[:i]) for i in range(n)]
    starts = _core.tensor(starts, dtype=_core.int64).to(device)
    labels = _checked(_labels(targets, target_lengths, device), classes)
    both = _core.tensor([*input_lengths, *target_lengths], dtype=_core.int64).to(device)
    lengths = _core.cat([both, labels])
    alpha = _core.empty(n, steps, row, dtype=dtype, device=device)
    losses = _core.empty(n, dtype=dtype, device=device)
    call = _Call(log_probs, lengths, starts, row, blank)
    call.run("forward", size, [losses, alpha, call.log_probs, lengths, starts])
    counted = losses.masked_fill(losses.isinf(), 0) if finite else losses
    if reduction != _NONE:
        shares = _shares(target_lengths, reduction, device)
        counted = (counted.double() * shares).sum().to(dtype)
    return counted, losses, alpha, lengths


@rule("_ctc_backward")
def ctc_backward(grad, log_probs, losses, alpha, lengths, blank, reduction, finite):
    device, dtype, row = log_probs.device, log_probs.dtype, alpha.shape[2]
    size = _capacity(dtype, row)
    steps, n, classes = log_probs.shape
    if not size or n == 0:
        return NotImplemented
    of_targets = lengths[n : 2 * n]
    starts = of_targets.cumsum(0) - of_targets
    call = _Call(log_probs, lengths, starts, row, blank)
    counts = _core.empty(n, steps, row, dtype=dtype, device=device)
    given = [call.log_probs, lengths, starts]
    call.run("backward", size, [counts, losses, alpha, *given])
    n_labels = lengths.numel() - 2 * n
    heads = _core.empty(n, classes, dtype=_core.int64, device=device)
    links = _core.empty(max(n_labels, 1), dtype=_core.int64, device=device)

    def write_chains():
        from ...kernels.gpu import ctc

        return ctc.write_chains()

    def write_gradient():
        from ...kernels.gpu import ctc

        return ctc.write_gradient(dtype.name, finite)

    index = device.index
    arguments = [[n, classes, n_labels], [heads, links, lengths, starts]]
    launch("ctc_loss", ("ctc chains",), write_chains, index, n * classes, arguments)
    factors = grad.to(_core.float64).expand(n)
    if reduction == _MEAN:
        factors = factors / (of_targets.clamp(min=1) * n)
    made = _core.empty(log_probs.shape, dtype=dtype, device=device)
    arguments = [call.sizes, [made, factors.to(dtype).contiguous(), counts, losses, *given, heads, links]]  # fmt: skip
    key = "ctc gradient", dtype.name, bool(finite)
    launch("ctc_loss", key, write_gradient, index, made.numel(), arguments)
    return made
