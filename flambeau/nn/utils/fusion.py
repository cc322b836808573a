"""A convolution or a linear layer and the batch norm behind it, as one layer."""

import copy

import flambeau

from ..parameter import Parameter


def fuse_conv_bn_eval(conv, bn, transpose=False):
    """A convolution that computes bn(conv(x)), both in evaluation mode.

    Example:
        >>> conv, norm = nn.Conv2d(3, 4, 3).eval(), nn.BatchNorm2d(4).eval()
        >>> fused = nn.utils.fuse_conv_bn_eval(conv, norm)
        >>> x = torch.randn(1, 3, 5, 5)
        >>> torch.allclose(fused(x), norm(conv(x)), atol=1e-5)
        True
    """
    _check_eval(conv, bn)
    fused = copy.deepcopy(conv)
    fused.weight, fused.bias = fuse_conv_bn_weights(
        fused.weight, fused.bias, bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias,
        transpose,
    )  # fmt: skip
    return fused


def fuse_conv_bn_weights(conv_w, conv_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b, transpose=False):
    """(weight, bias) of that convolution.

    Example:
        >>> conv, norm = nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2).eval()
        >>> weight, bias = nn.utils.fuse_conv_bn_weights(
        ...     conv.weight, conv.bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
        ... )
        >>> x = torch.rand(1, 1, 3, 3)
        >>> torch.allclose(F.conv2d(x, weight, bias), norm(conv(x)), atol=1e-6)
        True
    """
    if transpose:
        shape = [1, -1] + [1] * (conv_w.dim() - 2)
    else:
        shape = [-1, 1] + [1] * (conv_w.dim() - 2)
    return _fused(conv_w, conv_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b, shape)


def fuse_linear_bn_eval(linear, bn):
    """A linear layer that computes bn(linear(x)), both in evaluation mode.

    Example:
        >>> linear, norm = nn.Linear(3, 4).eval(), nn.BatchNorm1d(4).eval()
        >>> fused = nn.utils.fuse_linear_bn_eval(linear, norm)
        >>> x = torch.randn(2, 3)
        >>> torch.allclose(fused(x), norm(linear(x)), atol=1e-5)
        True
    """
    _check_eval(linear, bn)
    fused = copy.deepcopy(linear)
    if linear.out_features != bn.num_features and bn.num_features != 1:
        raise AssertionError(
            f"fuse_linear_bn_eval: linear.out_features is {linear.out_features} but "
            f"bn.num_features {bn.num_features}. They must be equal, or the latter 1."
        )
    fused.weight, fused.bias = fuse_linear_bn_weights(
        fused.weight, fused.bias, bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias
    )
    return fused


def fuse_linear_bn_weights(linear_w, linear_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b):
    """(weight, bias) of that linear layer.

    Example:
        >>> linear, norm = nn.Linear(3, 2), nn.BatchNorm1d(2).eval()
        >>> weight, bias = nn.utils.fuse_linear_bn_weights(
        ...     linear.weight, linear.bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
        ... )
        >>> x = torch.rand(4, 3)
        >>> torch.allclose(F.linear(x, weight, bias), norm(linear(x)), atol=1e-6)
        True
    """
    return _fused(linear_w, linear_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b, [-1, 1])


def _check_eval(*modules):
    if any(module.training for module in modules):
        raise AssertionError("fuse: the modules are training. Call eval() on both first.")


def _fused(weight, bias, mean, var, eps, bn_weight, bn_bias, shape):
    with flambeau.no_grad():
        scale = (var + eps).rsqrt()
        if bn_weight is not None:
            scale = scale * bn_weight
        shift = -mean * scale if bias is None else (bias - mean) * scale
        if bn_bias is not None:
            shift = shift + bn_bias
        fused = (weight * scale.reshape(shape)).to(weight.dtype)
    learns = weight.requires_grad
    bias_learns = learns if bias is None else bias.requires_grad
    return Parameter(fused, learns), Parameter(shift.to(weight.dtype), bias_learns)
