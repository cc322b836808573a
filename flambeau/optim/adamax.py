"""Adamax."""

import functools

from ..kernels import abs, maximum
from .optimizer import Optimizer
from .options import (
    alike,
    begin,
    check_betas,
    check_lr,
    check_not_negative,
    count_step,
    number,
    options,
    with_gradients,
)  # fmt: skip
from .rule import Rule

__all__ = ["Adamax"]


@functools.cache
def _rule(maximize, decays):
    # new1 is 1 - beta1, which float32 would round.
    def adamax(param, grad, m, largest, *, step_size, new1, beta2, eps, weight_decay):
        grad = -grad if maximize else grad
        if decays:
            grad = grad + weight_decay * param
        m = m + new1 * (grad - m)
        largest = maximum(beta2 * largest, abs(grad) + eps)
        return param - step_size * m / largest, m, largest

    return Rule(adamax, "param m largest")


class Adamax(Optimizer):
    """Adam with the infinity norm: division by a decaying maximum of |grad|.

    Source: Kingma, Ba, 2014, arXiv:1412.6980, section 7.
    """

    def __init__(
        self,
        params,
        lr=2e-3,
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay=0,
        foreach=None,
        *,
        maximize=False,
        differentiable=False,
        capturable=False,
    ):
        check_lr(self, lr, foreach, capturable)
        check_not_negative(self, epsilon=eps)
        check_betas(self, betas)
        check_not_negative(self, weight_decay=weight_decay)
        super().__init__(params, options(locals()))

    def update(self, group):
        numbers, rows = [], []
        for parameter, grad in with_gradients(group):
            state = self.state[parameter]
            if not state:
                begin(state, parameter, "exp_avg", "exp_inf")
            numbers.append(count_step(state))
            rows.append((parameter, grad, state["exp_avg"], state["exp_inf"]))
        beta1, beta2 = group["betas"]
        rule = _rule(bool(group["maximize"]), group["weight_decay"] != 0)
        for step, lists in alike(numbers, rows):
            rule.apply(
                lists,
                group["differentiable"],
                step_size=number(group["lr"]) / (1 - beta1**step),
                new1=1 - beta1,
                beta2=beta2,
                eps=group["eps"],
                weight_decay=group["weight_decay"],
            )
