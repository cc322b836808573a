"""Batch normalization: statistics of each channel, then one pass over the input."""

import math

from .. import _core
from ..kernels import language as k
from ..types import channels_last, channels_last_3d
from .core.arguments import check_parameters
from .core.attach import attached
from .core.declare import composite, make_pointwise, primitive
from .reduce import ReductionSpec

_moments = _core.Reduction(ReductionSpec("var_mean"))
_sum = _core.Reduction(ReductionSpec("sum_"))


def _normalized(x, mean, rstd, weight, bias):
    # An infinite factor multiplies the mean too, as in PyTorch: inf - inf on the mean's side of 0.
    factor = rstd * weight
    apart = x * factor + (bias - mean * factor)
    return k.where(k.abs(factor) < math.inf, (x - mean) * factor + bias, apart)


_scaled = make_pointwise(_normalized, name="batch_norm")
_product = make_pointwise(lambda grad, x, mean: grad * (x - mean), name="batch_norm_backward")
_input_gradient = make_pointwise(
    # The factor comes last: of an infinite weight differences are left, not inf - inf.
    lambda grad, x, mean, factor, along, shift: factor * (grad - along * (x - mean) - shift),
    name="batch_norm_backward",
)

_scaled_gradient = make_pointwise(lambda grad, factor: factor * grad, name="batch_norm_backward")


def _wide(dtype):
    return _core.float32 if dtype in (_core.float16, _core.bfloat16) else dtype


def _shaped(vector, ndim):
    """(C,) as (1, C, 1, ...), to broadcast over channels."""
    if ndim == 2 and vector.dim() == 1:
        return vector
    return vector.reshape((1, -1) + (1,) * (ndim - 2))


def _others(input):
    return (0,) if input.dim() == 2 else (0, *range(2, input.dim()))


def _lies_by_pixels(input):
    last = {4: channels_last, 5: channels_last_3d}.get(input.dim())
    return last is not None and input.is_contiguous(memory_format=last)


def _in_order(input):
    """input itself where its channels lie side by side, else contiguous: so results lie."""
    return input if _lies_by_pixels(input) else input.contiguous()


def _apply(input, weight, bias, mean, rstd):
    """The result, without history."""
    ndim = input.dim()
    if not input.is_contiguous():
        input = _in_order(input)
    out = _core.empty_like(input)
    scale = _shaped(weight, ndim) if weight is not None else 1.0
    shift = _shaped(bias, ndim) if bias is not None else 0.0
    operands = (input, _shaped(mean, ndim), _shaped(rstd, ndim), scale, shift)
    _core._map(_scaled, (out,), operands, _wide(input.dtype))
    return out


def _records(*tensors):
    return _core.is_grad_enabled() and any(t is not None and t.requires_grad for t in tensors)


@primitive(name="_batch_norm", method=False, function=False, out=False)
def _normalize(ctx, input, weight, bias, mean, rstd, from_batch):
    """(input - mean) * rstd * weight + bias; the statistics are (C,), of this batch or given."""
    out = _apply(input, weight, bias, mean, rstd)
    ctx.save_for_backward(input, weight, mean, rstd)
    ctx.from_batch, ctx.has_bias = from_batch, bias is not None
    return out


_LEAST_SPACE = 32  # elements of a channel from which on it is summed by itself


def _sums_of_channels(grad, input, mean, dims):
    """The sums over each channel of grad and of grad * (input - mean)."""
    ndim, wide = input.dim(), mean.dtype
    long_channels = input.numel() >= _LEAST_SPACE * input.size(0) * input.size(1)
    halves = input.dtype is not wide
    if (
        input.numel()
        and (
            long_channels
            and input.is_contiguous()
            and (halves or grad.is_contiguous())
            or halves
            and _lies_by_pixels(input)
        )
        and input.dtype is grad.dtype
        and input.device.type == "cpu"
        and not any(_core._is_batched(t) for t in (grad, input, mean))
    ):
        return _core._channel_products(grad, input, mean)
    products = _core.empty(input.shape, dtype=wide, device=input.device)
    _core._map(_product, (products,), (grad, input, _shaped(mean, ndim)), wide)
    return [_core._reduce(_sum, (values,), dims, False, (wide,))[0] for values in (grad, products)]


@_normalize.derivative
def _(ctx, grad_output):
    input, weight, mean, rstd = ctx.saved
    needs, dims, ndim = ctx.needs_input_grad, _others(input), input.dim()
    if _core.is_grad_enabled():
        how = ctx.from_batch, ctx.has_bias
        gradients = differentiable(grad_output, input, mean, rstd, weight, *how)
        return *gradients, None, None, None
    wide = mean.dtype
    wants_vectors = weight is not None and needs[1] or ctx.has_bias and needs[2]
    if ctx.from_batch or wants_vectors:
        total, along = _sums_of_channels(grad_output, input, mean, dims)
    grad_input = grad_weight = grad_bias = None
    if needs[0]:
        factor = rstd if weight is None else rstd * weight.to(wide)
        if ctx.from_batch:
            n = input.numel() // max(input.size(1), 1)
            slope, shift = rstd * rstd * (along / n), total / n
            operands = [_shaped(v, ndim) for v in (mean, factor, slope, shift)]
            operands, kernel = (grad_output, input, *operands), _input_gradient
        else:
            operands, kernel = (grad_output, _shaped(factor, ndim)), _scaled_gradient
        grad_input = _core.empty_like(input)
        _core._map(kernel, (grad_input,), operands, wide)
    if weight is not None and needs[1]:
        grad_weight = (along * rstd).to(weight.dtype)
    if ctx.has_bias and needs[2]:
        grad_bias = total.to(weight.dtype if weight is not None else input.dtype)
    return grad_input, grad_weight, grad_bias, None, None, None


