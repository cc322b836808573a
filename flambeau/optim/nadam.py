"""NAdam."""

import functools

import flambeau

from ..kernels import sqrt
from .elementwise import Elementwise
from .examples import shows_step
from .options import check_adam, count_step, number, options
from .rule import Rule, begun

__all__ = ["NAdam"]


@functools.cache
def _rule(maximize, decays, decoupled):
    # new1 and new2 are 1 - beta1 and 1 - beta2, which float32 would round.
    def nadam(
        param, grad, m, v,
        *, lr, new1, beta2, new2, eps, weight_decay, correction, grad_factor, momentum_factor,
    ):  # fmt: skip
        grad, param, m, v = begun(
            param, grad, m, v, maximize=maximize, decays=decays, decoupled=decoupled, lr=lr,
            weight_decay=weight_decay, new1=new1, beta2=beta2, new2=new2,
        )  # fmt: skip
        denominator = sqrt(v / correction) + eps
        param = param - grad_factor * grad / denominator
        return param - momentum_factor * m / denominator, m, v

    return Rule(nadam, "param m v")


@shows_step("NAdam([weight])")
class NAdam(Elementwise):
    """Adam with Nesterov's momentum.

    Args:
        lr, betas, eps, weight_decay, decoupled_weight_decay, maximize: as of Adam.
        momentum_decay (float): how fast the momentum grows towards betas[0].

    Source: Dozat, 2016, "Incorporating Nesterov momentum into Adam".
    """

    keeps = "exp_avg", "exp_avg_sq"

    def __init__(
        self, params, lr=2e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0, momentum_decay=4e-3,
        decoupled_weight_decay=False, *, foreach=None, maximize=False, capturable=False,
        differentiable=False,
    ):  # fmt: skip
        check_adam(
            self,
            lr,
            betas,
            eps,
            foreach,
            capturable,
            weight_decay=weight_decay,
            momentum_decay=momentum_decay,
        )
        super().__init__(params, options(locals()))

    def begin(self, state, parameter, group):
        super().begin(state, parameter, group)
        state["mu_product"] = flambeau.tensor(1.0)

    def advance(self, state, group):
        step = count_step(state)
        state["mu_product"] *= _momentum(group, step)
        return step, state["mu_product"].item()

    def step_at(self, group, at):
        step, product = at
        beta1, beta2 = group["betas"]
        lr, next_mu = number(group["lr"]), _momentum(group, step + 1)
        rule = _rule(
            bool(group["maximize"]),
            group["weight_decay"] != 0,
            bool(group["decoupled_weight_decay"]),
        )
        return rule, {
            "lr": lr,
            "new1": 1 - beta1,
            "beta2": beta2,
            "new2": 1 - beta2,
            "eps": group["eps"],
            "weight_decay": group["weight_decay"],
            "correction": 1 - beta2**step,
            "grad_factor": lr * (1.0 - _momentum(group, step)) / (1.0 - product),
            "momentum_factor": lr * next_mu / (1.0 - product * next_mu),
        }


def _momentum(group, step):
    """mu of a step: beta1, which grows into its value."""
    return group["betas"][0] * (1.0 - 0.5 * 0.96 ** (step * group["momentum_decay"]))
