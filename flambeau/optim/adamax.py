"""Adamax."""

import functools

from ..kernels import abs, maximum
from .elementwise import Elementwise
from .examples import shows_step
from .options import check_adam, number, options
from .rule import Rule, descent

__all__ = ["Adamax"]


@functools.cache
def _rule(maximize, decays):
    # new1 is 1 - beta1, which float32 would round.
    def adamax(param, grad, m, largest, *, step_size, new1, beta2, eps, weight_decay):
        grad = descent(param, grad, maximize, weight_decay if decays else None)
        m = m + new1 * (grad - m)
        largest = maximum(beta2 * largest, abs(grad) + eps)
        return param - step_size * m / largest, m, largest

    return Rule(adamax, "param m largest")


@shows_step("Adamax([weight])")
class Adamax(Elementwise):
    """Adam with the infinity norm: division by a decaying maximum of |grad|.

    Args:
        lr (float): the largest step of an element.
        betas (pair of float): share of the mean that stays at each step, and of the maximum.
        eps (float): added to abs(grad) before the maximum.
        weight_decay (float): this times the parameter is added to the gradient.
        maximize (bool): ascend.

    Source: Kingma, Ba, 2014, arXiv:1412.6980, section 7.
    """

    keeps = "exp_avg", "exp_inf"

    def __init__(
        self, params, lr=2e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0, foreach=None, *,
        maximize=False, differentiable=False, capturable=False,
    ):  # fmt: skip
        check_adam(self, lr, betas, eps, foreach, capturable, weight_decay=weight_decay)
        super().__init__(params, options(locals()))

    def step_at(self, group, at):
        beta1, beta2 = group["betas"]
        return _rule(bool(group["maximize"]), group["weight_decay"] != 0), {
            "step_size": number(group["lr"]) / (1 - beta1**at),
            "new1": 1 - beta1,
            "beta2": beta2,
            "eps": group["eps"],
            "weight_decay": group["weight_decay"],
        }
