"""Maxima of the bins of regions."""

from ... import nn
from ...fx import wrap
from ._roi import pooled_with_places

__all__ = ["RoIPool", "roi_pool"]


@wrap
def roi_pool(input, boxes, output_size, spatial_scale=1.0):
    """The largest element of each bin of regions whose corners are rounded to pixels: (K, C, *output_size).

    Arguments are those of roi_align. An empty bin is 0.
    Source: Girshick, "Fast R-CNN", 2015, arXiv:1504.08083, section 2.1.

    Example:
        >>> x = torch.arange(16.).view(1, 1, 4, 4)
        >>> ops.roi_pool(x, [torch.tensor([[0., 0., 3., 3.]])], 2)
        tensor([[[[ 5.,  7.],
                  [13., 15.]]]])
    """
    return pooled_with_places("roi_pool", input, boxes, output_size, spatial_scale)[0]


class RoIPool(nn.Module):
    """roi_pool as a layer.

    Example:
        >>> ops.RoIPool(2, 1.0)(torch.zeros(1, 3, 6, 6), [torch.tensor([[0.0, 0.0, 4.0, 4.0]])]).shape
        torch.Size([1, 3, 2, 2])
    """

    def __init__(self, output_size, spatial_scale):
        super().__init__()
        self.output_size = output_size
        self.spatial_scale = spatial_scale

    def forward(self, input, rois):
        return roi_pool(input, rois, self.output_size, self.spatial_scale)

    def extra_repr(self):
        return f"output_size={self.output_size}, spatial_scale={self.spatial_scale}"
