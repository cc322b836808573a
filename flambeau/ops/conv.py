"""Convolution and transposed convolution over 1 to 3 spatial dimensions.

Three primitives, each linear in both its tensors, are each other's derivatives:

    forward(input, weight) -> output        y = x * w
    transposed(output, weight) -> input     the gradient of forward for its input
    correlate(output, input) -> weight      the gradient of forward for its weight

so everything here is differentiable to any order. The kernels are csrc/kernels/conv.
"""

from functools import lru_cache

from .. import _core
from .core.attach import attached
from .core.declare import composite, primitive
from .core.ways import native_way
from .windows import at_least, has_pixels, per_dim, pixel_order, window_count, within_reach


def _conj(tensor):
    return tensor.conj() if tensor.dtype.is_complex else tensor


@primitive(name="_conv_forward", keeps_format=True, method=False, function=False, out=False)
def _forward(ctx, input, weight, bias, stride, padding, dilation, groups, out):
    """output[n, o] = bias[o] + sum over c, k of weight[o, c, k] * input[n, c, position * stride + k * dilation - padding].

    padding is at the low end of each dimension, `out` the spatial sizes of the result.
    """
    ctx.save_for_backward(input, weight)
    ctx.window = (stride, padding, dilation, groups)
    return _core._conv_forward(input, weight, bias, out, stride, padding, dilation, groups)


@_forward.derivative
def _(ctx, grad_output):
    gradients = _gradients(grad_output, *ctx.saved, *ctx.window, ctx.needs_input_grad)
    return *gradients, None, None, None, None, None


def _gradients(grad_output, input, weight, stride, padding, dilation, groups, wanted, back=None):
    """The gradients of input, weight and bias; `back` is what gives the input's, _transposed unless told."""
    window, back = (stride, padding, dilation, groups), back or _transposed
    wants_input, wants_weight, wants_bias = wanted[:3]
    grad_input = grad_weight = grad_bias = None
    given = grad_output
    own_channels = groups > 1 and weight.shape[1] == 1
    if input.dtype is _core.bfloat16 and has_pixels(input):
        grad_output = given.contiguous(memory_format=pixel_order(input))
    elif sum(map(bool, wanted[:3])) > 1 and max(weight.shape[2:]) > 1 and not own_channels:
        # Once for all; pixels and channels by themselves, and some of few products, are read as they lie.
        if not _core._conv_reads_pixels(given, input, weight, *window, back is not _transposed):
            grad_output = given.contiguous()
    if wants_input:
        grad_input = back(grad_output, _conj(weight), None, *window, tuple(input.shape[2:]))
        grad_input = _core._keep_format(grad_input, given)
    if wants_weight:
        pair = grad_output, _conj(input)
        pair = pair if back is _transposed else reversed(pair)
        grad_weight = _correlate(*pair, *window, tuple(weight.shape[2:]))
    if wants_bias:
        grad_bias = _sum_channels(grad_output, input, weight)
    return grad_input, grad_weight, grad_bias


def _gradients_of_transposed(*arguments):
    return _gradients(*arguments, back=_forward)


@primitive(name="_conv_transposed", keeps_format=True, method=False, function=False, out=False)
def _transposed(ctx, input, weight, bias, stride, padding, dilation, groups, out):
    """The gradient of forward for its input, whose spatial sizes are `out`, plus bias."""
    ctx.save_for_backward(input, weight)
    ctx.window = (stride, padding, dilation, groups)
    return _core._conv_backward_input(input, weight, bias, out, stride, padding, dilation, groups)


@_transposed.derivative
def _(ctx, grad_output):
    gradients = _gradients_of_transposed(grad_output, *ctx.saved, *ctx.window, ctx.needs_input_grad)
    return *gradients, None, None, None, None, None


@primitive(name="_conv_correlate", method=False, function=False, out=False)
def _correlate(ctx, output, input, stride, padding, dilation, groups, kernel):
    """The gradient of forward for its weight, whose spatial sizes are `kernel`, where `output` is its gradient."""
    ctx.save_for_backward(output, input)
    ctx.window = (stride, padding, dilation, groups)
    return _core._conv_backward_weight(output, input, kernel, stride, padding, dilation, groups)


