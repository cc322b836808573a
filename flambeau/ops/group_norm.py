"""Groups of channels normalized: the loops of csrc/kernels/norm."""

from .. import _core
from .core import operators as fl
from .core.attach import attached
from .core.declare import primitive


def takes(input, weight, bias):
    """Whether the loops take these: one real dtype of full precision on the CPU, no slices of a vmap."""
    tensors = [t for t in (input, weight, bias) if t is not None]
    return input.numel() > 0 and all(
        t.dtype in (fl.float32, fl.float64)
        and t.dtype is input.dtype
        and t.device.type == "cpu"
        and not _core._is_batched(t)
        for t in tensors
    )


@primitive(name="_group_norm", method=False, function=False, out=False, keeps_format=True)
def normalized(ctx, input, groups, weight, bias, eps):
    result, mean, rstd = _core._group_norm(input, groups, weight, bias, eps)
    ctx.save_for_backward(input, mean, rstd, weight)
    ctx.groups, ctx.eps = groups, eps
    return result


@normalized.derivative
def _(ctx, grad_output):
    input, mean, rstd, weight = ctx.saved
    wants_input, _, *wants = ctx.needs_input_grad[:4]
    if _core.is_grad_enabled() or _core._is_batched(grad_output):
        grad_input, grad_weight, grad_bias = gradients(
            grad_output, input, weight, ctx.groups, ctx.eps
        )
    else:
        grad_input, grad_weight, grad_bias = _core._group_norm_backward(
            grad_output, input, mean, rstd, weight, ctx.groups, wants_input, *wants
        )
    return (
        grad_input if wants_input else None,
        None,
        grad_weight if wants[0] else None,
        grad_bias if wants[1] else None,
        None,
    )


def gradients(grad_output, input, weight, groups, eps):
    """The gradients by differentiable operators, for gradients of gradients."""
    n, channels = input.shape[:2]
    blocks = input.reshape(n, groups, -1)
    centred = blocks - blocks.mean(2, keepdim=True)
    rstd = ((centred * centred).mean(2, keepdim=True) + eps).rsqrt()
    normal = centred * rstd
    each = [1, channels] + [1] * (input.dim() - 2)
    scaled = grad_output if weight is None else grad_output * weight.reshape(each)
    scaled = scaled.reshape(blocks.shape)
    grad_input = rstd * (
        scaled - scaled.mean(2, keepdim=True) - normal * (scaled * normal).mean(2, keepdim=True)
    )
    others = [0, *range(2, input.dim())]
    return (
        grad_input.reshape(input.shape),
        (grad_output * normal.reshape(input.shape)).sum(others),
        attached(grad_output.sum(others), input, weight),
    )
