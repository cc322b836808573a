"""Pooling layers; the functions are in nn.functional.pooling."""

from .. import functional as F
from .homes import elsewhere
from .module import Module
from .shows import shows
from .utils import _pair, _single, _triple


class _MaxPoolNd(Module):
    """The arguments of max pooling."""

    __constants__ = [
        "kernel_size", "stride", "padding", "dilation", "return_indices", "ceil_mode",
    ]  # fmt: skip

    def __init__(
        self, kernel_size, stride=None, padding=0, dilation=1, return_indices=False,
        ceil_mode=False,
    ):  # fmt: skip
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = stride if stride is not None else kernel_size
        self.padding = padding
        self.dilation = dilation
        self.return_indices = return_indices
        self.ceil_mode = ceil_mode

    def _arguments(self):
        return (
            self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode,
            self.return_indices,
        )  # fmt: skip

    extra_repr = shows("kernel_size stride padding dilation ceil_mode")


class MaxPool1d(_MaxPoolNd):
    """The maximum of each window of (N, C, L) or (C, L). Arguments as MaxPool2d.

    Example:
        >>> nn.MaxPool1d(2)(torch.arange(6.0).view(1, 6))
        tensor([[1., 3., 5.]])
    """

    def forward(self, input):
        return F.max_pool1d(input, *self._arguments())


class MaxPool2d(_MaxPoolNd):
    """The maximum of each window of (N, C, H, W) or (C, H, W).

    Args:
        kernel_size, stride (int or pair): of the windows; stride is kernel_size if None.
        padding (int or pair): -inf at each border, at most half a window.
        dilation (int or pair): the distance of a window's elements.
        return_indices (bool): give (values, indices), as MaxUnpool wants them.
        ceil_mode (bool): count windows that reach over the end, too.

    Example:
        >>> nn.MaxPool2d(2)(torch.arange(16.0).view(1, 4, 4))
        tensor([[[ 5.,  7.],
                 [13., 15.]]])
    """

    def forward(self, input):
        return F.max_pool2d(input, *self._arguments())


class MaxPool3d(_MaxPoolNd):
    """The maximum of each window of (N, C, D, H, W) or (C, D, H, W). Arguments as MaxPool2d.

    Example:
        >>> nn.MaxPool3d(2)(torch.arange(64.0).view(1, 4, 4, 4)).shape
        torch.Size([1, 2, 2, 2])
    """

    def forward(self, input):
        return F.max_pool3d(input, *self._arguments())


class _MaxUnpoolNd(Module):
    """The arguments of the inverse of max pooling."""

    def __init__(self, kernel_size, stride=None, padding=0):
        super().__init__()
        each = type(self)._tuple
        self.kernel_size = each(kernel_size)
        self.stride = each(stride if stride is not None else kernel_size)
        self.padding = each(padding)

    extra_repr = shows("kernel_size stride padding")


class MaxUnpool1d(_MaxUnpoolNd):
    """Each value back at the place that MaxPool1d took it from. Arguments as MaxUnpool2d.

    Example:
        >>> nn.MaxUnpool1d(2)(*F.max_pool1d(torch.tensor([[1.0, 3.0, 2.0, 5.0]]), 2, return_indices=True))
        tensor([[0., 3., 0., 5.]])
    """

    _tuple = staticmethod(_single)

    def forward(self, input, indices, output_size=None):
        return F.max_unpool1d(
            input, indices, self.kernel_size, self.stride, self.padding, output_size
        )


class MaxUnpool2d(_MaxUnpoolNd):
    """Each value back at the place that MaxPool2d took it from.

    Args:
        kernel_size, stride, padding (int or pair): those of the MaxPool2d.

    Example:
        >>> nn.MaxUnpool2d(2)(*F.max_pool2d(torch.arange(4.0).view(1, 2, 2), 2, return_indices=True))
        tensor([[[0., 0.],
                 [0., 3.]]])
    """

    _tuple = staticmethod(_pair)

    def forward(self, input, indices, output_size=None):
        return F.max_unpool2d(
            input, indices, self.kernel_size, self.stride, self.padding, output_size
        )


