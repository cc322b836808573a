"""RoIAlign that reads channels of its own for each bin."""

from ... import nn
from ...fx import wrap
from ._roi import _ALIGNED, _BY_POSITION, pooled

__all__ = ["PSRoIAlign", "ps_roi_align"]


@wrap
def ps_roi_align(input, boxes, output_size, spatial_scale=1.0, sampling_ratio=-1):
    """roi_align, aligned, where bin (i, j) of channel c is read from channel (c * rows + i) * columns + j of input.

    input (N, C * rows * columns, H, W) gives (K, C, rows, columns).
    Source: Dai et al., "R-FCN", 2016, arXiv:1605.06409, section 2, with bilinear samples.

    Example:
        >>> ops.ps_roi_align(torch.zeros(1, 8, 6, 6), [torch.tensor([[0.0, 0.0, 4.0, 4.0]])], 2).shape
        torch.Size([1, 2, 2, 2])
    """
    flags = _ALIGNED | _BY_POSITION
    return pooled("ps_roi_align", input, boxes, output_size, spatial_scale, sampling_ratio, flags)


class PSRoIAlign(nn.Module):
    """ps_roi_align as a layer.

    Example:
        >>> layer = ops.PSRoIAlign(2, 1.0, -1)
        >>> layer(torch.rand(1, 8, 6, 6), [torch.tensor([[0.0, 0.0, 4.0, 4.0]])]).shape
        torch.Size([1, 2, 2, 2])
    """

    def __init__(self, output_size, spatial_scale, sampling_ratio):
        super().__init__()
        self.output_size = output_size
        self.spatial_scale = spatial_scale
        self.sampling_ratio = sampling_ratio

    def forward(self, input, rois):
        return ps_roi_align(input, rois, self.output_size, self.spatial_scale, self.sampling_ratio)

    def extra_repr(self):
        return (
            f"output_size={self.output_size}, spatial_scale={self.spatial_scale}, "
            f"sampling_ratio={self.sampling_ratio}"
        )
