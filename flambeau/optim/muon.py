"""Muon."""

import math

import flambeau

from .optimizer import Optimizer
from .options import number, options, refuse_complex, with_gradients, zeros_like

__all__ = ["Muon"]


class Muon(Optimizer):
    """SGD with momentum whose step, a matrix, is replaced by the nearest orthogonal one.

    Args:
        momentum (float): how much of the running mean of gradients stays.
        nesterov (bool): step by a mean of the gradient and the running mean.
        ns_coefficients, ns_steps, eps: of the Newton-Schulz iteration, which runs in bfloat16.
        adjust_lr_fn (str): "original", lr * sqrt(max(1, rows / columns)); or "match_rms_adamw",
            lr * 0.2 * sqrt(max(rows, columns)).
        weight_decay (float): the parameter shrinks by lr * weight_decay.

    Example:
        >>> weight = torch.eye(3).requires_grad_()
        >>> optimizer = torch.optim.Muon([weight], lr=0.1)
        >>> (weight**2).sum().backward()
        >>> optimizer.step()
        >>> bool((weight**2).sum() < 3)
        True

    Source: Jordan et al., 2024, "Muon: an optimizer for hidden layers in neural networks".
    """

    def __init__(
        self, params, lr=1e-3, weight_decay=0.1, momentum=0.95, nesterov=True,
        ns_coefficients=(3.4445, -4.775, 2.0315), eps=1e-7, ns_steps=5, adjust_lr_fn=None,
    ):  # fmt: skip
        if isinstance(lr, flambeau.Tensor) and lr.numel() != 1:
            raise ValueError(f"Muon: lr is a tensor of {lr.numel()} elements; it must have one.")
        if not lr >= 0.0:
            raise ValueError(f"Muon: lr is {lr}; it must be 0 or more.")
        if not momentum >= 0.0:
            raise ValueError(f"Muon: momentum is {momentum}; it must be 0 or more.")
        if not weight_decay >= 0.0:
            raise ValueError(f"Muon: weight_decay is {weight_decay}; it must be 0 or more.")
        if adjust_lr_fn not in (None, "original", "match_rms_adamw"):
            raise ValueError(
                f"Muon: adjust_lr_fn is {adjust_lr_fn!r}; it must be 'original' or "
                "'match_rms_adamw'."
            )
        super().__init__(params, options(locals()))
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.dim() != 2:
                    raise ValueError(
                        f"Muon: a parameter has shape {tuple(parameter.shape)}; it takes matrices. "
                        "Give the others to another optimizer."
                    )

    def update(self, group):
        lr, momentum = number(group["lr"]), group["momentum"]
        for parameter, grad in with_gradients(group):
            refuse_complex(parameter, "Muon")
            state = self.state[parameter]
            if "momentum_buffer" not in state:
                state["momentum_buffer"] = zeros_like(grad)
            mean = state["momentum_buffer"].lerp_(grad, 1 - momentum)
            step = grad.lerp(mean, momentum) if group["nesterov"] else mean
            step = _orthogonal(step, group["ns_coefficients"], group["ns_steps"], group["eps"])
            rows, columns = parameter.shape
            if group["adjust_lr_fn"] == "match_rms_adamw":
                length = lr * 0.2 * math.sqrt(max(rows, columns))
            else:
                length = lr * math.sqrt(max(1, rows / columns))
            parameter.mul_(1 - lr * group["weight_decay"])
            parameter.add_(step.to(parameter.dtype), alpha=-length)


def _orthogonal(matrix, coefficients, steps, eps):
    """Nearly U @ V.T of the matrix's singular value decomposition, by Newton-Schulz iteration."""
    a, b, c = coefficients
    x = matrix.to(flambeau.bfloat16)
    tall = x.size(0) > x.size(1)
    x = x.t() if tall else x
    x = x / x.norm().clamp(min=eps)
    for _ in range(steps):
        # Products and sums in float32, one rounding each.
        wide = x.float()
        gram = _rounded(wide @ wide.t())
        x = (a * wide + _rounded(b * gram + c * (gram @ gram)) @ wide).to(flambeau.bfloat16)
    return x.t() if tall else x


def _rounded(values):
    return values.to(flambeau.bfloat16).float()
