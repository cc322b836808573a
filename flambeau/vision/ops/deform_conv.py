"""Convolution whose taps move.

Source: Dai et al., "Deformable Convolutional Networks", 2017, arXiv:1703.06211; with a mask, Zhu et al., 2019,
arXiv:1811.11168.
"""

import math

from ... import _core, arange, autograd, empty, enable_grad, float32, float64, is_grad_enabled, nn
from ...fx import wrap
from ...ops.core.declare import primitive
from ...ops.windows import per_dim

__all__ = ["DeformConv2d", "deform_conv2d"]


@primitive(name="_deform_columns", method=False, function=False, out=False)
def _columns(ctx, input, offset, mask, options):
    """What the taps see: (N, C * taps, places)."""
    ctx.save_for_backward(input, offset, *([] if mask is None else [mask]))
    ctx.options = options
    return _core._deform_columns(input, offset, mask, *options)


@_columns.derivative
def _(ctx, grad):
    input, offset, *mask = ctx.saved
    if is_grad_enabled() and any(t.requires_grad for t in (grad, input, offset, *mask)):
        return _differentiable(grad, (input, offset, *mask), ctx.options)
    mask = mask[0] if mask else None
    return *_core._deform_columns_backward(grad, input, offset, mask, *ctx.options), None


def _differentiable(grad, tensors, options):
    """The derivative by operators that have derivatives themselves: for second ones, slower than the loops."""
    with enable_grad():
        # Names of their own: offsets and mask are often made of the input.
        tensors = [t.view_as(t) for t in tensors]
        learnt = [t for t in tensors if t.requires_grad]
        columns = _columns_by_steps(*tensors, *[None] * (3 - len(tensors)), options)
        found = iter(autograd.grad(columns, learnt, grad, create_graph=True) if learnt else ())
    return (
        *(next(found) if t.requires_grad else None for t in tensors),
        *[None] * (4 - len(tensors)),
    )


