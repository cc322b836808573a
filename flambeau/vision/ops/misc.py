"""Blocks that many architectures are made of, with torchvision's parameter names."""

from ... import nn, ones, rsqrt, zeros

__all__ = [
    "Conv2dNormActivation",
    "Conv3dNormActivation",
    "FrozenBatchNorm2d",
    "MLP",
    "Permute",
    "SqueezeExcitation",
]


class FrozenBatchNorm2d(nn.Module):
    """Batch norm whose statistics, weight and bias are buffers: x (N, C, H, W) is only scaled and shifted.

    Example:
        >>> ops.FrozenBatchNorm2d(3)(torch.ones(1, 3, 2, 2)).shape
        torch.Size([1, 3, 2, 2])
    """

    def __init__(self, num_features, eps=1e-5):
        super().__init__()
        self.eps = eps
        self.register_buffer("weight", ones(num_features))
        self.register_buffer("bias", zeros(num_features))
        self.register_buffer("running_mean", zeros(num_features))
        self.register_buffer("running_var", ones(num_features))

    def _load_from_state_dict(self, state_dict, prefix, *rest):
        # Files of ordinary batch norms have one entry more.
        state_dict.pop(prefix + "num_batches_tracked", None)
        super()._load_from_state_dict(state_dict, prefix, *rest)

    def forward(self, x):
        scale = self.weight * rsqrt(self.running_var + self.eps)
        shift = self.bias - self.running_mean * scale
        return x * scale.reshape(1, -1, 1, 1) + shift.reshape(1, -1, 1, 1)

    def extra_repr(self):
        return f"{len(self.weight)}, eps={self.eps}"


def _half(kernel_size, dilation, dims):
    """The padding that keeps sizes at stride 1, a number where the kernel is one."""
    if isinstance(kernel_size, int) and isinstance(dilation, int):
        return (kernel_size - 1) // 2 * dilation
    kernel_size = (kernel_size,) * dims if isinstance(kernel_size, int) else kernel_size
    dilation = (dilation,) * dims if isinstance(dilation, int) else dilation
    return tuple((k - 1) // 2 * d for k, d in zip(kernel_size, dilation))


class ConvNormActivation(nn.Sequential):
    """Convolution, norm and activation: entries 0, 1 and 2, without those that are None."""

    _conv, _dims = nn.Conv2d, 2

    def __init__(
        self, in_channels, out_channels, kernel_size=3, stride=1, padding=None, groups=1,
        norm_layer=nn.BatchNorm2d, activation_layer=nn.ReLU, dilation=1, inplace=True, bias=None,
    ):  # fmt: skip
        if padding is None:
            padding = _half(kernel_size, dilation, self._dims)
        if bias is None:
            bias = norm_layer is None
        layers = [
            self._conv(
                in_channels,
                out_channels,
                kernel_size,
                stride,
                padding,
                dilation=dilation,
                groups=groups,
                bias=bias,
            )
        ]
        if norm_layer is not None:
            layers.append(norm_layer(out_channels))
        if activation_layer is not None:
            layers.append(activation_layer(**({} if inplace is None else {"inplace": inplace})))
        super().__init__(*layers)
        self.out_channels = out_channels


class Conv2dNormActivation(ConvNormActivation):
    """A 2d convolution with the padding that keeps sizes at stride 1, then norm and activation.

    Arguments are nn.Conv2d's; bias is left out where there is a norm, `inplace` goes to the activation.

    Example:
        >>> ops.Conv2dNormActivation(3, 8, stride=2)(torch.randn(2, 3, 8, 8)).shape
        torch.Size([2, 8, 4, 4])
    """


class Conv3dNormActivation(ConvNormActivation):
    """A 3d convolution with the padding that keeps sizes at stride 1, then norm and activation.

    Example:
        >>> ops.Conv3dNormActivation(3, 8, stride=2)(torch.randn(2, 3, 8, 8, 8)).shape
        torch.Size([2, 8, 4, 4, 4])
    """

    _conv, _dims = nn.Conv3d, 3

    def __init__(
        self, in_channels, out_channels, kernel_size=3, stride=1, padding=None, groups=1,
        norm_layer=nn.BatchNorm3d, activation_layer=nn.ReLU, dilation=1, inplace=True, bias=None,
    ):  # fmt: skip
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            groups,
            norm_layer,
            activation_layer,
            dilation,
            inplace,
            bias,
        )


class SqueezeExcitation(nn.Module):
    """Scales each channel by a gate that sees the mean of all: (N, C, H, W) to the same.

    Example:
        >>> ops.SqueezeExcitation(8, 2)(torch.randn(2, 8, 4, 4)).shape
        torch.Size([2, 8, 4, 4])

    Source: Hu, Shen, Sun, "Squeeze-and-Excitation Networks", 2018, arXiv:1709.01507, eq. 1 to 3.
    """

    def __init__(
        self, input_channels, squeeze_channels, activation=nn.ReLU, scale_activation=nn.Sigmoid
    ):
        super().__init__()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc1 = nn.Conv2d(input_channels, squeeze_channels, 1)
        self.fc2 = nn.Conv2d(squeeze_channels, input_channels, 1)
        self.activation = activation()
        self.scale_activation = scale_activation()

    def _scale(self, input):
        hidden = self.activation(self.fc1(self.avgpool(input)))
        return self.scale_activation(self.fc2(hidden))

    def forward(self, input):
        return self._scale(input) * input


class MLP(nn.Sequential):
    """Linear layers with norm, activation and dropout between them, dropout after the last.

    Example:
        >>> ops.MLP(4, [8, 2])(torch.randn(3, 4)).shape
        torch.Size([3, 2])
    """

    def __init__(
        self, in_channels, hidden_channels, norm_layer=None, activation_layer=nn.ReLU, inplace=None,
        bias=True, dropout=0.0,
    ):  # fmt: skip
        chosen = {} if inplace is None else {"inplace": inplace}
        layers, width = [], in_channels
        for hidden in hidden_channels[:-1]:
            layers.append(nn.Linear(width, hidden, bias=bias))
            if norm_layer is not None:
                layers.append(norm_layer(hidden))
            layers += [activation_layer(**chosen), nn.Dropout(dropout, **chosen)]
            width = hidden
        layers += [nn.Linear(width, hidden_channels[-1], bias=bias), nn.Dropout(dropout, **chosen)]
        super().__init__(*layers)


class Permute(nn.Module):
    """The tensor with its dimensions in the order `dims`.

    Example:
        >>> ops.Permute([0, 2, 1])(torch.zeros(2, 3, 4)).shape
        torch.Size([2, 4, 3])
    """

    def __init__(self, dims):
        super().__init__()
        self.dims = dims

    def forward(self, x):
        return x.permute(self.dims)