@_correlate.derivative
def _(ctx, grad_weight):
    output, input = ctx.saved
    grad_output = grad_input = None
    if ctx.needs_input_grad[0]:
        grad_output = _forward(
            _conj(input), grad_weight, None, *ctx.window, tuple(output.shape[2:])
        )
    if ctx.needs_input_grad[1]:
        grad_input = _transposed(
            _conj(output), grad_weight, None, *ctx.window, tuple(input.shape[2:])
        )
    return grad_output, grad_input, None, None, None, None, None


@primitive(name="_conv_sum_channels", method=False, function=False, out=False)
def _sum_channels(ctx, grad_output, input, weight):
    """(N, C, *) summed over all but C. As in PyTorch the result requires grad if an operand of the convolution does."""
    ctx.sizes = grad_output.shape
    return _core._conv_backward_bias(grad_output)


@_sum_channels.derivative
def _(ctx, grad):
    return grad.reshape((1, -1) + (1,) * (len(ctx.sizes) - 2)).expand(ctx.sizes), None, None


# --------------------------------------------------------------------------------------- checks


def _facts(name, input, weight, bias):
    """What the checks and the plan depend on, hashable: sizes and dtypes."""
    for label, tensor in (("input", input), ("weight", weight), ("bias", bias)):
        if not isinstance(tensor, _core.Tensor) and not (tensor is None and label == "bias"):
            raise TypeError(
                f"{name}(): argument '{label}' must be Tensor, not {type(tensor).__name__}."
            )
    if bias is None:
        return input.shape, input.dtype, weight.shape, weight.dtype, None, None
    return input.shape, input.dtype, weight.shape, weight.dtype, bias.shape, bias.dtype


def _hashable(value):
    return tuple(value) if isinstance(value, list) else value


def _check_operands(name, n, facts, groups, transposed):
    """Raises what a wrong call deserves; returns whether the input has no batch dimension."""
    input, input_dtype, weight, weight_dtype, bias, bias_dtype = facts
    if len(weight) != n + 2:
        raise RuntimeError(
            f"{name}: weight {tuple(weight)} must have {n + 2} dims, (channels out, channels in / "
            "groups, kernel sizes)."
        )
    if len(input) not in (n + 1, n + 2):
        raise RuntimeError(
            f"{name}: input {tuple(input)} must have {n + 2} dims, (N, C, sizes), or {n + 1} "
            "without a batch. unsqueeze(0) adds a batch of one."
        )
    if input_dtype is not weight_dtype or (bias is not None and bias_dtype is not input_dtype):
        wrong, dtype = (
            ("weight", weight_dtype) if input_dtype is not weight_dtype else ("bias", bias_dtype)
        )
        raise RuntimeError(
            f"{name}: input is {input_dtype.name} but {wrong} is {dtype.name}. Convert one of "
            f"them, for example {wrong}.to(input.dtype)."
        )
    if groups < 1:
        raise RuntimeError(f"{name}: groups is {groups}; it must be 1 or more.")
    channels = input[-n - 1]
    wanted = weight[0] if transposed else weight[1] * groups
    if channels != wanted:
        raise RuntimeError(
            f"{name}: input {tuple(input)} has {channels} channel{'s' * (channels != 1)}; weight "
            f"{tuple(weight)} "
            f"{'of a transposed convolution' if transposed else f'with groups={groups}'} takes "
            f"{wanted}."
        )
    if weight[0] % groups:
        raise RuntimeError(
            f"{name}: groups={groups} does not divide the {weight[0]} channels in dim 0 of weight "
            f"{tuple(weight)}."
        )
    outputs = weight[1] * groups if transposed else weight[0]
    if bias is not None and (len(bias) != 1 or bias[0] != outputs):
        raise RuntimeError(
            f"{name}: bias {tuple(bias)} must be ({outputs},), one value for each channel that "
            f"weight {tuple(weight)} gives."
        )
    if min(weight[2:]) == 0:
        raise RuntimeError(f"{name}: weight {tuple(weight)} has a kernel without elements.")
    return len(input) == n + 1


