"""NAdam."""

import functools

import flambeau

from ..kernels import sqrt
from .optimizer import Optimizer
from .options import (
    alike,
    check_betas,
    check_lr,
    check_not_negative,
    count_step,
    new_step,
    number,
    options,
    with_gradients,
    zeros_like,
)  # fmt: skip
from .rule import Rule

__all__ = ["NAdam"]


@functools.cache
def _rule(maximize, decays, decoupled):
    # new1 and new2 are 1 - beta1 and 1 - beta2, which float32 would round.
    def nadam(
        param, grad, m, v,
        *, lr, new1, beta2, new2, eps, weight_decay, correction, grad_factor, momentum_factor,
    ):  # fmt: skip
        grad = -grad if maximize else grad
        if decays and decoupled:
            param = param * (1 - lr * weight_decay)
        elif decays:
            grad = grad + weight_decay * param
        m = m + new1 * (grad - m)
        v = beta2 * v + new2 * grad * grad
        denominator = sqrt(v / correction) + eps
        param = param - grad_factor * grad / denominator
        return param - momentum_factor * m / denominator, m, v

    return Rule(nadam, "param m v")


class NAdam(Optimizer):
    """Adam with Nesterov's momentum.

    Source: Dozat, 2016, "Incorporating Nesterov momentum into Adam".
    """

    def __init__(
        self,
        params,
        lr=2e-3,
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay=0,
        momentum_decay=4e-3,
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
        check_not_negative(self, weight_decay=weight_decay, momentum_decay=momentum_decay)
        super().__init__(params, options(locals()))

    def update(self, group):
        beta1, beta2 = group["betas"]
        decay = group["momentum_decay"]
        numbers, rows = [], []
        for parameter, grad in with_gradients(group):
            state = self.state[parameter]
            if not state:
                state["step"] = new_step()
                state["mu_product"] = flambeau.tensor(1.0)
                state["exp_avg"] = zeros_like(parameter)
                state["exp_avg_sq"] = zeros_like(parameter)
            step = count_step(state)
            mu = beta1 * (1.0 - 0.5 * 0.96 ** (step * decay))
            state["mu_product"] *= mu
            product = state["mu_product"].item()
            numbers.append((step, mu, product))
            rows.append((parameter, grad, state["exp_avg"], state["exp_avg_sq"]))
        lr = number(group["lr"])
        rule = _rule(
            bool(group["maximize"]),
            group["weight_decay"] != 0,
            bool(group["decoupled_weight_decay"]),
        )
        for (step, mu, product), lists in alike(numbers, rows):
            next_mu = beta1 * (1.0 - 0.5 * 0.96 ** ((step + 1) * decay))
            rule.apply(
                lists,
                group["differentiable"],
                lr=lr,
                new1=1 - beta1,
                beta2=beta2,
                new2=1 - beta2,
                eps=group["eps"],
                weight_decay=group["weight_decay"],
                correction=1 - beta2**step,
                grad_factor=lr * (1.0 - mu) / (1.0 - product),
                momentum_factor=lr * next_mu / (1.0 - product * next_mu),
            )
