"""Convolutions and their transposes."""

import math

import flambeau

from .. import functional as F
from .. import init
from ..parameter import Parameter
from .homes import elsewhere
from .module import Module
from .utils import _pair, _single, _triple, check_sizes, reverse_repeat

_PADDING_MODES = ("zeros", "reflect", "replicate", "circular")


class _ConvNd(Module):
    """The weights and the geometry of a convolution."""

    __constants__ = [
        "stride", "padding", "dilation", "groups", "padding_mode", "output_padding",
        "in_channels", "out_channels", "kernel_size",
    ]  # fmt: skip

    def __init__(
        self, in_channels, out_channels, kernel_size, stride, padding, dilation, transposed,
        output_padding, groups, bias, padding_mode, device=None, dtype=None,
    ):  # fmt: skip
        super().__init__()
        check_sizes(
            self, in_channels=in_channels, out_channels=out_channels, kernel_size=kernel_size
        )
        _check(
            type(self).__name__, in_channels, out_channels, stride, padding, groups, padding_mode
        )
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = kernel_size
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
        self.transposed = transposed
        self.output_padding = output_padding
        self.groups = groups
        self.padding_mode = padding_mode
        self._reversed_padding_repeated_twice = self._pad_argument()
        if transposed:
            shape = (in_channels, out_channels // groups, *kernel_size)
        else:
            shape = (out_channels, in_channels // groups, *kernel_size)
        self.weight = Parameter(flambeau.empty(shape, device=device, dtype=dtype))
        if bias:
            self.bias = Parameter(flambeau.empty(out_channels, device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def _pad_argument(self):
        """The padding as functional.pad wants it, for the modes that the convolution cannot do."""
        if not isinstance(self.padding, str):
            return list(reverse_repeat(self.padding, 2))
        sides = []
        for kernel, dilation in zip(reversed(self.kernel_size), reversed(self.dilation)):
            total = dilation * (kernel - 1) if self.padding == "same" else 0
            sides += [total // 2, total - total // 2]
        return sides

    def reset_parameters(self):
        """Draw weight and bias uniform in +-1 / sqrt(fan_in)."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            fan_in, _ = init._calculate_fan_in_and_fan_out(self.weight)
            if fan_in != 0:
                bound = 1 / math.sqrt(fan_in)
                init.uniform_(self.bias, -bound, bound)

    def _convolve(self, function, input):
        if self.padding_mode == "zeros":
            return function(
                input, self.weight, self.bias, self.stride, self.padding, self.dilation,
                self.groups,
            )  # fmt: skip
        padded = F.pad(input, self._reversed_padding_repeated_twice, mode=self.padding_mode)
        return function(padded, self.weight, self.bias, self.stride, 0, self.dilation, self.groups)

    def extra_repr(self):
        text = (
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, "
            f"stride={self.stride}"
        )
        n = len(self.kernel_size)
        if self.padding != (0,) * n:
            text += f", padding={self.padding}"
        if self.dilation != (1,) * n:
            text += f", dilation={self.dilation}"
        if self.output_padding != (0,) * n:
            text += f", output_padding={self.output_padding}"
        if self.groups != 1:
            text += f", groups={self.groups}"
        if self.bias is None:
            text += ", bias=False"
        if self.padding_mode != "zeros":
            text += f", padding_mode={self.padding_mode}"
        return text

    def __setstate__(self, state):
        super().__setstate__(state)
        self.__dict__.setdefault("padding_mode", "zeros")


def _check(name, in_channels, out_channels, stride, padding, groups, padding_mode):
    if groups <= 0:
        raise ValueError(f"{name}: groups is {groups}; it must be 1 or more.")
    if in_channels % groups != 0:
        raise ValueError(f"{name}: groups={groups} does not divide in_channels={in_channels}.")
    if out_channels % groups != 0:
        raise ValueError(f"{name}: groups={groups} does not divide out_channels={out_channels}.")
    if isinstance(padding, str):
        if padding not in ("same", "valid"):
            raise ValueError(f"{name}: padding is {padding!r}; use 'same', 'valid' or numbers.")
        if padding == "same" and any(s != 1 for s in stride):
            raise ValueError(f"{name}: padding='same' needs stride 1. Give padding as numbers.")
    if padding_mode not in _PADDING_MODES:
        raise ValueError(
            f"{name}: padding_mode is {padding_mode!r}; it must be one of {tuple(_PADDING_MODES)}."
        )


class _Conv(_ConvNd):
    """What the three convolutions share; `_tuple` and `_function` say which it is."""

    def __init__(
        self, in_channels, out_channels, kernel_size, stride=1, padding=0, dilation=1, groups=1,
        bias=True, padding_mode="zeros", device=None, dtype=None,
    ):  # fmt: skip
        each = type(self)._tuple
        padding = padding if isinstance(padding, str) else each(padding)
        super().__init__(
            in_channels, out_channels, each(kernel_size), each(stride), padding, each(dilation),
            False, each(0), groups, bias, padding_mode, device, dtype,
        )  # fmt: skip


class Conv1d(_Conv):
    """Cross-correlation of (N, C, L) or (C, L). Arguments as Conv2d.

    Example:
        >>> nn.Conv1d(3, 4, 3)(torch.randn(2, 3, 8)).shape
        torch.Size([2, 4, 6])
    """

    _tuple = staticmethod(_single)

    def forward(self, input):
        return self._convolve(F.conv1d, input)


class Conv2d(_Conv):
    """Cross-correlation of (N, C, H, W) or (C, H, W).

    Args:
        in_channels (int): C of the input.
        out_channels (int): C of the output.
        kernel_size, stride, padding, dilation (int or pair): for height and width; padding may be
            "same" or "valid".
        groups (int): channels are split in so many groups that do not mix.
        padding_mode (str): "zeros", "reflect", "replicate" or "circular".

    `weight` is (out_channels, in_channels / groups, KH, KW); it and `bias` start uniform in
    +-1 / sqrt(in_channels / groups * KH * KW).

    Example:
        >>> nn.Conv2d(3, 4, 3, stride=2)(torch.randn(2, 3, 9, 9)).shape
        torch.Size([2, 4, 4, 4])
    """

    _tuple = staticmethod(_pair)

    def forward(self, input):
        return self._convolve(F.conv2d, input)


class Conv3d(_Conv):
    """Cross-correlation of (N, C, D, H, W) or (C, D, H, W). Arguments as Conv2d.

    Example:
        >>> nn.Conv3d(3, 4, 3)(torch.randn(2, 3, 8, 8, 8)).shape
        torch.Size([2, 4, 6, 6, 6])
    """

    _tuple = staticmethod(_triple)

    def forward(self, input):
        return self._convolve(F.conv3d, input)


class _ConvTransposeNd(_ConvNd):
    """What the three transposed convolutions share."""

    def __init__(
        self, in_channels, out_channels, kernel_size, stride=1, padding=0, output_padding=0,
        groups=1, bias=True, dilation=1, padding_mode="zeros", device=None, dtype=None,
    ):  # fmt: skip
        if padding_mode != "zeros":
            raise ValueError(
                f"{type(self).__name__}: padding_mode is {padding_mode!r}; only 'zeros' goes with "
                "a transposed convolution."
            )
        each = type(self)._tuple
        super().__init__(
            in_channels, out_channels, each(kernel_size), each(stride), each(padding),
            each(dilation), True, each(output_padding), groups, bias, padding_mode, device, dtype,
        )  # fmt: skip

    def _convolve_transposed(self, function, input, output_size):
        if self.padding_mode != "zeros":
            raise ValueError(
                f"{type(self).__name__}: padding_mode is {self.padding_mode!r}; only 'zeros' goes "
                "with a transposed convolution."
            )
        return function(
            input, self.weight, self.bias, self.stride, self.padding,
            self._output_padding(input, output_size), self.groups, self.dilation,
        )  # fmt: skip

    def _output_padding(self, input, output_size):
        """What must be added at the far side for the output to have `output_size`."""
        if output_size is None:
            return self.output_padding
        n = len(self.kernel_size)
        has_batch = input.dim() == n + 2
        spatial = input.shape[-n:]
        output_size = list(output_size)
        if len(output_size) == n + (2 if has_batch else 1):
            output_size = output_size[-n:]
        if len(output_size) != n:
            raise ValueError(
                f"ConvTranspose{n}d: output_size has {len(output_size)} numbers; for input "
                f"{tuple(input.shape)} it takes {n}, or {input.dim()}."
            )
        smallest = [
            (size - 1) * s - 2 * p + d * (k - 1) + 1
            for size, s, p, d, k in zip(
                spatial, self.stride, self.padding, self.dilation, self.kernel_size
            )
        ]
        largest = [size + s - 1 for size, s in zip(smallest, self.stride)]
        for size, low, high in zip(output_size, smallest, largest):
            if not low <= size <= high:
                raise ValueError(
                    f"ConvTranspose{n}d: output_size {output_size} must be from {smallest} to "
                    f"{largest} for an input of {tuple(spatial)}."
                )
        return tuple(size - low for size, low in zip(output_size, smallest))


class ConvTranspose1d(_ConvTransposeNd):
    """The transpose of Conv1d. Arguments as ConvTranspose2d.

    Example:
        >>> nn.ConvTranspose1d(3, 4, 3)(torch.randn(2, 3, 8)).shape
        torch.Size([2, 4, 10])
    """

    _tuple = staticmethod(_single)

    def forward(self, input, output_size=None):
        return self._convolve_transposed(F.conv_transpose1d, input, output_size)


class ConvTranspose2d(_ConvTransposeNd):
    """The transpose of Conv2d: it takes an output's shape of that back to an input's.

    stride, padding and dilation are those of the convolution it transposes; output_padding is
    added at the far side, to choose among the input sizes that give one output size.

    Example:
        >>> nn.ConvTranspose2d(3, 4, 3, stride=2)(torch.randn(2, 3, 9, 9)).shape
        torch.Size([2, 4, 19, 19])
    """

    _tuple = staticmethod(_pair)

    def forward(self, input, output_size=None):
        return self._convolve_transposed(F.conv_transpose2d, input, output_size)


class ConvTranspose3d(_ConvTransposeNd):
    """The transpose of Conv3d. Arguments as ConvTranspose2d.

    Example:
        >>> nn.ConvTranspose3d(3, 4, 3)(torch.randn(2, 3, 8, 8, 8)).shape
        torch.Size([2, 4, 10, 10, 10])
    """

    _tuple = staticmethod(_triple)

    def forward(self, input, output_size=None):
        return self._convolve_transposed(F.conv_transpose3d, input, output_size)


__getattr__ = elsewhere(
    lazy="LazyConv1d LazyConv2d LazyConv3d LazyConvTranspose1d LazyConvTranspose2d LazyConvTranspose3d"
)