def _columns_by_steps(input, offset, mask, options):
    """_columns, corner by corner of the pixels around each tap."""
    kernel, stride, padding, dilation, out, groups = options
    n, channels, height, width = input.shape
    taps, places = kernel[0] * kernel[1], out[0] * out[1]
    at = []  # y and x of each tap without its move: (taps, places)
    for dim in (0, 1):
        tap = arange(kernel[dim]) * dilation[dim] - padding[dim]
        place = arange(out[dim]) * stride[dim]
        both = tap[:, None] + place[None]
        both = both[:, None, :, None] if dim == 0 else both[None, :, None, :]
        at.append(both.expand(*kernel, *out).reshape(taps, places))
    moves = offset.view(n, groups, taps, 2, places)
    y, x = (moves[:, :, :, dim] + at[dim] for dim in (0, 1))
    planes = input.view(n, groups, channels // groups, height * width)
    total = 0.0
    for row, column in ((0, 0), (0, 1), (1, 0), (1, 1)):
        to_y, to_x = y.detach().floor() + row, x.detach().floor() + column
        inside = (to_y >= 0) & (to_y < height) & (to_x >= 0) & (to_x < width)
        share = (1 - (y - to_y).abs()) * (1 - (x - to_x).abs()) * inside
        index = (to_y.clamp(0, height - 1) * width + to_x.clamp(0, width - 1)).long()
        index = index.view(n, groups, 1, -1).expand(-1, -1, channels // groups, -1)
        seen = planes.gather(3, index).view(n, groups, -1, taps, places)
        total = total + seen * share[:, :, None]
    if mask is not None:
        total = total * mask.view(n, groups, 1, taps, places)
    return total.view(n, channels * taps, places)


@wrap
def deform_conv2d(
    input, offset, weight, bias=None, stride=(1, 1), padding=(0, 0), dilation=(1, 1), mask=None
):
    """conv2d whose taps are moved by `offset`, between pixels by bilinear interpolation, and scaled by `mask`.

    input (N, C, H, W), weight (O, C / groups, kh, kw); offset (N, G * kh * kw * 2, H', W'), y before x, for G groups
    of channels; mask (N, G * kh * kw, H', W'), optional. The result is (N, O, H', W'). Gradients of all tensors.
    RuntimeError: sizes do not fit.

    Example:
        >>> x, weight = torch.ones(1, 1, 4, 4), torch.ones(1, 1, 3, 3)
        >>> ops.deform_conv2d(x, torch.zeros(1, 18, 2, 2), weight)
        tensor([[[[9., 9.],
                  [9., 9.]]]])
    """
    name = "deform_conv2d"
    stride, padding, dilation = (
        per_dim(v, 2, name, what)
        for v, what in ((stride, "stride"), (padding, "padding"), (dilation, "dilation"))
    )
    n, channels, *sizes = input.shape
    out_channels, per_group, *kernel = weight.shape
    taps = kernel[0] * kernel[1]
    out = tuple(
        (size + 2 * p - d * (k - 1) - 1) // s + 1
        for size, k, s, p, d in zip(sizes, kernel, stride, padding, dilation)
    )
    offset_groups = offset.shape[1] // (2 * taps)
    groups = channels // per_group if per_group else 0
    if channels != groups * per_group or not groups or out_channels % groups:
        raise RuntimeError(
            f"{name}: input {tuple(input.shape)} and weight {tuple(weight.shape)} do not fit; weight must be "
            "(O, C / groups, kh, kw)."
        )
    if (
        offset_groups == 0
        or offset.shape[1] != offset_groups * 2 * taps
        or channels % offset_groups
    ):
        raise RuntimeError(
            f"{name}: offset has {offset.shape[1]} channels; it must have 2 * {taps} for each group of the {channels}."
        )
    if tuple(offset.shape[0::2]) != (n, out[0]) or offset.shape[3] != out[1]:
        raise RuntimeError(
            f"{name}: offset is {tuple(offset.shape)}; it must be ({n}, {offset.shape[1]}, {out[0]}, {out[1]})."
        )
    if mask is not None and tuple(mask.shape) != (n, offset_groups * taps, *out):
        raise RuntimeError(
            f"{name}: mask is {tuple(mask.shape)}; it must be ({n}, {offset_groups * taps}, {out[0]}, {out[1]})."
        )
    dtype = input.dtype
    if dtype not in (float32, float64):
        tensors = [t if t is None else t.float() for t in (input, offset, weight, bias, mask)]
        input, offset, weight, bias, mask = tensors
    options = (tuple(kernel), stride, padding, dilation, out, offset_groups)
    columns = _columns(input, offset, mask, options)
    columns = columns.view(n, groups, per_group * taps, out[0] * out[1])
    result = weight.reshape(groups, out_channels // groups, per_group * taps) @ columns
    result = result.view(n, out_channels, *out)
    return (result if bias is None else result + bias.view(1, -1, 1, 1)).to(dtype)


class DeformConv2d(nn.Module):
    """deform_conv2d with its weight and bias; forward(input, offset, mask=None).

    Example:
        >>> layer = ops.DeformConv2d(1, 4, 3)
        >>> layer(torch.rand(2, 1, 5, 5), torch.zeros(2, 2 * 3 * 3, 3, 3)).shape
        torch.Size([2, 4, 3, 3])
    """

    def __init__(
        self, in_channels, out_channels, kernel_size, stride=1, padding=0, dilation=1, groups=1,
        bias=True,
    ):  # fmt: skip
        super().__init__()
        if in_channels % groups or out_channels % groups:
            raise ValueError(
                f"DeformConv2d: in_channels {in_channels} and out_channels {out_channels} must be multiples of groups, "
                f"{groups}."
            )
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = per_dim(kernel_size, 2, "DeformConv2d", "kernel_size")
        self.stride = per_dim(stride, 2, "DeformConv2d", "stride")
        self.padding = per_dim(padding, 2, "DeformConv2d", "padding")
        self.dilation = per_dim(dilation, 2, "DeformConv2d", "dilation")
        self.groups = groups
        self.weight = nn.Parameter(empty(out_channels, in_channels // groups, *self.kernel_size))
        self.bias = nn.Parameter(empty(out_channels)) if bias else None
        self.reset_parameters()

    def reset_parameters(self):
        nn.init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            bound = 1 / math.sqrt(self.weight[0].numel())
            nn.init.uniform_(self.bias, -bound, bound)

    def forward(self, input, offset, mask=None):
        return deform_conv2d(
            input,
            offset,
            self.weight,
            self.bias,
            stride=self.stride,
            padding=self.padding,
            dilation=self.dilation,
            mask=mask,
        )

    def extra_repr(self):
        return (
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}, "
            f"padding={self.padding}, dilation={self.dilation}, groups={self.groups}, bias={self.bias is not None}"
        )
