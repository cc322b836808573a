"""Rules of convolution and pooling.

Levels that only the input depends on are more images. A kernel that differs from level to level makes one
convolution of as many groups: the levels lie beside each other among the channels.

Source of the group trick: Rochette, Manoel, Tramel, "Efficient per-example gradient computations in
convolutional neural networks", 2019, arXiv:1912.06015.
"""

from ... import _core
from .. import conv
from ..core.declare import primitive
from .values import folded, full, is_batched, joint_levels, on_values, rule, same_for, unfolded


def _beside(value):
    """(B, N, C, *) as (N, B * C, *)."""
    return value.movedim(0, 1).flatten(1, 2)


def _apart(value, count):
    """(N, B * C, *) as (B, N, C, *)."""
    return value.unflatten(1, (count, -1)).movedim(1, 0)


def _plus_bias(value, bias, levels):
    """(B, N, O, *) plus a bias (O,), batched or not."""
    if bias is None:
        return value
    bias = folded(bias, levels) if is_batched(bias) else bias.unsqueeze(0)
    return value + bias.reshape(len(bias), 1, -1, *[1] * (value.dim() - 3))


def _grouped(operator, input, weight, stride, padding, dilation, groups, out):
    """operator of (B, N, C, *) and (B, ...) kernels: one of B times as many groups."""
    count = len(weight)
    made = operator(
        _beside(input), weight.flatten(0, 1), None, stride, padding, dilation, groups * count, out
    )
    return _apart(made, count)


def _correlated(output, input, stride, padding, dilation, groups, kernel):
    """_correlate of (B, N, O, *) and (B, N, C, *): a gradient for the kernel of each of B."""
    count = len(output)
    made = conv._correlate(
        _beside(output), _beside(input), stride, padding, dilation, groups * count, kernel
    )
    return made.unflatten(0, (count, -1))


@primitive(name="_conv_of_copies", method=False, function=False, out=False)
def _of_copies(ctx, operator, input, weight, bias, stride, padding, dilation, groups, out):
    """operator(input (B, N, C, *), weight (B, ...), bias) where all kernels are one and the same: more images of it.

    The gradient has one kernel for each of B all the same: that is how gradients come by sample.
    """
    ctx.save_for_backward(input, weight)
    ctx.operator, ctx.window = operator, (stride, padding, dilation, groups)
    shared = None if bias is None else bias[0]
    made = operator(input.flatten(0, 1), weight[0], shared, stride, padding, dilation, groups, out)
    return made.unflatten(0, input.shape[:2])


@_of_copies.derivative
def _(ctx, grad_output):
    input, weight = ctx.saved
    _, wants_input, wants_weight, wants_bias = ctx.needs_input_grad[:4]
    forwards = ctx.operator is conv._forward
    back = conv._transposed if forwards else conv._forward
    grad_input = grad_weight = grad_bias = None
    if wants_input:
        space = tuple(input.shape[3:])
        if _core.is_grad_enabled():
            grad_input = _grouped(back, grad_output, conv._conj(weight), *ctx.window, space)
        else:
            kernel = conv._conj(weight[0])
            made = back(grad_output.flatten(0, 1), kernel, None, *ctx.window, space)
            grad_input = made.unflatten(0, input.shape[:2])
    if wants_weight:
        pair = (grad_output, conv._conj(input)) if forwards else (conv._conj(input), grad_output)
        grad_weight = _correlated(*pair, *ctx.window, tuple(weight.shape[3:]))
    if wants_bias:
        grad_bias = grad_output.sum([1, *range(3, grad_output.dim())])
    return None, grad_input, grad_weight, grad_bias, None, None, None, None, None


def _is_copies(tensor, levels):
    """Whether a batched tensor has the same elements at every level."""
    value = full(tensor, levels)
    return all(value.stride(k) == 0 or value.shape[k] == 1 for k in range(len(levels)))


@same_for(conv._forward, conv._transposed)
def _(operator, input, weight, bias, *window):
    levels = joint_levels(input, weight, bias)
    if not is_batched(weight):
        if is_batched(bias):
            return operator(input, weight, None, *window) + bias.reshape(
                -1, *[1] * (input.dim() - 2)
            )
        images = folded(input, levels)
        made = operator(images.flatten(0, 1), weight, bias, *window)
        return unfolded(made.unflatten(0, images.shape[:2]), levels)
    if _is_copies(weight, levels) and (bias is None or _is_copies(bias, levels)):
        given = [None if t is None else folded(t, levels) for t in (input, weight, bias)]
        return unfolded(_of_copies(operator, *given, *window), levels)
    kernels = folded(weight, levels)
    *sizes_of_window, groups, out = window
    if not is_batched(input) and groups == 1 and operator is conv._forward:
        # The same images for all: their results lie beside each other.
        made = operator(input, kernels.flatten(0, 1), None, *sizes_of_window, 1, out)
        made = _apart(made, len(kernels))
    else:
        made = _grouped(operator, folded(input, levels), kernels, *window)
    return unfolded(_plus_bias(made, bias, levels), levels)


@rule(conv._correlate)
def _(output, input, stride, padding, dilation, groups, kernel):
    levels = joint_levels(output, input)
    if not is_batched(input) and groups == 1:
        outputs = folded(output, levels)
        made = conv._correlate(_beside(outputs), input, stride, padding, dilation, 1, kernel)
        return unfolded(made.unflatten(0, (len(outputs), -1)), levels)
    given = folded(output, levels), folded(input, levels)
    return unfolded(_correlated(*given, stride, padding, dilation, groups, kernel), levels)


@rule(conv._sum_channels)
def _(grad_output, input, weight):
    return grad_output.sum([0, *range(2, grad_output.dim())])


@same_for(_core._max_pool, _core._max_pool_backward, _core._avg_pool, _core._avg_pool_backward)
def _(operator, *args):
    return on_values(operator, *args)
