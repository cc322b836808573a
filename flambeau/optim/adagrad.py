"""Adagrad."""

import functools

import flambeau

from ..kernels import sqrt
from ..nn.parameter import is_lazy
from .elementwise import Elementwise
from .examples import shows_step
from .options import (
    check_fused,
    check_lr,
    check_not_negative,
    count_step,
    new_step,
    number,
    options,
    with_gradients,
)
from .rule import Rule, descent
from .touched import step_rows, without_sparse

__all__ = ["Adagrad"]


@functools.cache
def _rule(maximize, decays):
    def adagrad(param, grad, total, *, lr, eps, weight_decay):
        grad = descent(param, grad, maximize, weight_decay if decays else None)
        total = total + grad * grad
        return param - lr * grad / (sqrt(total) + eps), total

    return Rule(adagrad, "param total")


@shows_step("Adagrad([weight])")
class Adagrad(Elementwise):
    """param -= lr / (1 + (t - 1) * lr_decay) * grad / (sqrt(sum of grad**2) + eps).

    Args:
        lr, lr_decay (float): learning rate, and how fast it falls.
        weight_decay (float): this times the parameter is added to the gradient.
        initial_accumulator_value (float): where the sums of squares begin.
        eps (float): added to the root.
        maximize (bool): ascend.
        foreach, fused: accepted; a step is one pass over each parameter in any case.

    Source: Duchi et al., JMLR 12 (2011) 2121.
    """

    keeps = ("sum",)

    def __init__(
        self, params, lr=1e-2, lr_decay=0, weight_decay=0, initial_accumulator_value=0, eps=1e-10,
        foreach=None, *, maximize=False, differentiable=False, fused=None,
    ):  # fmt: skip
        check_lr(self, lr)
        check_not_negative(
            self,
            lr_decay=lr_decay,
            weight_decay=weight_decay,
            initial_accumulator_value=initial_accumulator_value,
            epsilon=eps,
        )
        check_fused(self, fused, foreach, differentiable)
        super().__init__(params, options(locals()))
        for group in self.param_groups:
            for parameter in group["params"]:
                if is_lazy(parameter):
                    raise ValueError(
                        "Adagrad: its state has the shape of the parameters, and an uninitialized "
                        "parameter has none. Call the module once before the optimizer is made."
                    )
                start = group["initial_accumulator_value"]
                if parameter.is_complex():
                    start = complex(start, start)
                self.state[parameter] = {
                    "step": new_step(),
                    "sum": flambeau.full_like(parameter, start).detach(),
                }

    def share_memory(self):
        """Move the state to memory that other processes can map."""
        for state in self.state.values():
            state["sum"].share_memory_()

    def _sparse_step(self, group, parameter, grad):
        """The same for the rows that a sparse gradient names."""
        if group["weight_decay"] != 0:
            raise RuntimeError(
                "Adagrad: weight_decay moves every row, and a gradient is sparse. Set weight_decay to 0 for this "
                "group."
            )
        state = self.state[parameter]
        rule, numbers = self.step_at(group, count_step(state))
        step_rows(rule, [parameter, None, state["sum"]], grad, **numbers)

    def update(self, group):
        pairs, sparse = without_sparse(with_gradients(group, sparse=True))
        for parameter, grad in sparse:
            self._sparse_step(group, parameter, grad)
        self.update_pairs(group, pairs)

    def step_at(self, group, at):
        return _rule(bool(group["maximize"]), group["weight_decay"] != 0), {
            "lr": number(group["lr"]) / (1 + (at - 1) * group["lr_decay"]),
            "eps": group["eps"],
            "weight_decay": group["weight_decay"],
        }
