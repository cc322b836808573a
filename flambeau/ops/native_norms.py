"""Normalizations that also hand out their statistics: what PyTorch calls native_*_norm."""

import math

from . import group_norm
from .core import operators as fl
from .core.arguments import check_parameters
from .core.attach import attached
from .core.declare import composite
from .rows import affine


def _like(input, weight, *statistics):
    """The statistics in the dtype of input, or of a weight that is wider."""
    dtype = input.dtype if weight is None else fl.promote_types(input.dtype, weight.dtype)
    return (attached(s.to(dtype), input) for s in statistics)


def _statistics(input, dims, eps):
    """(mean, 1 / sqrt(var + eps)) with the dims kept as 1; in float32 at least."""
    wide = input if input.dtype in (fl.float32, fl.float64) else input.float()
    mean = wide.mean(dims, keepdim=True)
    mean = mean + (mean - mean)  # an infinity among others leaves no mean: NaN
    centred = wide - mean
    var = (centred * centred).mean(dims, keepdim=True)
    if input.numel() < 8 * var.numel():
        var = var + mean * mean * 0  # see kernels/row_functions.py
    return mean, (var + eps).rsqrt()


@composite(method=False, out=False)
def native_layer_norm(input, normalized_shape, weight, bias, eps) -> tuple:
    """(layer_norm, the mean, 1 / sqrt(var + eps)) of each trailing block; see `layer_norm`."""
    result = fl.layer_norm(input, normalized_shape, weight, bias, eps)
    dims = list(range(input.dim() - len(normalized_shape), input.dim()))
    with fl.no_grad():
        mean, rstd = _statistics(input, dims, eps)
    return result, *_like(input, weight, mean, rstd)


@composite(method=False, out=False)
def native_group_norm(input, weight, bias, N, C, HxW, group, eps) -> tuple:
    """(group_norm, the means, 1 / sqrt(var + eps)) of input (N, C, *) in groups of C // group channels."""
    if C % group:
        raise RuntimeError(f"native_group_norm: {group} groups do not divide {C} channels.")
    for name, t in (("weight", weight), ("bias", bias)):
        if t is not None and t.numel() != C:
            raise RuntimeError(
                f"native_group_norm: {name} {tuple(t.shape)} must be ({C},), one for each channel."
            )
    check_parameters("native_group_norm", input, weight=weight, bias=bias)
    blocks = input.reshape(N, group, C // group * HxW)
    mean, rstd = _statistics(blocks, [2], eps)  # (N, group, 1)
    if input.shape[:2] == (N, C) and group_norm.takes(input, weight, bias):
        result = group_norm.normalized(input, group, weight, bias, eps)
        return result, *_like(input, weight, mean.squeeze(2), rstd.squeeze(2))
    result = ((blocks - mean) * rstd).reshape(N, C, HxW)
    if weight is not None:
        result = affine(result, weight.reshape(1, C, 1), 0.0)
    if bias is not None:
        result = result + bias.reshape(1, C, 1)
    return result.reshape(input.shape).to(input.dtype), *_like(
        input, weight, mean.squeeze(2), rstd.squeeze(2)
    )


@composite(method=False, out=False)
def native_batch_norm(
    input, weight, bias, running_mean, running_var, training, momentum, eps
) -> tuple:
    """(batch_norm, the means, 1 / sqrt(var + eps)) of each channel; empty statistics unless training."""
    result = fl.batch_norm(
        input, weight, bias, running_mean, running_var, training, momentum, eps, False
    )
    with fl.no_grad():
        if training:
            dims = [0, *range(2, input.dim())]
            mean, rstd = (s.reshape(-1) for s in _statistics(input, dims, eps))
            # Beside an infinity the moments leave no mean; the sum does.
            mean = fl.where(mean.isfinite(), mean, input.to(mean.dtype).mean(dims))
        else:
            mean = rstd = fl.empty(0, dtype=input.dtype, device=input.device)
    return result, *_like(input, weight, mean, rstd)


@composite(method=False, out=False)
def native_dropout(input, p, train) -> tuple:
    """(dropout, the mask of what was kept)."""
    if train is False or p == 0:
        return input.clone(), fl.ones_like(input, dtype=fl.bool)
    if p == 1:
        return input * 0, fl.zeros_like(input, dtype=fl.bool)
    mask = fl.rand(input.shape, dtype=fl.float32, device=input.device) >= p
    return input * mask * (1 / (1 - p)), mask


@composite(method=False, out=False)
def norm_except_dim(v, pow=2, dim=0):
    """The norm over all dims but one, which keeps its size; dim -1 gives the norm of everything.

    Example:
        >>> torch.norm_except_dim(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        tensor([[2.2361],
                [5.0000]])
    """
    if dim == -1:
        return v.norm(pow)
    dims = [d for d in range(v.dim()) if d != dim % v.dim()]
    return v.norm(pow, dims, keepdim=True) if math.prod(v.shape) else v.sum(dims, keepdim=True)
