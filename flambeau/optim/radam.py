"""RAdam."""

import functools

from ..kernels import sqrt
from .elementwise import Elementwise
from .examples import shows_step
from .options import check_adam, number, options
from .rule import Rule, begun

__all__ = ["RAdam"]


@functools.cache
def _rule(maximize, decays, decoupled, adaptive):
    # new1 and new2 are 1 - beta1 and 1 - beta2, which float32 would round.
    def radam(
        param, grad, m, v,
        *, lr, new1, beta2, new2, eps, weight_decay, correction, rectified,
    ):  # fmt: skip
        _, param, m, v = begun(
            param, grad, m, v, maximize=maximize, decays=decays, decoupled=decoupled, lr=lr,
            weight_decay=weight_decay, new1=new1, beta2=beta2, new2=new2,
        )  # fmt: skip
        step = lr * (m / correction)
        return param - (step * (rectified / (sqrt(v) + eps)) if adaptive else step), m, v

    return Rule(radam, "param m v")


@shows_step("RAdam([weight])")
class RAdam(Elementwise):
    """Adam whose adaptive step begins only when the variance of v is known well enough.

    Args:
        betas (pair of float): as of Adam; betas[1] says how soon the step adapts.
        lr, eps, weight_decay, decoupled_weight_decay, maximize: as of Adam.

    Source: Liu et al., 2019, arXiv:1908.03265.
    """

    keeps = "exp_avg", "exp_avg_sq"

    def __init__(
        self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0,
        decoupled_weight_decay=False, *, foreach=None, maximize=False, capturable=False,
        differentiable=False,
    ):  # fmt: skip
        check_adam(self, lr, betas, eps, foreach, capturable, weight_decay=weight_decay)
        super().__init__(params, options(locals()))

    def step_at(self, group, at):
        beta1, beta2 = group["betas"]
        factor = _rectification(at, beta2)
        rule = _rule(
            bool(group["maximize"]),
            group["weight_decay"] != 0,
            bool(group["decoupled_weight_decay"]),
            factor is not None,
        )
        return rule, {
            "lr": number(group["lr"]),
            "new1": 1 - beta1,
            "beta2": beta2,
            "new2": 1 - beta2,
            "eps": group["eps"],
            "weight_decay": group["weight_decay"],
            "correction": 1 - beta1**at,
            "rectified": (factor or 0.0) * (1 - beta2**at) ** 0.5,
        }


def _rectification(step, beta2):
    """r_t of the paper, or None while its rho_t is at most 5."""
    longest = 2 / (1 - beta2) - 1
    length = longest - 2 * step * beta2**step / (1 - beta2**step)
    if length <= 5.0:
        return None
    above = (length - 4) * (length - 2) * longest
    return (above / ((longest - 4) * (longest - 2) * length)) ** 0.5