class MaxUnpool3d(_MaxUnpoolNd):
    """Each value back at the place that MaxPool3d took it from. Arguments as MaxUnpool2d.

    Example:
        >>> nn.MaxUnpool3d(2)(*F.max_pool3d(torch.arange(8.0).view(1, 2, 2, 2), 2, return_indices=True)).sum()
        tensor(7.)
    """

    _tuple = staticmethod(_triple)

    def forward(self, input, indices, output_size=None):
        return F.max_unpool3d(
            input, indices, self.kernel_size, self.stride, self.padding, output_size
        )


class AvgPool1d(Module):
    """The mean of each window of (N, C, L) or (C, L). Arguments as AvgPool2d.

    Example:
        >>> nn.AvgPool1d(2)(torch.arange(6.0).view(1, 6))
        tensor([[0.5000, 2.5000, 4.5000]])
    """

    def __init__(
        self, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True
    ):
        super().__init__()
        self.kernel_size = _single(kernel_size)
        self.stride = _single(stride if stride is not None else kernel_size)
        self.padding = _single(padding)
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad

    def forward(self, input):
        return F.avg_pool1d(
            input, self.kernel_size, self.stride, self.padding, self.ceil_mode,
            self.count_include_pad,
        )  # fmt: skip

    extra_repr = shows("kernel_size stride padding")


class _AvgPoolNd(Module):
    """The arguments of average pooling in 2 and 3 dimensions."""

    __constants__ = [
        "kernel_size", "stride", "padding", "ceil_mode", "count_include_pad", "divisor_override",
    ]  # fmt: skip

    def __init__(
        self, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True,
        divisor_override=None,
    ):  # fmt: skip
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = stride if stride is not None else kernel_size
        self.padding = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad
        self.divisor_override = divisor_override

    def _arguments(self):
        return (
            self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad,
            self.divisor_override,
        )  # fmt: skip

    extra_repr = shows("kernel_size stride padding")


class AvgPool2d(_AvgPoolNd):
    """The mean of each window of (N, C, H, W) or (C, H, W).

    Args:
        kernel_size, stride (int or pair): of the windows; stride is kernel_size if None.
        padding (int or pair): zeros at each border.
        ceil_mode (bool): count windows that reach over the end, too.
        count_include_pad (bool): whether zeros of the padding count in the mean.
        divisor_override (int, optional): what sums are divided by instead of the count.

    Example:
        >>> nn.AvgPool2d(2)(torch.arange(16.0).view(1, 4, 4))
        tensor([[[ 2.5000,  4.5000],
                 [10.5000, 12.5000]]])
    """

    def forward(self, input):
        return F.avg_pool2d(input, *self._arguments())


class AvgPool3d(_AvgPoolNd):
    """The mean of each window of (N, C, D, H, W) or (C, D, H, W). Arguments as AvgPool2d.

    Example:
        >>> nn.AvgPool3d(2)(torch.arange(64.0).view(1, 4, 4, 4)).shape
        torch.Size([1, 2, 2, 2])
    """

    def forward(self, input):
        return F.avg_pool3d(input, *self._arguments())


class _LPPoolNd(Module):
    """The arguments of power-average pooling."""

    __constants__ = ["norm_type", "kernel_size", "stride", "ceil_mode"]

    def __init__(self, norm_type, kernel_size, stride=None, ceil_mode=False):
        super().__init__()
        self.norm_type = norm_type
        self.kernel_size = kernel_size
        self.stride = stride
        self.ceil_mode = ceil_mode

    def _arguments(self):
        return float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode

    extra_repr = shows("norm_type kernel_size stride ceil_mode")


class LPPool1d(_LPPoolNd):
    """(sum of x**p)**(1/p) of each window of (N, C, L) or (C, L). Arguments as LPPool2d.

    Example:
        >>> nn.LPPool1d(2, 2)(torch.tensor([[3.0, 4.0, 0.0, 2.0]]))
        tensor([[5., 2.]])
    """

    def forward(self, input):
        return F.lp_pool1d(input, *self._arguments())


class LPPool2d(_LPPoolNd):
    """(sum of x**p)**(1/p) of each window of (N, C, H, W) or (C, H, W).

    Args:
        norm_type (float): p.
        kernel_size, stride (int or pair): of the windows; stride is kernel_size if None.
        ceil_mode (bool): count windows that reach over the end, too.

    Example:
        >>> nn.LPPool2d(2, 2)(torch.ones(1, 2, 2))
        tensor([[[2.]]])
    """

    def forward(self, input):
        return F.lp_pool2d(input, *self._arguments())


