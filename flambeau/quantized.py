"""Quantized tensors, which flambeau has not: their functions refuse by name. What imitates quantization in
floating tensors (fake_quantize_*) computes."""

from . import _core
from .ops.core import operators as fl
from .ops.core.declare import primitive

_REFUSED = (
    "quantize_per_tensor quantize_per_tensor_dynamic quantize_per_channel int_repr q_scale q_zero_point "
    "q_per_channel_scales q_per_channel_zero_points q_per_channel_axis empty_quantized quantized_batch_norm "
    "quantized_max_pool1d quantized_max_pool2d quantized_max_pool3d quantized_lstm quantized_gru quantized_lstm_cell "
    "quantized_gru_cell quantized_rnn_relu_cell quantized_rnn_tanh_cell fused_moving_avg_obs_fake_quant "
    "choose_qparams_optimized fbgemm_linear_quantize_weight fbgemm_pack_quantized_matrix"
).split()


def _refusal(name):
    def refused(*args, **kwargs):
        raise NotImplementedError(
            f"{name}: flambeau has no quantized tensors. Keep the integers, the scale and the zero point in "
            "tensors of their own, or compute with fake_quantize_per_tensor_affine."
        )

    refused.__name__ = refused.__qualname__ = name
    refused.__doc__ = f"Raises NotImplementedError: {name} is about quantized tensors."
    return refused


globals().update({name: _refusal(name) for name in _REFUSED})


def dequantize(tensor):
    """tensor, or each of several, in float32: no tensor here is quantized."""
    if isinstance(tensor, (list, tuple)):
        return type(tensor)(map(dequantize, tensor))
    if not isinstance(tensor, _core.Tensor):
        raise TypeError(f"dequantize: takes a Tensor or several, not {type(tensor).__name__}.")
    return tensor.float()


def _check_range(operator, quant_min, quant_max):
    if quant_min > quant_max:
        raise RuntimeError(
            f"{operator}: quant_min {quant_min} is above quant_max {quant_max}; it must not be."
        )


@primitive(method=False, function=False, out=False)
def _fake_quantize(ctx, input, scale, zero_point, quant_min, quant_max):
    places = (input * (1 / scale)).round() + zero_point
    ctx.save_for_backward((places >= quant_min) & (places <= quant_max))
    return ((places.clamp(quant_min, quant_max) - zero_point) * scale).to(input.dtype)


@_fake_quantize.derivative
def _(ctx, grad_output):
    (inside,) = ctx.saved
    return (fl.where(inside, grad_output, 0), *(None,) * 4)


def fake_quantize_per_tensor_affine(input, scale, zero_point, quant_min, quant_max):
    """input rounded to what integers of quant_min to quant_max would hold of it.

    out = (clamp(round(input / scale) + zero_point, quant_min, quant_max) - zero_point) * scale; the gradient
    passes where nothing was clamped.

    Args:
        input (Tensor): any shape, floating.
        scale (float or Tensor): of one element.
        zero_point (int or Tensor): of one element.
        quant_min, quant_max (int): the integers' range.

    Raises:
        RuntimeError: quant_min > quant_max.

    Example:
        >>> import flambeau as torch
        >>> torch.fake_quantize_per_tensor_affine(torch.tensor([0.12, 0.9]), 0.1, 0, 0, 5)
        tensor([0.1000, 0.5000])
    """
    _check_range("fake_quantize_per_tensor_affine", quant_min, quant_max)
    return _fake_quantize(input, scale, zero_point, quant_min, quant_max)


def fake_quantize_per_channel_affine(input, scale, zero_point, axis, quant_min, quant_max):
    """`fake_quantize_per_tensor_affine` with a scale and a zero point for each index along `axis`.

    Args:
        input (Tensor): (..., C, ...), C along axis.
        scale, zero_point (Tensor): (C,) each.

    Raises:
        RuntimeError: quant_min > quant_max, or scale or zero_point is not (C,).

    Example:
        >>> import flambeau as torch
        >>> x = torch.tensor([[0.12, 0.9], [0.12, 0.9]])
        >>> torch.fake_quantize_per_channel_affine(x, torch.tensor([0.1, 0.5]), torch.tensor([0, 0]), 0, 0, 5)
        tensor([[0.1000, 0.5000],
                [0.0000, 1.0000]])
    """
    name = "fake_quantize_per_channel_affine"
    _check_range(name, quant_min, quant_max)
    shape = [1] * input.dim()
    shape[axis] = size = input.size(axis)
    for word, given in (("scale", scale), ("zero_point", zero_point)):
        if tuple(given.shape) != (size,):
            raise RuntimeError(
                f"{name}: {word} has shape {tuple(given.shape)}; dim {axis} of input asks for ({size},)."
            )
    return _fake_quantize(
        input, scale.reshape(shape), zero_point.reshape(shape), quant_min, quant_max
    )
