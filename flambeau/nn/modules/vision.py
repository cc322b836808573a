"""Rearranging and resizing images; windows as columns."""

from .. import functional as F
from .homes import settle
from .module import Module
from .shows import shows


class PixelShuffle(Module):
    """(*, C * r**2, H, W) to (*, C, H * r, W * r).

    Args:
        upscale_factor (int): r.

    Example:
        >>> nn.PixelShuffle(2)(torch.zeros(1, 8, 3, 3)).shape
        torch.Size([1, 2, 6, 6])
    """

    __constants__ = ["upscale_factor"]

    def __init__(self, upscale_factor):
        super().__init__()
        self.upscale_factor = upscale_factor

    def forward(self, input):
        return F.pixel_shuffle(input, self.upscale_factor)

    extra_repr = shows("upscale_factor")


class PixelUnshuffle(Module):
    """(*, C, H * r, W * r) to (*, C * r**2, H, W).

    Args:
        downscale_factor (int): r.

    Example:
        >>> nn.PixelUnshuffle(2)(torch.zeros(1, 2, 6, 6)).shape
        torch.Size([1, 8, 3, 3])
    """

    __constants__ = ["downscale_factor"]

    def __init__(self, downscale_factor):
        super().__init__()
        self.downscale_factor = downscale_factor

    def forward(self, input):
        return F.pixel_unshuffle(input, self.downscale_factor)

    extra_repr = shows("downscale_factor")


class ChannelShuffle(Module):
    """The channels of each of `groups` groups dealt out in turn.

    Args:
        groups (int): a divisor of the channels.

    Example:
        >>> nn.ChannelShuffle(2)(torch.arange(4.0).view(1, 4, 1, 1)).flatten()
        tensor([0., 2., 1., 3.])
    """

    __constants__ = ["groups"]

    def __init__(self, groups):
        super().__init__()
        self.groups = groups

    def forward(self, input):
        return F.channel_shuffle(input, self.groups)

    extra_repr = shows("groups")


class Upsample(Module):
    """functional.interpolate with fixed arguments.

    Args:
        size (int or tuple): the sizes of the result; or instead
        scale_factor (float or tuple): what the input's are multiplied by.
        mode (str): "nearest", "linear", "bilinear", "bicubic" or "trilinear".
        align_corners (bool): whether the corners' centers keep their places.
        recompute_scale_factor (bool): compute with the ratio of the sizes, not with scale_factor.

    Example:
        >>> nn.Upsample(scale_factor=2)(torch.tensor([[[1.0, 2.0]]]))
        tensor([[[1., 1., 2., 2.]]])
    """

    __constants__ = [
        "size", "scale_factor", "mode", "align_corners", "name", "recompute_scale_factor",
    ]  # fmt: skip

    def __init__(
        self, size=None, scale_factor=None, mode="nearest", align_corners=None,
        recompute_scale_factor=None,
    ):  # fmt: skip
        super().__init__()
        self.name = type(self).__name__
        self.size = size
        if isinstance(scale_factor, tuple):
            self.scale_factor = tuple(float(factor) for factor in scale_factor)
        else:
            self.scale_factor = float(scale_factor) if scale_factor else None
        self.mode = mode
        self.align_corners = align_corners
        self.recompute_scale_factor = recompute_scale_factor

    def forward(self, input):
        return F.interpolate(
            input, self.size, self.scale_factor, self.mode, self.align_corners,
            self.recompute_scale_factor,
        )  # fmt: skip

    def extra_repr(self):
        if self.scale_factor is not None:
            text = f"scale_factor={self.scale_factor!r}"
        else:
            text = f"size={self.size!r}"
        return text + f", mode={self.mode!r}"


class UpsamplingNearest2d(Upsample):
    """Upsample with mode "nearest".

    Args:
        size (int or pair): the sizes of the result; or instead
        scale_factor (float or pair): what the input's are multiplied by.

    Example:
        >>> nn.UpsamplingNearest2d(scale_factor=2)(torch.zeros(1, 1, 2, 2)).shape
        torch.Size([1, 1, 4, 4])
    """

    def __init__(self, size=None, scale_factor=None):
        super().__init__(size, scale_factor, mode="nearest")


class UpsamplingBilinear2d(Upsample):
    """Upsample with mode "bilinear" and align_corners.

    Args:
        size (int or pair): the sizes of the result; or instead
        scale_factor (float or pair): what the input's are multiplied by.

    Example:
        >>> nn.UpsamplingBilinear2d(scale_factor=2)(torch.zeros(1, 1, 2, 2)).shape
        torch.Size([1, 1, 4, 4])
    """

    def __init__(self, size=None, scale_factor=None):
        super().__init__(size, scale_factor, mode="bilinear", align_corners=True)


class Unfold(Module):
    """Every window as a column; see functional.unfold.

    Args:
        kernel_size, dilation, padding, stride (int or tuple): of the windows.

    Example:
        >>> nn.Unfold(2)(torch.zeros(1, 3, 4, 4)).shape
        torch.Size([1, 12, 9])
    """

    __constants__ = ["kernel_size", "dilation", "padding", "stride"]

    def __init__(self, kernel_size, dilation=1, padding=0, stride=1):
        super().__init__()
        self.kernel_size, self.dilation = kernel_size, dilation
        self.padding, self.stride = padding, stride

    def forward(self, input):
        return F.unfold(input, self.kernel_size, self.dilation, self.padding, self.stride)

    extra_repr = shows("kernel_size dilation padding stride")


class Fold(Module):
    """The sum of windows laid back; see functional.fold.

    Args:
        output_size (int or tuple): the sizes of the image.
        kernel_size, dilation, padding, stride (int or tuple): of the windows.

    Example:
        >>> nn.Fold((3, 3), 2)(torch.ones(1, 4, 4))
        tensor([[[[1., 2., 1.],
                  [2., 4., 2.],
                  [1., 2., 1.]]]])
    """

    __constants__ = ["output_size", "kernel_size", "dilation", "padding", "stride"]

    def __init__(self, output_size, kernel_size, dilation=1, padding=0, stride=1):
        super().__init__()
        self.output_size = output_size
        self.kernel_size, self.dilation = kernel_size, dilation
        self.padding, self.stride = padding, stride

    def forward(self, input):
        return F.fold(
            input, self.output_size, self.kernel_size, self.dilation, self.padding, self.stride
        )

    extra_repr = shows("output_size kernel_size dilation padding stride")


settle("pixelshuffle", PixelShuffle, PixelUnshuffle)
settle("channelshuffle", ChannelShuffle)
settle("upsampling", Upsample, UpsamplingNearest2d, UpsamplingBilinear2d)
settle("fold", Unfold, Fold)
