"""Normalization: to mean 0 and variance 1 over batches, channels, rows; to length 1."""

import math

import flambeau

from ..._core import _keep_format
from ...autograd.function import forward_levels
from ...ops import batch_norm as batch_norm_loops
from ...ops import group_norm as group_norm_loops
from ...ops import rows
from ...ops.core.arguments import check_parameters
from ...ops.core.attach import attached
from ...ops.core.ways import native_way


def _check_batch(operator, sizes):
    """Training statistics need more than one value each."""
    values = sizes[0] * math.prod(sizes[2:])
    if values == 1:
        raise ValueError(
            f"{operator}: input {tuple(sizes)} has one value for each channel, which has no "
            "variance. Give a larger batch, or call eval() for the running statistics."
        )


def batch_norm(
    input, running_mean, running_var, weight=None, bias=None, training=False, momentum=0.1,
    eps=1e-05,
):  # fmt: skip
    """(input - mean) / sqrt(var + eps) * weight + bias, a mean and variance for each channel.

    In training they are those of this batch, and the running ones move towards them by `momentum`
    (the running variance divides by n - 1); otherwise they are the running ones.

    Shape: input (N, C, *); the others (C,).
    Source: Ioffe, Szegedy, 2015, arXiv:1502.03167.
    """
    if training:
        if input.numel() and (input.dim() < 2 or input.numel() == input.size(1)):
            _check_batch("batch_norm", input.size())
        if eps <= 0.0:
            raise ValueError(f"batch_norm: eps is {eps}; it must be above 0.")
    elif forward_levels:
        _refuse_tangents(input, running_mean, running_var)
    return flambeau.batch_norm(
        input, weight, bias, running_mean, running_var, training, momentum, eps, False
    )


def _batch_norm_backward(grad_output, input, mean, rstd, weight, wanted):
    grads = batch_norm_loops.differentiable(grad_output, input, mean, rstd, weight)
    return tuple(g if wants else None for g, wants in zip(grads, wanted, strict=True))


batch_norm = native_way(batch_norm, "batch_norm", _batch_norm_backward)


def _refuse_tangents(input, *running):
    """RuntimeError where a running statistic has a tangent beside input's, for it is no variable."""
    unpack = flambeau.autograd.forward_ad.unpack_dual
    moving = [t for t in running if t is not None and unpack(t).tangent is not None]
    if moving and unpack(input).tangent is not None:
        raise RuntimeError(
            "batch_norm: running_mean and running_var have no derivatives, but one of them has a tangent. "
            "Give unpack_dual(...).primal."
        )


def instance_norm(
    input, running_mean=None, running_var=None, weight=None, bias=None, use_input_stats=True,
    momentum=0.1, eps=1e-05,
):  # fmt: skip
    """batch_norm with a mean and variance for each channel of each sample.

    Source: Ulyanov et al., 2016, arXiv:1607.08022.
    """
    sizes = input.size()
    if use_input_stats:
        if math.prod(sizes[2:]) == 1:
            raise ValueError(
                f"instance_norm: input {tuple(sizes)} has one value for each channel, which has no "
                "variance. Give larger sizes, or call eval() for the running statistics."
            )
        if sizes[0] * sizes[1] == 0:
            return attached(input.clone(), weight, bias, anyway=True)
    n, c = sizes[:2]
    if not use_input_stats:
        return batch_norm(input, running_mean, running_var, weight, bias, False, momentum, eps)
    folded = input.contiguous().reshape(1, n * c, *sizes[2:])

    def repeat(t):
        return None if t is None else t.repeat(n)

    mean, var = repeat(running_mean), repeat(running_var)
    _check_batch("instance_norm", folded.shape)
    out = flambeau.batch_norm(
        folded, repeat(weight), repeat(bias), mean, var, True, momentum, eps, True
    )
    with flambeau.no_grad():
        if running_mean is not None:
            running_mean.copy_(mean.reshape(n, c).mean(0))
        if running_var is not None:
            running_var.copy_(var.reshape(n, c).mean(0))
    return out.reshape(sizes)