def _pad_sizes(name, padding, n, sizes, kernel, stride, dilation):
    """(padding at the low end, output sizes) of a forward convolution."""
    if isinstance(padding, str):
        if padding == "same":
            if any(s != 1 for s in stride):
                raise RuntimeError(
                    f"{name}: padding='same' needs stride 1, but stride is {stride}. Give padding "
                    "as numbers."
                )
            return tuple(d * (k - 1) // 2 for k, d in zip(kernel, dilation, strict=True)), tuple(
                sizes
            )
        if padding != "valid":
            raise RuntimeError(f"{name}: padding is {padding!r}. Use 'same', 'valid' or numbers.")
        padding = 0
    padding = per_dim(padding, n, name, "padding")
    at_least(0, padding, name, "padding")
    padded = [size + 2 * p for size, p in zip(sizes, padding, strict=True)]
    reach = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    if any(r > size for r, size in zip(reach, padded, strict=True)):
        raise RuntimeError(
            f"{name}: the kernel reaches over {tuple(reach)} but the padded input has only "
            f"{tuple(padded)}. Use a smaller kernel or dilation, or more padding."
        )
    out = tuple(
        window_count(*five) for five in zip(sizes, kernel, stride, padding, dilation, strict=True)
    )
    return padding, within_reach(out, name)


@lru_cache(1024)
def _plan(n, facts, stride, padding, dilation, groups):
    """(no batch dimension?, what _forward wants behind its tensors) of a checked call. Cached: a loop repeats its shapes."""
    name = f"conv{n}d"
    single = _check_operands(name, n, facts, groups, False)
    stride, dilation = per_dim(stride, n, name, "stride"), per_dim(dilation, n, name, "dilation")
    at_least(1, stride, name, "stride")
    at_least(1, dilation, name, "dilation")
    padding, out = _pad_sizes(name, padding, n, facts[0][-n:], facts[2][2:], stride, dilation)
    return single, (stride, padding, dilation, groups, out)


@lru_cache(1024)
def _plan_transposed(n, facts, stride, padding, extra, groups, dilation):
    """As _plan, for _transposed."""
    name = f"conv_transpose{n}d"
    single = _check_operands(name, n, facts, groups, True)
    stride, dilation = per_dim(stride, n, name, "stride"), per_dim(dilation, n, name, "dilation")
    padding, extra = per_dim(padding, n, name, "padding"), per_dim(extra, n, name, "output_padding")
    at_least(1, stride, name, "stride")
    at_least(1, dilation, name, "dilation")
    at_least(0, padding, name, "padding")
    at_least(0, extra, name, "output_padding")
    if any(e >= s and e >= d for e, s, d in zip(extra, stride, dilation, strict=True)):
        raise RuntimeError(
            f"{name}: output_padding {extra} must be smaller than stride {stride} or than dilation "
            f"{dilation} in every dim."
        )
    sizes = tuple(facts[0][-n:])
    each = zip(sizes, facts[2][2:], stride, padding, extra, dilation, strict=True)
    out = tuple((size - 1) * s - 2 * p + d * (k - 1) + e + 1 for size, k, s, p, e, d in each)
    if min(out) < 0:
        raise RuntimeError(
            f"{name}: an input of {sizes} would give an output of {out}. Use less padding, or more "
            "output_padding."
        )
    return single, (stride, padding, dilation, groups, within_reach(out, name))


def _run(operator, plan, n, input, weight, bias, *window):
    name = f"conv_transpose{n}d" if plan is _plan_transposed else f"conv{n}d"
    facts = _facts(name, input, weight, bias)
    try:
        single, arguments = plan(n, facts, *window)
    except TypeError:  # a list among the arguments, or one that is wrong
        single, arguments = plan(n, facts, *map(_hashable, window))
    if single:
        input = input.unsqueeze(0)
    if operator is _forward and input.shape[1] == 0:
        nothing = input.new_empty(input.shape[0], 0, *arguments[-1])
        result = attached(nothing, input, weight, bias)
    else:
        result = operator(input, weight, bias, *arguments)
    return result.squeeze(0) if single else result


def _convolve(n, input, weight, bias, *window):
    return _run(_forward, _plan, n, input, weight, bias, *window)


def _convolve_transposed(n, input, weight, bias, *window):
    return _run(_transposed, _plan_transposed, n, input, weight, bias, *window)


