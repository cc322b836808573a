"""The parts of losses that are computed element by element."""

import functools

from .. import _core
from ..kernels import language as k
from .core.declare import make_pointwise, pointwise, primitive
from .core.ways import native_way
from .reduce import ReductionSpec

loss = functools.partial(pointwise, method=False, function=False, inplace=False)


@loss
def squared_error(input, target):
    """(input - target)**2."""
    difference = input - target
    return difference * difference


_slope = make_pointwise(
    lambda grad_output, input, target, *, scale=1.0: (input - target) * (grad_output * scale),
    name="mse_loss_backward",
)


def _squares(name):
    """A reduction of (a - b)**2, fused."""

    def kernel():
        from ..kernels.schedules import reductions

        return getattr(reductions, name).of(
            lambda a, b: (a - b) * (a - b), f"{name}_of_squares", n_in=2
        )

    return _core.Reduction(ReductionSpec(name, kernel=kernel))


_mean_of_squares, _sum_of_squares = _squares("mean"), _squares("sum_")


@primitive(name="mse_loss", function=False, method=False)
def mse_loss(ctx, input, target, mean):
    """The mean (or the sum) of (input - target)**2 in one pass; both of one shape and floating dtype."""
    ctx.save_for_backward(input, target)
    ctx.scale = 2 / max(input.numel(), 1) if mean else 2.0
    reduction = _mean_of_squares if mean else _sum_of_squares
    return _core._reduce(reduction, (input, target), None, False, (input.dtype,))[0]


@mse_loss.derivative
def _(ctx, grad_output):
    return *mse_backward(grad_output, *ctx.saved, ctx.scale, ctx.needs_input_grad), None


def mse_backward(grad_output, input, target, scale, wanted):
    """The gradients of input and target, as far as they are wanted; `scale` is 2 over the count."""
    return (
        _slope(grad_output, input, target, scale=scale) if wanted[0] else None,
        _slope(grad_output, target, input, scale=scale) if wanted[1] else None,
    )


def mse_way(operation):
    """Lets plain calls of F.mse_loss go to the core; returns the operator."""
    return native_way(operation, "mse_loss", _mean_of_squares, _sum_of_squares, mse_backward)


@loss(rounds=True, slope_rounds=())
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
    # NaN belongs to no side, and stays.
    return k.where(k.abs(difference) >= beta, k.sign(difference), difference / beta)


@loss(oracle="", slope_rounds=("delta",))  # SciPy's takes the residual
def huber(input, target, delta=1.0):
    """d**2 / 2 where d = |input - target| < delta, else delta * (d - delta / 2)."""
    d = k.abs(input - target)
    return k.where(d < delta, 0.5 * d * d, delta * (d - 0.5 * delta))


def _huber_slope(d, delta):
    return k.where(
        d >= delta, delta, k.where(d <= -delta, -delta, d)
    )  # NaN stays, infinities do not


@huber.derivative("input")
def _(grad_output, input, target, delta, result):
    return grad_output * _huber_slope(input - target, delta)


@huber.derivative("target")
def _(grad_output, input, target, delta, result):
    return -grad_output * _huber_slope(input - target, delta)


@loss(domain=(0.1, 0.9))
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
    return (1 - target) * input + (k.maximum(-input, 0) + k.log1p(k.exp(-k.abs(input))))


@binary_cross_entropy_with_logits.derivative("input")
def _(grad_output, input, target, result):
    # The derived form has a kink at 0 that the function does not have.
    return grad_output * (k.sigmoid(input) - target)


def _minus_log_sigmoids(input):
    """-log(sigmoid(input)) and -log(sigmoid(-input))."""
    rest = k.log1p(k.exp(-k.abs(input)))
    return k.maximum(-input, 0) + rest, k.maximum(input, 0) + rest


@loss
def binary_cross_entropy_with_logits_weighted(input, target, pos_weight):
    """That, with the part where target is 1 times pos_weight."""
    factor = 1 + (pos_weight - 1) * target
    minus_log_sigmoid = k.maximum(-input, 0) + k.log1p(k.exp(-k.abs(input)))
    return (1 - target) * input + factor * minus_log_sigmoid


@binary_cross_entropy_with_logits_weighted.derivative("input")
def _(grad_output, input, target, pos_weight, result):
    factor = 1 + (pos_weight - 1) * target
    return grad_output * ((1 - target) - factor * k.sigmoid(-input))


@binary_cross_entropy_with_logits_weighted.derivative("target")
def _(grad_output, input, target, pos_weight, result):
    # The derived form has -input + ... + max(-input, 0): inf - inf at -inf.
    minus_log_yes, minus_log_no = _minus_log_sigmoids(input)
    return grad_output * (pos_weight * minus_log_yes - minus_log_no)


@loss
def sigmoid_cross_entropy(input, target):
    """binary_cross_entropy_with_logits as a sum of two products, which infinite logits can make NaN."""
    minus_log_yes, minus_log_no = _minus_log_sigmoids(input)
    return target * minus_log_yes + (1 - target) * minus_log_no


@sigmoid_cross_entropy.derivative("input")
def _(grad_output, input, target, result):
    yes, no = k.sigmoid(input), k.sigmoid(-input)
    return grad_output * ((1 - target) * yes - target * no)


@sigmoid_cross_entropy.derivative("target")
def _(grad_output, input, target, result):
    minus_log_yes, minus_log_no = _minus_log_sigmoids(input)
    return grad_output * (minus_log_yes - minus_log_no)
