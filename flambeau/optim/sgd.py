"""Stochastic gradient descent."""

import functools

from .examples import shows_step
from .optimizer import Optimizer
from .options import (
    alike,
    check_fused,
    check_lr,
    check_not_negative,
    number,
    options,
    with_gradients,
)  # fmt: skip
from .rule import Rule, descent
from .touched import step_usual_rows, without_sparse

__all__ = ["SGD"]


@functools.cache
def _rule(maximize, decays, first, momentum, nesterov, fused):
    def gradient(param, grad, weight_decay):
        return descent(param, grad, maximize, weight_decay if decays else None)

    def sgd(param, grad, *, lr, weight_decay):
        return param - lr * gradient(param, grad, weight_decay)

    def sgd_with_momentum(param, grad, buffer, *, lr, weight_decay, momentum, dampening):
        grad = gradient(param, grad, weight_decay)
        buffer = grad if first else momentum * buffer + (1 - dampening) * grad
        step = grad + momentum * buffer if nesterov else buffer
        return param - lr * step, buffer

    rounds = "" if fused else "lr weight_decay"
    if momentum:
        return Rule(sgd_with_momentum, "param buffer", rounds)
    return Rule(sgd, "param", rounds)


@shows_step("SGD([weight], lr=0.1)")
class SGD(Optimizer):
    """param -= lr * buffer, buffer = momentum * buffer + (1 - dampening) * grad.

    Args:
        params (iterable): parameters, or groups of them.
        lr (float): learning rate.
        momentum (float): share of the buffer that stays; without it there is no buffer. The first
            buffer is the gradient itself.
        dampening (float): share of the gradient that the buffer does not take.
        weight_decay (float): this times the parameter is added to the gradient.
        nesterov (bool): step by grad + momentum * buffer. Source: Sutskever et al., ICML 2013.
        maximize (bool): ascend.
        foreach, fused: accepted; a step is one pass over each parameter in any case.
    """

    def __init__(
        self, params, lr=1e-3, momentum=0, dampening=0, weight_decay=0, nesterov=False, *,
        maximize=False, foreach=None, differentiable=False, fused=None,
    ):  # fmt: skip
        check_lr(self, lr)
        check_not_negative(self, momentum=momentum, weight_decay=weight_decay)
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError(
                f"SGD: nesterov=True needs momentum above 0 and dampening 0, not {momentum} and "
                f"{dampening}."
            )
        check_fused(self, fused, foreach, differentiable)
        super().__init__(params, options(locals()))

    _later_options = dict(
        nesterov=False, maximize=False, foreach=None, differentiable=False, fused=None
    )

    def _sparse_step(self, group, parameter, grad):
        """The same with a sparse gradient, and a sparse buffer: rows without an entry stay as they are."""
        if group["weight_decay"] != 0:
            raise RuntimeError(
                "SGD: weight_decay moves every row, and a gradient is sparse. Set weight_decay to 0 for this group."
            )
        momentum = group["momentum"]
        if momentum:
            state = self.state[parameter]
            buffer = state.get("momentum_buffer")
            grad = -grad if group["maximize"] else grad
            if buffer is None:
                buffer = state["momentum_buffer"] = grad.detach().clone()
            else:
                buffer.mul_(momentum).add_(grad, alpha=1 - group["dampening"])
            step = grad.add(buffer, alpha=momentum) if group["nesterov"] else buffer
            parameter.add_(step, alpha=-number(group["lr"]))
            return
        lr, maximize = number(group["lr"]), bool(group["maximize"])
        rule = _rule(maximize, False, False, False, False, bool(group["fused"]))
        if not step_usual_rows(rule, [parameter, None], grad, lr=lr, weight_decay=0):
            parameter.add_(grad, alpha=lr if maximize else -lr)

    def update(self, group):
        momentum = group["momentum"]
        firsts, rows = [], []
        pairs, sparse = without_sparse(with_gradients(group, sparse=True))
        for parameter, grad in sparse:
            self._sparse_step(group, parameter, grad)
        for parameter, grad in pairs:
            if momentum == 0:
                firsts.append(False)
                rows.append((parameter, grad))
                continue
            state = self.state[parameter]
            buffer = state.get("momentum_buffer")
            firsts.append(buffer is None)
            if buffer is None:
                buffer = state["momentum_buffer"] = grad.detach().clone()
            rows.append((parameter, grad, buffer))
        numbers = {"lr": number(group["lr"]), "weight_decay": group["weight_decay"]}
        if momentum:
            numbers |= {"momentum": momentum, "dampening": group["dampening"]}
        for first, lists in alike(firsts, rows):
            rule = _rule(
                bool(group["maximize"]),
                group["weight_decay"] != 0,
                first,
                momentum != 0,
                bool(group["nesterov"]),
                bool(group["fused"]),
            )
            rule.apply(lists, group["differentiable"], **numbers)