class LPPool3d(_LPPoolNd):
    """(sum of x**p)**(1/p) of each window of (N, C, D, H, W) or (C, D, H, W).

    Arguments as LPPool2d.

    Example:
        >>> nn.LPPool3d(1, 2)(torch.ones(1, 2, 2, 2))
        tensor([[[[8.]]]])
    """

    def forward(self, input):
        return F.lp_pool3d(input, *self._arguments())


class _AdaptiveAvgPoolNd(Module):
    """The output size of average pooling."""

    __constants__ = ["output_size"]

    def __init__(self, output_size):
        super().__init__()
        self.output_size = output_size

    extra_repr = shows("output_size")


class AdaptiveAvgPool1d(_AdaptiveAvgPoolNd):
    """Average pooling of (N, C, L) or (C, L) to a given size. Arguments as AdaptiveAvgPool2d.

    Example:
        >>> nn.AdaptiveAvgPool1d(2)(torch.arange(6.0).view(1, 6))
        tensor([[1., 4.]])
    """

    def forward(self, input):
        return F.adaptive_avg_pool1d(input, self.output_size)


class AdaptiveAvgPool2d(_AdaptiveAvgPoolNd):
    """Average pooling of (N, C, H, W) or (C, H, W) to a given size; None keeps the input's.

    Args:
        output_size (int or pair): the sizes of the result.

    Example:
        >>> nn.AdaptiveAvgPool2d(2)(torch.arange(16.0).view(1, 4, 4))
        tensor([[[ 2.5000,  4.5000],
                 [10.5000, 12.5000]]])
    """

    def forward(self, input):
        return F.adaptive_avg_pool2d(input, self.output_size)


class AdaptiveAvgPool3d(_AdaptiveAvgPoolNd):
    """Average pooling of (N, C, D, H, W) or (C, D, H, W) to a given size; None keeps the input's.

    Arguments as AdaptiveAvgPool2d.

    Example:
        >>> nn.AdaptiveAvgPool3d(2)(torch.arange(64.0).view(1, 4, 4, 4)).shape
        torch.Size([1, 2, 2, 2])
    """

    def forward(self, input):
        return F.adaptive_avg_pool3d(input, self.output_size)


class _AdaptiveMaxPoolNd(Module):
    """The output size of max pooling."""

    __constants__ = ["output_size", "return_indices"]

    def __init__(self, output_size, return_indices=False):
        super().__init__()
        self.output_size = output_size
        self.return_indices = return_indices

    extra_repr = shows("output_size")


class AdaptiveMaxPool1d(_AdaptiveMaxPoolNd):
    """Max pooling of (N, C, L) or (C, L) to a given size. Arguments as AdaptiveMaxPool2d.

    Example:
        >>> nn.AdaptiveMaxPool1d(2)(torch.arange(6.0).view(1, 6))
        tensor([[2., 5.]])
    """

    def forward(self, input):
        return F.adaptive_max_pool1d(input, self.output_size, self.return_indices)


class AdaptiveMaxPool2d(_AdaptiveMaxPoolNd):
    """Max pooling of (N, C, H, W) or (C, H, W) to a given size; None keeps the input's.

    Args:
        output_size (int or pair): the sizes of the result.
        return_indices (bool): give (values, indices), each value's place in the plane of its channel.

    Example:
        >>> nn.AdaptiveMaxPool2d(2)(torch.arange(16.0).view(1, 4, 4))
        tensor([[[ 5.,  7.],
                 [13., 15.]]])
    """

    def forward(self, input):
        return F.adaptive_max_pool2d(input, self.output_size, self.return_indices)


class AdaptiveMaxPool3d(_AdaptiveMaxPoolNd):
    """Max pooling of (N, C, D, H, W) or (C, D, H, W) to a given size; None keeps the input's.

    Arguments as AdaptiveMaxPool2d.

    Example:
        >>> nn.AdaptiveMaxPool3d(2)(torch.arange(64.0).view(1, 4, 4, 4)).shape
        torch.Size([1, 2, 2, 2])
    """

    def forward(self, input):
        return F.adaptive_max_pool3d(input, self.output_size, self.return_indices)


__getattr__ = elsewhere(fractional="FractionalMaxPool2d FractionalMaxPool3d")
