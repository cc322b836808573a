"""The gradients of convolutions as functions: torch.nn.grad."""

import flambeau

from .modules.utils import _ntuple

__all__ = [
    "conv1d_input",
    "conv1d_weight",
    "conv2d_input",
    "conv2d_weight",
    "conv3d_input",
    "conv3d_weight",
]


def _gradient(name, dims, input, weight, grad_output, stride, padding, dilation, groups, which):
    """One gradient of a convolution; input or weight may be a tensor of the right sizes without values."""
    spread = _ntuple(dims)
    mask = [which == 0, which == 1, False]
    found = flambeau.ops.aten.convolution_backward(
        grad_output, input, weight, None, spread(stride), spread(padding), spread(dilation), False,
        (0,) * dims, groups, mask,
    )  # fmt: skip
    return found[which]


def _make(dims):
    name = f"conv{dims}d"

    def of_input(input_size, weight, grad_output, stride=1, padding=0, dilation=1, groups=1):
        like = grad_output.new_empty(1).expand(input_size)
        return _gradient(
            name, dims, like, weight, grad_output, stride, padding, dilation, groups, 0
        )

    def of_weight(input, weight_size, grad_output, stride=1, padding=0, dilation=1, groups=1):
        like = grad_output.new_empty(1).expand(weight_size)
        return _gradient(name, dims, input, like, grad_output, stride, padding, dilation, groups, 1)

    of_input.__name__ = of_input.__qualname__ = f"{name}_input"
    of_weight.__name__ = of_weight.__qualname__ = f"{name}_weight"
    of_input.__doc__ = f"""The gradient of nn.functional.{name} with respect to its input.

    Args:
        input_size (sequence of int): the sizes of the input, (N, C, *).
        weight (Tensor): (O, C / groups, *).
        grad_output (Tensor): the gradient of the result, (N, O, *).
    """
    of_weight.__doc__ = f"""The gradient of nn.functional.{name} with respect to its weight.

    Args:
        input (Tensor): (N, C, *).
        weight_size (sequence of int): the sizes of the weight, (O, C / groups, *).
        grad_output (Tensor): the gradient of the result, (N, O, *).
    """
    return of_input, of_weight


conv1d_input, conv1d_weight = _make(1)
conv2d_input, conv2d_weight = _make(2)
conv3d_input, conv3d_weight = _make(3)
