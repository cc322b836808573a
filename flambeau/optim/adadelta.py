"""Adadelta."""

import functools

from ..kernels import sqrt
from .elementwise import Elementwise
from .examples import shows_step
from .options import check_lr, check_not_negative, number, options
from .rule import Rule, descent

__all__ = ["Adadelta"]


@functools.cache
def _rule(maximize, decays):
    # new is 1 - rho, which float32 would round.
    def adadelta(param, grad, v, moved, *, lr, rho, new, eps, weight_decay):
        grad = descent(param, grad, maximize, weight_decay if decays else None)
        v = rho * v + new * grad * grad
        delta = sqrt(moved + eps) / sqrt(v + eps) * grad
        return param - lr * delta, v, rho * moved + new * delta * delta

    return Rule(adadelta, "param v moved", "lr eps weight_decay")


@shows_step("Adadelta([weight])")
class Adadelta(Elementwise):
    """Steps in the units of the parameter: grad * rms(steps so far) / rms(gradients so far).

    Args:
        lr (float): what the step is multiplied by.
        rho (float): share of the mean squares that stays at each step.
        eps (float): added to both mean squares.
        weight_decay (float): this times the parameter is added to the gradient.
        maximize (bool): ascend.
        foreach, capturable: accepted; a step is one pass over each parameter in any case.

    Source: Zeiler, 2012, arXiv:1212.5701.
    """

    keeps = "square_avg", "acc_delta"

    def __init__(
        self, params, lr=1.0, rho=0.9, eps=1e-6, weight_decay=0, foreach=None, *, capturable=False,
        maximize=False, differentiable=False,
    ):  # fmt: skip
        check_lr(self, lr, foreach, capturable)
        if not 0.0 <= rho <= 1.0:
            raise ValueError(f"Adadelta: rho is {rho}; it must be from 0 to 1.")
        check_not_negative(self, epsilon=eps, weight_decay=weight_decay)
        super().__init__(params, options(locals()))

    def step_at(self, group, at):
        return _rule(bool(group["maximize"]), group["weight_decay"] != 0), {
            "lr": number(group["lr"]),
            "rho": group["rho"],
            "new": 1 - group["rho"],
            "eps": group["eps"],
            "weight_decay": group["weight_decay"],
        }
