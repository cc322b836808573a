"""Adafactor."""

import flambeau

from .examples import shows_step
from .optimizer import Optimizer
from .options import (
    count_step,
    new_step,
    number,
    options,
    refuse_complex,
    with_gradients,
    zeros_like,
)

__all__ = ["Adafactor"]


@shows_step("Adafactor([weight])")
class Adafactor(Optimizer):
    """Adam's second moment of a matrix from those of its rows and columns; no first moment.

    Args:
        lr (float): the largest relative step.
        beta2_decay (float): how much of the moments goes at step t is t**beta2_decay.
        eps (pair): the least square of a gradient (machine epsilon if None), and the least size of
            a parameter that steps are relative to.
        d (float): updates with a larger root mean square are scaled down to it.
        weight_decay (float): the parameter shrinks by lr * weight_decay.

    Source: Shazeer, Stern, 2018, arXiv:1804.04235.
    """

    def __init__(
        self, params, lr=1e-2, beta2_decay=-0.8, eps=(None, 1e-3), d=1.0, weight_decay=0.0, *,
        foreach=None, maximize=False,
    ):  # fmt: skip
        if isinstance(lr, flambeau.Tensor) and lr.numel() != 1:
            raise ValueError(
                f"Adafactor: lr is a tensor of {lr.numel()} elements; it must have one."
            )
        if not lr >= 0.0:
            raise ValueError(f"Adafactor: lr is {lr}; it must be 0 or more.")
        if not beta2_decay <= 0.0:
            raise ValueError(f"Adafactor: beta2_decay is {beta2_decay}; it must be 0 or less.")
        if eps[0] is not None and not eps[0] >= 0.0:
            raise ValueError(f"Adafactor: epsilon1 is {eps[0]}; it must be 0 or more.")
        if not eps[1] >= 0.0:
            raise ValueError(f"Adafactor: epsilon2 is {eps[1]}; it must be 0 or more.")
        if not d >= 1.0:
            raise ValueError(f"Adafactor: d is {d}; it must be 1 or more.")
        if not weight_decay >= 0.0:
            raise ValueError(f"Adafactor: weight_decay is {weight_decay}; it must be 0 or more.")
        super().__init__(params, options(locals()))

    def update(self, group):
        lr = number(group["lr"])
        for parameter, grad in with_gradients(group):
            refuse_complex(parameter, "Adafactor")
            state = self.state[parameter]
            if not state:
                state["step"] = new_step()
                if grad.dim() > 1:
                    state["row_var"] = grad.new_zeros((*grad.shape[:-1], 1))
                    columns = (*grad.shape[:-2], 1, grad.shape[-1])
                    state["col_var"] = grad.new_zeros(columns)
                else:
                    state["variance"] = zeros_like(grad)
            step = count_step(state)
            least = group["eps"][0]
            least = flambeau.finfo(parameter.dtype).eps if least is None else least
            size = parameter.norm(2).item() / parameter.numel() ** 0.5
            length = max(group["eps"][1], size) * min(lr, 1 / step**0.5)
            if group["weight_decay"] != 0:
                parameter.mul_(1 - lr * group["weight_decay"])
            if group["maximize"]:
                grad = -grad
            variance = _variance(state, grad, step ** group["beta2_decay"], least)
            update = variance.clamp(min=least * least).rsqrt() * grad
            excess = update.norm(2).item() / (update.numel() ** 0.5 * group["d"])
            parameter.add_(update, alpha=-length / max(1.0, excess))


def _variance(state, grad, share, least):
    """The estimate of the mean of grad**2 for each element; the state moves by `share`."""
    if grad.dim() <= 1:
        return state["variance"].lerp_(grad * grad, share)
    squares = grad * grad
    rows = state["row_var"].lerp_(squares.mean(-1, keepdim=True), share)
    columns = state["col_var"].lerp_(squares.mean(-2, keepdim=True), share)
    return rows @ columns / rows.mean(-2, keepdim=True).clamp(min=least)
