"""Rprop."""

import functools

import flambeau

from ..kernels import maximum, minimum, sign, where
from .elementwise import Elementwise
from .examples import shows_step
from .options import check_lr, number, options
from .rule import Rule

__all__ = ["Rprop"]


@functools.cache
def _rule(maximize):
    def rprop(param, grad, previous, step_size, *, shrink, grow, smallest, largest):
        grad = -grad if maximize else grad
        agreement = grad * previous
        factor = where(agreement > 0, grow, where(agreement < 0, shrink, 1.0))
        step_size = minimum(maximum(step_size * factor, smallest), largest)
        grad = where(agreement < 0, 0.0, grad)  # no step where the sign has turned
        return param - sign(grad) * step_size, grad, step_size

    return Rule(rprop, "param previous step_size")


@shows_step("Rprop([weight])")
class Rprop(Elementwise):
    """Steps that use only the sign of the gradient: longer while it stays, shorter when it turns.

    Args:
        etas (pair of float): the factors for a turned and for a kept sign.
        step_sizes (pair of float): the shortest and the longest step.

    Source: Riedmiller, Braun, 1993, "A direct adaptive method for faster backpropagation learning".
    """

    keeps = "prev", "step_size"

    def __init__(
        self, params, lr=1e-2, etas=(0.5, 1.2), step_sizes=(1e-6, 50), *, capturable=False,
        foreach=None, maximize=False, differentiable=False,
    ):  # fmt: skip
        check_lr(self, lr, foreach, capturable)
        if not 0.0 < etas[0] < 1.0 < etas[1]:
            raise ValueError(
                f"Rprop: etas are {etas}; the first must be between 0 and 1, the second above 1."
            )
        super().__init__(params, options(locals()))

    def begin(self, state, parameter, group):
        super().begin(state, parameter, group)
        lr = number(group["lr"])
        start = complex(lr, lr) if parameter.is_complex() else lr
        state["step_size"] = flambeau.full_like(parameter, start).detach()

    def step_at(self, group, at):
        return _rule(bool(group["maximize"])), {
            "shrink": group["etas"][0],
            "grow": group["etas"][1],
            "smallest": group["step_sizes"][0],
            "largest": group["step_sizes"][1],
        }