def differentiable(grad_output, input, mean, rstd, weight, from_batch=True, has_bias=True):
    """The same gradients, of input, weight and bias, out of differentiable operators."""
    dims, ndim, wide = _others(input), input.dim(), mean.dtype
    x, grad = input.to(wide), grad_output.to(wide)
    from_batch = from_batch and input.numel() > 0  # the mean of nothing is NaN
    if from_batch:
        # rstd as a function of the input; eps is what is left of the given one.
        mean = x.mean(dims, keepdim=True)
        var = ((x - mean) ** 2).mean(dims, keepdim=True)
        eps = _shaped(rstd, ndim) ** -2 - var
        rstd = (var + eps.detach()).rsqrt()
    else:
        mean, rstd = _shaped(mean, ndim), _shaped(rstd, ndim)
    normal = (x - mean) * rstd
    factor = rstd if weight is None else rstd * _shaped(weight.to(wide), ndim)
    if from_batch:
        along = (grad * normal).mean(dims, keepdim=True)
        grad_input = factor * (grad - grad.mean(dims, keepdim=True) - normal * along)
    else:
        grad_input = factor * grad
    grad_weight = grad_bias = None
    if weight is not None:
        grad_weight = (grad * normal).sum(dims).to(weight.dtype)
    if has_bias:
        grad_bias = grad.sum(dims).to(weight.dtype if weight is not None else input.dtype)
        grad_bias = attached(grad_bias, input, weight)
    return grad_input.to(input.dtype), grad_weight, grad_bias


def _check(input, weight, bias, running_mean, running_var):
    if input.dim() < 2 and input.numel():
        raise ValueError(
            f"batch_norm: input {tuple(input.shape)} must have 2 dims or more, (N, C, ...)."
        )
    if not input.dtype.is_floating_point:
        raise NotImplementedError(
            f"batch_norm: input is {input.dtype}, but it must be floating. Convert it with "
            ".float() first."
        )
    channels = input.size(1) if input.dim() > 1 else 0
    dtype, alike = input.dtype, True
    for vector in (weight, bias, running_mean, running_var):
        if vector is None:
            continue
        alike &= vector.dtype is dtype
        if vector.numel() != channels:
            names = ("weight", "bias", "running_mean", "running_var")
            given = (weight, bias, running_mean, running_var)
            name = next(name for name, v in zip(names, given) if v is vector)
            raise RuntimeError(
                f"batch_norm: {name} has {vector.numel()} elements but input has {channels} "
                "channels. There must be one for each."
            )
    if not alike:
        statistics = {"running_mean": running_mean, "running_var": running_var}
        check_parameters("batch_norm", input, weight=weight, bias=bias, **statistics)


@composite(method=False, out=False)
def batch_norm(
    input, weight, bias, running_mean, running_var, training, momentum, eps, cudnn_enabled=True
):
    """(input - mean) / sqrt(var + eps) * weight + bias, a mean and variance for each channel.

    Shape: input (N, C, *), the others (C,). Source: Ioffe, Szegedy, 2015, arXiv:1502.03167.
    """
    if input.dim() < 2 and not input.numel():
        return attached(input.clone(), weight, bias)  # without channels or elements
    _check(input, weight, bias, running_mean, running_var)
    wide = _wide(input.dtype)
    if not training:
        if running_mean is None or running_var is None:
            raise RuntimeError(
                "batch_norm: with training=False it needs running_mean and running_var. Give "
                "both, or pass training=True."
            )
        rstd = (running_var.detach().to(wide) + eps).rsqrt()
        mean = running_mean.detach().to(wide)
    elif input.numel() == 0:
        # Weight and bias belong to the result: their gradients are 0.
        mean = rstd = _core.zeros(input.size(1), dtype=wide, device=input.device)
    else:
        var, mean = _core._reduce(_moments, (input,), _others(input), False, (wide, wide), (0.0,))
        _follow(running_mean, running_var, mean, var, input.numel() // input.size(1), momentum)
        rstd = (var + eps).rsqrt()
    if _records(input, weight, bias):
        return _normalize(input, weight, bias, mean, rstd, training)
    return _apply(input, weight, bias, mean, rstd)


def _follow(running_mean, running_var, mean, var, n, momentum):
    """Moves the running statistics towards those of a batch of n values a channel."""
    if running_mean is not None:
        running_mean.detach().lerp_(mean.to(running_mean.dtype), momentum)
    if running_var is not None:
        unbiased = var * (n / (n - 1) if n > 1 else math.nan)
        running_var.detach().lerp_(unbiased.to(running_var.dtype), momentum)
