"""Losses."""

import flambeau

from . import rule
from .pointwise import less


def _reduced(g, value, reduction):
    kind = {"mean": "ReduceMean", "sum": "ReduceSum", "none": None}[reduction]
    return value if kind is None else g.reduce(kind, value, None)


@rule("mse_loss")
def _(g, input, target, size_average=None, reduce=None, reduction="mean", weight=None):
    if weight is not None:
        raise NotImplementedError("onnx.export: mse_loss with weight.")
    difference = g.op("Sub", input, target)
    return _reduced(g, g.op("Mul", difference, difference), reduction)


@rule("l1_loss")
def _(g, input, target, size_average=None, reduce=None, reduction="mean", weight=None):
    if weight is not None:
        raise NotImplementedError("onnx.export: l1_loss with weight.")
    return _reduced(g, g.op("Abs", g.op("Sub", input, target)), reduction)


@rule("smooth_l1_loss")
def _(g, input, target, size_average=None, reduce=None, reduction="mean", beta=1.0):
    size = g.op("Abs", g.op("Sub", input, target))
    if beta == 0:
        return _reduced(g, size, reduction)
    square = g.op("Mul", g.op("Mul", size, size), 0.5 / beta)
    value = g.op(
        "Where", less(g, size, beta), square, g.op("Sub", size, 0.5 * beta), dtype=size.dtype
    )
    return _reduced(g, value, reduction)


@rule("nll_loss")
def _(
    g, input, target, weight=None, size_average=None, ignore_index=-100, reduce=None,
    reduction="mean",
):  # fmt: skip
    return g.op(
        "NegativeLogLikelihoodLoss",
        input,
        target,
        weight,
        ignore_index=ignore_index,
        reduction=reduction,
    )


@rule("cross_entropy")
def _(g, input, target, weight=None, size_average=None, ignore_index=-100, reduce=None, reduction="mean",
      label_smoothing=0.0):  # fmt: skip
    if label_smoothing or target.dtype.is_floating_point:
        raise NotImplementedError(
            "onnx.export: cross_entropy with label_smoothing, or with probabilities as target."
        )
    return g.op(
        "SoftmaxCrossEntropyLoss",
        input,
        target,
        weight,
        ignore_index=ignore_index,
        reduction=reduction,
    )


@rule("binary_cross_entropy_with_logits")
def _(
    g, input, target, weight=None, size_average=None, reduce=None, reduction="mean", pos_weight=None
):
    if weight is not None or pos_weight is not None:
        raise NotImplementedError(
            "onnx.export: binary_cross_entropy_with_logits with weight or pos_weight."
        )
    value = g.op("Sub", g.op("Softplus", input), g.op("Mul", input, target))
    return _reduced(g, value, reduction)


@rule("binary_cross_entropy")
def _(g, input, target, weight=None, size_average=None, reduce=None, reduction="mean"):
    if weight is not None:
        raise NotImplementedError("onnx.export: binary_cross_entropy with weight.")
    one = g.constant(1, input.dtype)

    def log(value):
        return g.op("Max", g.op("Log", value), g.constant(-100, flambeau.float32))

    value = g.op("Add", g.op("Mul", target, log(input)),
                 g.op("Mul", g.op("Sub", one, target), log(g.op("Sub", one, input))))  # fmt: skip
    return _reduced(g, g.op("Neg", value), reduction)


@rule("huber_loss")
def _(g, input, target, reduction="mean", delta=1.0, weight=None):
    if weight is not None:
        raise NotImplementedError("onnx.export: huber_loss with weight.")
    size = g.op("Abs", g.op("Sub", input, target))
    square = g.op("Mul", g.op("Mul", size, size), 0.5)
    far = g.op("Mul", g.op("Sub", size, 0.5 * delta), float(delta))
    return _reduced(
        g, g.op("Where", less(g, size, delta), square, far, dtype=size.dtype), reduction
    )