# ------------------------------------------------------------------------------------ operators


@composite(method=False, out=False, autocast="lower")
def conv1d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """As conv2d, over one spatial dimension: input (N, C, L) or (C, L), weight (O, C / groups, K)."""
    return _convolve(1, input, weight, bias, stride, padding, dilation, groups)


@composite(method=False, out=False, autocast="lower")
def conv2d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Cross-correlate images with a bank of kernels.

    out[n, o, i, j] = bias[o] + sum over c, k, l of weight[o, c, k, l]
        * input[n, c, i * stride + k * dilation - padding, j * stride + l * dilation - padding],
    where input is 0 outside its sizes.

    Args:
        input (Tensor): (N, C, H, W) or (C, H, W).
        weight (Tensor): (O, C / groups, KH, KW).
        bias (Tensor, optional): (O,).
        stride, dilation (int or pair): at least 1.
        padding (int, pair, "valid" or "same"): zeros on both sides; "valid" is 0; "same" keeps H and W
            (stride 1 only), with the odd zero at the end.
        groups (int): splits C and O into groups that do not see each other.

    Returns:
        Tensor: (N, O, (H + 2 padding - dilation (KH - 1) - 1) // stride + 1, ...), or without N; as in
            PyTorch no channels give none.

    Dtype: all but bool, the same for all operands. float16 and bfloat16 are summed in float32 and
        rounded once; integers wrap around.
    Accuracy: 3x3 kernels of stride 1 between 16 channels and more run by Winograd's F(4x4, 3x3) in
        float32: the largest error is 2e-6 of the largest result, direct summation has 4e-7.
    Gradient: saves input and weight; differentiable to any order.

    Raises:
        RuntimeError: sizes, channels or dtypes do not fit, or the kernel is larger than the padded input.
    """
    return _convolve(2, input, weight, bias, stride, padding, dilation, groups)


@composite(method=False, out=False, autocast="lower")
def conv3d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """As conv2d, over three spatial dimensions: input (N, C, D, H, W) or (C, D, H, W)."""
    return _convolve(3, input, weight, bias, stride, padding, dilation, groups)


@composite(method=False, out=False, autocast="lower")
def conv_transpose1d(
    input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1
):
    """As conv_transpose2d, over one spatial dimension."""
    return _convolve_transposed(
        1, input, weight, bias, stride, padding, output_padding, groups, dilation
    )


@composite(method=False, out=False, autocast="lower")
def conv_transpose2d(
    input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1
):
    """The gradient of conv2d for its input, as an operator of its own: spreads each input by the kernel.

    Args:
        input (Tensor): (N, C, H, W) or (C, H, W).
        weight (Tensor): (C, O / groups, KH, KW).
        bias (Tensor, optional): (O,).
        stride, padding, dilation, groups: those of the conv2d whose gradient this is.
        output_padding (int or pair): added to one side of the output's sizes, which several sizes of
            conv2d's input share; below stride or dilation.

    Returns:
        Tensor: (N, O, (H - 1) stride - 2 padding + dilation (KH - 1) + output_padding + 1, ...).
    """
    return _convolve_transposed(
        2, input, weight, bias, stride, padding, output_padding, groups, dilation
    )


@composite(method=False, out=False, autocast="lower")
def conv_transpose3d(
    input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1
):
    """As conv_transpose2d, over three spatial dimensions."""
    return _convolve_transposed(
        3, input, weight, bias, stride, padding, output_padding, groups, dilation
    )


for _operator in (conv1d, conv2d, conv3d):
    native_way(_operator, "convolution", _gradients)
for _operator in (conv_transpose1d, conv_transpose2d, conv_transpose3d):
    native_way(_operator, "transposed_convolution", _gradients_of_transposed)


@composite(method=False, out=False)
def convolution(input, weight, bias, stride, padding, dilation, transposed, output_padding, groups):
    """conv1d to conv3d, or with transposed=True conv_transpose1d to 3d, by the dimensions of weight."""
    n = weight.dim() - 2
    if transposed:
        return _convolve_transposed(
            n, input, weight, bias, stride, padding, output_padding, groups, dilation
        )
    return _convolve(n, input, weight, bias, stride, padding, dilation, groups)
