"""The parts of losses that are computed element by element."""

import functools

from ..kernels import language as k
from .declare import pointwise

loss = functools.partial(
    pointwise, method=False, function=False, inplace=False
)


@loss
def squared_error(input, target):
    """(input - target)**2."""
    difference = input - target
    return difference * difference


@loss
def smooth_l1(input, target, beta=1.0):
    """d**2 / (2 * beta) where d = |input - target| < beta, else d - beta / 2."""
    d = k.abs(input - target)
    return k.where(d < beta, 0.5 * d * d / beta, d - 0.5 * beta)


@smooth_l1.derivative("input")
def _(grad_output, input, target, beta, result):
    # The derived form has two products more.
    return grad_output * _limited_slope(input - target, beta)


@smooth_l1.derivative("target")
def _(grad_output, input, target, beta, result):
    return grad_output * _limited_slope(target - input, beta)


def _limited_slope(difference, beta):
    return k.where(k.abs(difference) < beta, difference / beta, k.sign(difference))


@loss
def huber(input, target, delta=1.0):
    """d**2 / 2 where d = |input - target| < delta, else delta * (d - delta / 2)."""
    d = k.abs(input - target)
    return k.where(d < delta, 0.5 * d * d, delta * (d - 0.5 * delta))


@loss
def binary_cross_entropy(input, target):
    """-(target * log(input) + (1 - target) * log(1 - input)), logarithms not below -100."""
    log_yes = k.maximum(k.log(input), -100.0)
    log_no = k.maximum(k.log1p(-input), -100.0)
    return (target - 1) * log_no - target * log_yes


@binary_cross_entropy.derivative("input")
def _(grad_output, input, target, result):
    # As in PyTorch the limit of the logarithms does not stop the gradient, that of the
    # denominator keeps it finite.
    return grad_output * (input - target) / k.maximum((1 - input) * input, 1e-12)


@loss
def binary_cross_entropy_with_logits(input, target):
    """binary_cross_entropy of sigmoid(input), without overflow."""
    return k.maximum(input, 0) - input * target + k.log1p(k.exp(-k.abs(input)))


@binary_cross_entropy_with_logits.derivative("input")
def _(grad_output, input, target, result):
    # The derived form has a kink at 0 that the function does not have.
    return grad_output * (1 / (1 + k.exp(-input)) - target)


@loss
def binary_cross_entropy_with_logits_weighted(input, target, pos_weight):
    """That, with the part where target is 1 times pos_weight."""
    factor = 1 + (pos_weight - 1) * target
    minus_log_sigmoid = k.maximum(-input, 0) + k.log1p(k.exp(-k.abs(input)))
    return (1 - target) * input + factor * minus_log_sigmoid


@binary_cross_entropy_with_logits_weighted.derivative("input")
def _(grad_output, input, target, pos_weight, result):
    factor = 1 + (pos_weight - 1) * target
    return grad_output * ((1 - target) - factor / (1 + k.exp(input)))
