"""Adam and AdamW."""

import functools

from ..kernels import maximum, sqrt
from .elementwise import Elementwise
from .examples import shows_step
from .options import check_betas, check_fused, check_lr, check_not_negative, number, options
from .rule import Rule, descent, moved

__all__ = ["Adam", "AdamW"]

_MOMENTS = ("exp_avg", "exp_avg_sq")
_WITH_MAXIMUM = (*_MOMENTS, "max_exp_avg_sq")


@functools.cache
def _rule(maximize, decays, decoupled, amsgrad):
    # new1 and new2 are 1 - beta1 and 1 - beta2: in float32 the latter would be off by 1e-5 of itself.
    # weight_decay comes times lr where it is decoupled.
    def moments(param, grad, m, v, weight_decay, new1, beta2, new2):
        grad = descent(param, grad, maximize, weight_decay if decays and not decoupled else None)
        return moved(
            param, grad, m, v, weight_decay if decays and decoupled else None, new1, beta2, new2
        )

    def adam(
        param, grad, m, v,
        *, new1, beta2, new2, eps, weight_decay, step_size, root_correction,
    ):  # fmt: skip
        param, m, v = moments(param, grad, m, v, weight_decay, new1, beta2, new2)
        return param - step_size * m / (sqrt(v) * root_correction + eps), m, v

    def adam_with_maximum(
        param, grad, m, v, v_max,
        *, new1, beta2, new2, eps, weight_decay, step_size, root_correction,
    ):  # fmt: skip
        param, m, v = moments(param, grad, m, v, weight_decay, new1, beta2, new2)
        v_max = maximum(v_max, v)
        return param - step_size * m / (sqrt(v_max) * root_correction + eps), m, v, v_max

    if amsgrad:
        return Rule(adam_with_maximum, "param m v v_max")
    return Rule(adam, "param m v")


@shows_step("Adam([weight])")
class Adam(Elementwise):
    """param -= lr * m' / (sqrt(v') + eps), m and v running means of the gradient and its square.

    m' = m / (1 - beta1**t) and v' = v / (1 - beta2**t) at step t.

    Args:
        params (iterable): parameters, or groups of them.
        lr (float): learning rate.
        betas (pair of float): how much of m and of v stays at each step.
        eps (float): added to the denominator.
        weight_decay (float): this times the parameter is added to the gradient.
        amsgrad (bool): divide by the largest v so far. Source: Reddi et al., ICLR 2018.
        decoupled_weight_decay (bool): shrink the parameter instead of changing the gradient.
        foreach, fused, capturable: accepted; a step is one pass over each parameter in any case.

    Source: Kingma, Ba, 2014, arXiv:1412.6980.
    """

    def __init__(
        self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0, amsgrad=False, *,
        foreach=None, maximize=False, capturable=False, differentiable=False, fused=None,
        decoupled_weight_decay=False,
    ):  # fmt: skip
        check_lr(self, lr, foreach, capturable)
        check_not_negative(self, epsilon=eps)
        check_betas(self, betas, foreach, capturable)
        check_not_negative(self, weight_decay=weight_decay)
        check_fused(self, fused, foreach, differentiable)
        super().__init__(params, options(locals()))

    _later_options = dict(
        amsgrad=False, maximize=False, foreach=None, capturable=False, differentiable=False,
        fused=None, decoupled_weight_decay=False,
    )  # fmt: skip

    def kept(self, group):
        return _WITH_MAXIMUM if group["amsgrad"] else _MOMENTS

    def step_at(self, group, at):
        decoupled = bool(group["decoupled_weight_decay"])
        lr, weight_decay = number(group["lr"]), group["weight_decay"]
        beta1, beta2 = (number(beta) for beta in group["betas"])
        rule = _rule(bool(group["maximize"]), weight_decay != 0, decoupled, bool(group["amsgrad"]))
        return rule, {
            "new1": 1 - beta1,
            "beta2": beta2,
            "new2": 1 - beta2,
            "eps": group["eps"],
            "weight_decay": lr * weight_decay if decoupled else weight_decay,
            "step_size": lr / (1 - beta1**at),
            "root_correction": (1 - beta2**at) ** -0.5,
        }


@shows_step("AdamW([weight])")
class AdamW(Adam):
    """Adam whose weight decay shrinks the parameter by lr * weight_decay at each step.

    Args:
        weight_decay (float): share, times lr, by which the parameter shrinks.
        params, lr, betas, eps, amsgrad, maximize, foreach, capturable, fused: as of Adam.

    Source: Loshchilov, Hutter, 2017, arXiv:1711.05101.
    """

    def __init__(
        self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=1e-2, amsgrad=False, *,
        maximize=False, foreach=None, capturable=False, differentiable=False, fused=None,
    ):  # fmt: skip
        super().__init__(
            params, lr, betas, eps, weight_decay, amsgrad, foreach=foreach, maximize=maximize,
            capturable=capturable, differentiable=differentiable, fused=fused,
            decoupled_weight_decay=True,
        )  # fmt: skip

    def __setstate__(self, state):
        super().__setstate__(state)
        for group in self.param_groups:
            group["decoupled_weight_decay"] = True
