"""Losses of classes on GPUs, without waiting: a target that is no class is reported as an index out of range is."""

from ... import _core
from ..core import operators as fl
from .launch import launch, report


def _classes(name, target, count, ignored):
    """Targets as classes, with 0 for those that are ignored."""
    target = target.reshape(-1).contiguous()
    out = _core.empty_like(target)
    n = target.numel()

    def write():
        from ...kernels.gpu import index

        return index.write_classes()

    arguments = [n, [out, target], [count, ignored], list(report(target, name))]
    launch(name, ("classes",), write, target.device.index, n, arguments)
    return out


def _reduced(loss, share, reduction):
    if reduction == "none":
        return loss
    return loss.sum() / share if reduction == "mean" else loss.sum()


def cross_entropy(input, target, ignored, reduction, smoothing):
    """(loss, (2, N) logsumexp in two parts, how many targets count)"""
    from ..rows import run_rows

    n, classes = input.shape
    place = _classes("cross_entropy", target, classes, ignored)
    wide = _core.float64 if input.dtype is _core.float64 else _core.float32
    rows = lambda *sizes: _core.empty(sizes, dtype=wide, device=input.device)
    loss, logsumexp, share = rows(n), rows(2, n), rows(n)
    number = lambda value, dtype: _core.full((), value, dtype=dtype, device=input.device)
    given = (input.contiguous(), fl.where(target == ignored, target, place), number(smoothing, wide),
             number(ignored, _core.int64))  # fmt: skip
    as_dtype = "float32" if input.dtype.itemsize == 2 else None
    outputs = loss, *logsumexp.unbind(0), share
    run_rows("counted_cross_entropy", outputs, given, "xxxxvxxx", n, classes, as_dtype)
    counted = share.sum()
    return _reduced(loss, counted, reduction).to(input.dtype), logsumexp, counted


def nll(input, target, weight, ignored, reduction):
    """(loss, the sum of the weights that count)"""
    dim = 1 if input.dim() > 1 else 0
    place = _classes("nll_loss", target, input.shape[dim], ignored).reshape(target.shape)
    kept = target != ignored
    share = kept.to(input.dtype) if weight is None else weight[place] * kept
    # What is ignored counts for nothing, not even where its score is infinite.
    scores = input.gather(dim, place.unsqueeze(dim)).squeeze(dim)
    loss = fl.where(kept, -scores * share, 0)
    total = share.sum()
    return _reduced(loss, total, reduction), total
