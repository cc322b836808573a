"""RAdam."""

import functools

from ..kernels import sqrt
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

__all__ = ["RAdam"]


@functools.cache
def _rule(maximize, decays, decoupled, adaptive):
    # new1 and new2 are 1 - beta1 and 1 - beta2, which float32 would round.
    def radam(
        param, grad, m, v,
        *, lr, new1, beta2, new2, eps, weight_decay, correction, rectified,
    ):  # fmt: skip
        grad = -grad if maximize else grad
        if decays and decoupled:
            param = param * (1 - lr * weight_decay)
        elif decays:
            grad = grad + weight_decay * param
        m = m + new1 * (grad - m)
        v = beta2 * v + new2 * grad * grad
        step = lr * (m / correction)
        return param - (step * (rectified / (sqrt(v) + eps)) if adaptive else step), m, v

    return Rule(radam, "param m v")


class RAdam(Optimizer):
    """Adam whose adaptive step begins only when the variance of v is known well enough.

    Source: Liu et al., 2019, arXiv:1908.03265.
    """

    def __init__(
        self,
        params,
        lr=1e-3,
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay=0,
        decoupled_weight_decay=False,
        *,
        foreach=None,
        maximize=False,
        capturable=False,
        differentiable=False,
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
                begin(state, parameter, "exp_avg", "exp_avg_sq")
            numbers.append(count_step(state))
            rows.append((parameter, grad, state["exp_avg"], state["exp_avg_sq"]))
        beta1, beta2 = group["betas"]
        for step, lists in alike(numbers, rows):
            factor = _rectification(step, beta2)
            rule = _rule(
                bool(group["maximize"]),
                group["weight_decay"] != 0,
                bool(group["decoupled_weight_decay"]),
                factor is not None,
            )
            rule.apply(
                lists,
                group["differentiable"],
                lr=number(group["lr"]),
                new1=1 - beta1,
                beta2=beta2,
                new2=1 - beta2,
                eps=group["eps"],
                weight_decay=group["weight_decay"],
                correction=1 - beta1**step,
                rectified=(factor or 0.0) * (1 - beta2**step) ** 0.5,
            )


def _rectification(step, beta2):
    """r_t of the paper, or None while its rho_t is at most 5."""
    longest = 2 / (1 - beta2) - 1
    length = longest - 2 * step * beta2**step / (1 - beta2**step)
    if length <= 5.0:
        return None
    above = (length - 4) * (length - 2) * longest
    return (above / ((longest - 4) * (longest - 2) * length)) ** 0.5