layer_norm, rms_norm = rows.layer_norm, rows.rms_norm


def group_norm(input, num_groups, weight=None, bias=None, eps=1e-05):
    """layer_norm over each of `num_groups` groups of channels, then weight and bias a channel.

    Shape: input (N, C, *), weight and bias (C,). Source: Wu, He, 2018, arXiv:1803.08494.
    """
    if input.dim() < 2:
        raise RuntimeError(
            f"group_norm: input {tuple(input.shape)} must have 2 dims or more, (N, C, ...)."
        )
    n, c, *spatial = input.shape
    if num_groups <= 0:
        raise RuntimeError(f"group_norm: num_groups is {num_groups}; it must be 1 or more.")
    if c % num_groups:
        raise RuntimeError(
            f"group_norm: num_groups={num_groups} does not divide the {input.size(1)} channels of "
            f"input {tuple(input.shape)}."
        )
    dtype, alike = input.dtype, True
    for name, vector in (("weight", weight), ("bias", bias)):
        if vector is None:
            continue
        alike &= vector.dtype is dtype
        if vector.dim() != 1 or vector.numel() != c:
            raise RuntimeError(
                f"group_norm: {name} {tuple(vector.shape)} must be ({input.size(1)},), one for "
                f"each channel of input {tuple(input.shape)}."
            )
    if not alike:
        check_parameters("group_norm", input, weight=weight, bias=bias)
    _check_batch("group_norm", [n * c // num_groups, num_groups, *spatial])
    block = c // num_groups * math.prod(spatial)
    wide = weight if weight is not None else bias
    if wide is not None and wide.dtype == flambeau.float32 and input.dtype.itemsize < 4:
        # Rounded once, at the end; the gradients of float32 weights are not rounded at all.
        exact = group_norm(input.float(), num_groups, weight, bias, eps)
        return exact.to(input.dtype)
    if block >= 64 and group_norm_loops.takes(input, weight, bias):
        return group_norm_loops.normalized(input, num_groups, weight, bias, eps)
    out = rows.layer_norm(input.reshape(n * num_groups, block), (block,), None, None, eps)
    out = _keep_format(out.reshape(input.shape), input)
    channels = (c, *[1] * len(spatial))
    if weight is not None and bias is not None:
        out = rows.affine(out, weight.reshape(channels), bias.reshape(channels))
    elif weight is not None:
        out = rows.affine(out, weight.reshape(channels), 0.0)
    elif bias is not None:
        out = out + bias.reshape(channels)
    return out


def _group_norm_backward(grad_output, input, mean, rstd, weight, groups, eps, wanted):
    grads = group_norm_loops.gradients(grad_output, input, weight, groups, eps)
    return tuple(g if wants else None for g, wants in zip(grads, wanted, strict=True))


group_norm = native_way(group_norm, "group_norm", _group_norm_backward)


def local_response_norm(input, size, alpha=1e-4, beta=0.75, k=1.0):
    """input / (k + alpha * mean of input**2 over `size` neighbouring channels) ** beta.

    Source: Krizhevsky et al., 2012.
    """
    if input.dim() < 3:
        raise ValueError(
            f"local_response_norm: input {tuple(input.shape)} must have 3 dims or more, (N, C, "
            "...)."
        )
    if size < 1:
        raise RuntimeError(f"local_response_norm: size is {size}; it must be 1 or more.")
    if input.numel() == 0:
        return input
    squares = flambeau.nn.functional.pad(
        (input * input).unsqueeze(1), (*[0, 0] * (input.dim() - 2), size // 2, (size - 1) // 2)
    ).squeeze(1)
    total = squares.unfold(1, size, 1).sum(-1)
    return input / (total / size * alpha + k) ** beta


def normalize(input, p=2.0, dim: object = 1, eps=1e-12, out=None):
    """input / max(norm of input along dim, eps)."""
    norm = input.norm(p, dim, keepdim=True).clamp_min(eps)
    if out is None:
        return input / norm
    return flambeau.div(input, norm, out=out)
