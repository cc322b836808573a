"""Averaged stochastic gradient descent."""

import functools

import flambeau

from .elementwise import Elementwise
from .examples import shows_step
from .options import check_lr, check_not_negative, count_step, number, options
from .rule import Rule, descent

__all__ = ["ASGD"]


@functools.cache
def _rule(maximize, decays):
    def asgd(param, grad, average, *, lambd, eta, mu, weight_decay):
        grad = descent(param, grad, maximize, weight_decay if decays else None)
        param = param * (1 - lambd * eta) - eta * grad
        return param, average + mu * (param - average)

    return Rule(asgd, "param average", "eta weight_decay")


@shows_step("ASGD([weight], lr=0.1)")
class ASGD(Elementwise):
    """SGD with a falling learning rate; `ax` in the state averages the parameter from step t0 on.

    Args:
        lr (float): learning rate of the first step.
        lambd, alpha (float): it falls as lr / (1 + lambd * lr * t)**alpha; lambd is a decay, too.
        t0 (float): the step from which the parameter is averaged.
        weight_decay (float): this times the parameter is added to the gradient.
        maximize (bool): ascend.

    Source: Polyak, Juditsky, SIAM J. Control Optim. 30 (1992) 838.
    """

    keeps = ("ax",)

    def __init__(
        self, params, lr=1e-2, lambd=1e-4, alpha=0.75, t0=1e6, weight_decay=0, foreach=None,
        maximize=False, differentiable=False, capturable=False,
    ):  # fmt: skip
        check_lr(self, lr, foreach, capturable)
        check_not_negative(self, weight_decay=weight_decay)
        super().__init__(params, options(locals()))

    def begin(self, state, parameter, group):
        super().begin(state, parameter, group)
        state["eta"] = flambeau.tensor(float(number(group["lr"])))
        state["mu"] = flambeau.tensor(1.0)

    def advance(self, state, group):
        lr, step = number(group["lr"]), count_step(state)
        at = state["eta"].item(), state["mu"].item()
        state["eta"] = flambeau.tensor(lr / (1 + group["lambd"] * lr * step) ** group["alpha"])
        state["mu"] = flambeau.tensor(1 / max(1.0, step - group["t0"]))
        return at

    def step_at(self, group, at):
        return _rule(bool(group["maximize"]), group["weight_decay"] != 0), {
            "lambd": group["lambd"],
            "eta": at[0],
            "mu": at[1],
            "weight_decay": group["weight_decay"],
        }
