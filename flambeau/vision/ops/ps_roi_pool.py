"""Means of the bins of regions, each bin of channels of its own."""

from ...fx import wrap
from ._roi import _BY_POSITION, _PIXELS, pooled
from .roi_pool import RoIPool

__all__ = ["PSRoIPool", "ps_roi_pool"]


@wrap
def ps_roi_pool(input, boxes, output_size, spatial_scale=1.0):
    """Means of the pixels of bins, where bin (i, j) of channel c is read from channel (c * rows + i) * columns + j.

    input (N, C * rows * columns, H, W) gives (K, C, rows, columns).
    Source: Dai et al., "R-FCN", 2016, arXiv:1605.06409, eq. 1.

    Example:
        >>> ops.ps_roi_pool(torch.zeros(1, 8, 6, 6), [torch.tensor([[0.0, 0.0, 4.0, 4.0]])], 2).shape
        torch.Size([1, 2, 2, 2])
    """
    return pooled(
        "ps_roi_pool", input, boxes, output_size, spatial_scale, flags=_BY_POSITION | _PIXELS
    )


class PSRoIPool(RoIPool):
    """ps_roi_pool as a layer.

    Example:
        >>> layer = ops.PSRoIPool(2, 1.0)
        >>> layer(torch.rand(1, 8, 6, 6), [torch.tensor([[0.0, 0.0, 4.0, 4.0]])]).shape
        torch.Size([1, 2, 2, 2])
    """

    def forward(self, input, rois):
        return ps_roi_pool(input, rois, self.output_size, self.spatial_scale)
