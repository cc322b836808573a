"""Limiting gradients."""

import math

import flambeau

from ... import _core

__all__ = [
    "clip_grad_norm", "clip_grad_norm_", "clip_grad_value_", "clip_grads_with_norm_",
    "get_total_norm",
]  # fmt: skip


def _gradients(parameters):
    if isinstance(parameters, flambeau.Tensor):
        parameters = [parameters]
    return [parameter.grad for parameter in parameters if parameter.grad is not None]


def get_total_norm(tensors, norm_type=2.0, error_if_nonfinite=False, foreach=None):
    """The norm of all tensors taken together as one vector; without elements it is 0.

    Example:
        >>> nn.utils.get_total_norm([torch.tensor([3.0]), torch.tensor([4.0])])
        tensor(5.)
    """
    tensors = [tensors] if isinstance(tensors, flambeau.Tensor) else list(tensors)
    norm_type = float(norm_type)
    if not tensors:
        return flambeau.tensor(0.0)
    device, dtype = tensors[0].device, tensors[0].dtype
    tensors = [tensor for tensor in tensors if tensor.numel()]
    if not tensors:
        return flambeau.zeros((), device=device, dtype=dtype).abs()
    norms = [norm.to(device) for norm in flambeau._foreach_norm(tensors, norm_type)]
    total = flambeau.linalg.vector_norm(flambeau.stack(norms), norm_type)
    if error_if_nonfinite and not math.isfinite(total.item()):
        raise RuntimeError(
            f"clip_grad_norm_: the norm of order {norm_type} of the gradients is infinite or NaN. "
            "Pass error_if_nonfinite=False to scale them by it all the same."
        )
    return total


def clip_grads_with_norm_(parameters, max_norm, total_norm, foreach=None):
    """Scale all gradients by max_norm / total_norm if that is below 1.

    Example:
        >>> x = torch.zeros(2, requires_grad=True)
        >>> x.grad = torch.tensor([3.0, 4.0])
        >>> nn.utils.clip_grads_with_norm_(x, 1.0, nn.utils.get_total_norm([x.grad]))
        >>> x.grad
        tensor([0.6000, 0.8000])
    """
    grads = _gradients(parameters)
    factor = (float(max_norm) / (total_norm + 1e-6)).clamp(max=1.0)
    with flambeau.no_grad():
        if grads:
            flambeau._foreach_mul_(grads, factor.to(grads[0].device))


def clip_grad_norm_(parameters, max_norm, norm_type=2.0, error_if_nonfinite=False, foreach=None):
    """Scale all gradients so that their norm, taken together, is at most max_norm.

    Returns:
        Tensor: the norm before.

    Example:
        >>> weight = torch.zeros(2, requires_grad=True)
        >>> weight.grad = torch.tensor([3.0, 4.0])
        >>> nn.utils.clip_grad_norm_([weight], 1.0)
        tensor(5.)
        >>> weight.grad
        tensor([0.6000, 0.8000])
    """
    if not isinstance(parameters, flambeau.Tensor):
        parameters = list(parameters)
    with flambeau.no_grad():
        total = get_total_norm(_gradients(parameters), norm_type, error_if_nonfinite, foreach)
        clip_grads_with_norm_(parameters, max_norm, total, foreach)
    return total


def clip_grad_norm(parameters, max_norm, norm_type=2.0, error_if_nonfinite=False, foreach=None):
    """The old name of clip_grad_norm_, with the same arguments; it warns.

    Example:
        >>> import warnings
        >>> weight = nn.Parameter(torch.zeros(2))
        >>> weight.grad = torch.tensor([3.0, 4.0])
        >>> with warnings.catch_warnings(action="ignore"):
        ...     nn.utils.clip_grad_norm([weight], 1.0)
        tensor(5.)
    """
    _core._warn("clip_grad_norm: is an old name. Use clip_grad_norm_.", FutureWarning)
    return clip_grad_norm_(parameters, max_norm, norm_type, error_if_nonfinite, foreach)


def clip_grad_value_(parameters, clip_value, foreach=None):
    """Limit every element of every gradient to [-clip_value, clip_value].

    Example:
        >>> weight = torch.zeros(2, requires_grad=True)
        >>> weight.grad = torch.tensor([3.0, -4.0])
        >>> nn.utils.clip_grad_value_([weight], 1.0)
        >>> weight.grad
        tensor([ 1., -1.])
    """
    clip_value = float(clip_value)
    with flambeau.no_grad():
        if grads := _gradients(parameters):
            flambeau._foreach_clamp_min_(grads, -clip_value)
            flambeau._foreach_clamp_max_(grads, clip_value)
