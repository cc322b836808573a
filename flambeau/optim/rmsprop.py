"""RMSprop."""

import functools

from ..kernels import sqrt
from .elementwise import Elementwise
from .examples import shows_step
from .options import check_lr, check_not_negative, number, options
from .rule import Rule, descent

__all__ = ["RMSprop"]


@functools.cache
def _rule(maximize, decays, centered, momentum):
    # new is 1 - alpha, which float32 would round.
    def start(param, grad, v, weight_decay, alpha, new):
        grad = descent(param, grad, maximize, weight_decay if decays else None)
        return grad, alpha * v + new * grad * grad

    def rmsprop(param, grad, v, *, lr, alpha, new, eps, weight_decay, momentum):
        grad, v = start(param, grad, v, weight_decay, alpha, new)
        return param - lr * grad / (sqrt(v) + eps), v

    def rmsprop_with_buffer(param, grad, v, buffer, *, lr, alpha, new, eps, weight_decay, momentum):
        grad, v = start(param, grad, v, weight_decay, alpha, new)
        buffer = momentum * buffer + grad / (sqrt(v) + eps)
        return param - lr * buffer, v, buffer

    def rmsprop_around_mean(param, grad, v, mean, *, lr, alpha, new, eps, weight_decay, momentum):
        grad, v = start(param, grad, v, weight_decay, alpha, new)
        mean = mean + new * (grad - mean)
        return param - lr * grad / (sqrt(v - mean * mean) + eps), v, mean

    def rmsprop_with_all(
        param, grad, v, buffer, mean, *, lr, alpha, new, eps, weight_decay, momentum
    ):
        grad, v = start(param, grad, v, weight_decay, alpha, new)
        mean = mean + new * (grad - mean)
        buffer = momentum * buffer + grad / (sqrt(v - mean * mean) + eps)
        return param - lr * buffer, v, buffer, mean

    if momentum:
        return (
            Rule(rmsprop_with_all, "param v buffer mean")
            if centered
            else Rule(rmsprop_with_buffer, "param v buffer")
        )
    return Rule(rmsprop_around_mean, "param v mean") if centered else Rule(rmsprop, "param v")


@shows_step("RMSprop([weight])")
class RMSprop(Elementwise):
    """param -= lr * grad / (sqrt(v) + eps), v the running mean of grad**2.

    Args:
        alpha (float): how much of v stays at each step.
        momentum (float): share of a buffer of steps that stays; without it there is no buffer.
        centered (bool): v - mean(grad)**2 in the place of v.
        The others as in Adam.

    Source: Tieleman, Hinton, Coursera lecture 6.5, 2012; centered: Graves, 2013, arXiv:1308.0850.
    """

    def __init__(
        self, params, lr=1e-2, alpha=0.99, eps=1e-8, weight_decay=0, momentum=0, centered=False,
        capturable=False, foreach=None, maximize=False, differentiable=False,
    ):  # fmt: skip
        check_lr(self, lr, foreach, capturable)
        if not eps >= 0.0:
            raise ValueError(f"RMSprop: epsilon is {eps}; it must be 0 or more.")
        check_not_negative(self, momentum=momentum, weight_decay=weight_decay, alpha=alpha)
        super().__init__(params, options(locals()))

    def kept(self, group):
        more = ["momentum_buffer"] * (group["momentum"] > 0) + ["grad_avg"] * bool(
            group["centered"]
        )
        return "square_avg", *more

    def step_at(self, group, at):
        rule = _rule(
            bool(group["maximize"]),
            group["weight_decay"] != 0,
            bool(group["centered"]),
            group["momentum"] > 0,
        )
        return rule, {
            "lr": number(group["lr"]),
            "alpha": group["alpha"],
            "new": 1 - group["alpha"],
            "eps": group["eps"],
            "weight_decay": group["weight_decay"],
            "momentum": group["momentum"],
        }
