"""Averaged stochastic gradient descent."""

import functools

import flambeau

from .optimizer import Optimizer
from .options import (
    alike,
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

__all__ = ["ASGD"]


@functools.cache
def _rule(maximize, decays):
    def asgd(param, grad, average, *, lambd, eta, mu, weight_decay):
        grad = -grad if maximize else grad
        if decays:
            grad = grad + weight_decay * param
        param = param * (1 - lambd * eta) - eta * grad
        return param, average + mu * (param - average)

    return Rule(asgd, "param average")


class ASGD(Optimizer):
    """SGD with a falling learning rate; `ax` in the state averages the parameter from step t0 on.

    Source: Polyak, Juditsky, SIAM J. Control Optim. 30 (1992) 838.
    """

    def __init__(
        self,
        params,
        lr=1e-2,
        lambd=1e-4,
        alpha=0.75,
        t0=1e6,
        weight_decay=0,
        foreach=None,
        maximize=False,
        differentiable=False,
        capturable=False,
    ):
        check_lr(self, lr, foreach, capturable)
        check_not_negative(self, weight_decay=weight_decay)
        super().__init__(params, options(locals()))

    def update(self, group):
        lr = number(group["lr"])
        numbers, rows = [], []
        for parameter, grad in with_gradients(group):
            state = self.state[parameter]
            if not state:
                state["step"] = new_step()
                state["eta"] = flambeau.tensor(float(lr))
                state["mu"] = flambeau.tensor(1.0)
                state["ax"] = zeros_like(parameter)
            step = count_step(state)
            numbers.append((state["eta"].item(), state["mu"].item()))
            rows.append((parameter, grad, state["ax"]))
            state["eta"] = flambeau.tensor(lr / (1 + group["lambd"] * lr * step) ** group["alpha"])
            state["mu"] = flambeau.tensor(1 / max(1.0, step - group["t0"]))
        rule = _rule(bool(group["maximize"]), group["weight_decay"] != 0)
        for (eta, mu), lists in alike(numbers, rows):
            rule.apply(
                lists,
                group["differentiable"],
                lambd=group["lambd"],
                eta=eta,
                mu=mu,
                weight_decay=group["weight_decay"],
            )
