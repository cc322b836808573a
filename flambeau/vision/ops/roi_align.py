"""RoIAlign."""

from ... import nn
from ...fx import wrap
from ._roi import _ALIGNED, pooled

__all__ = ["RoIAlign", "roi_align"]


@wrap
def roi_align(input, boxes, output_size, spatial_scale=1.0, sampling_ratio=-1, aligned=False):
    """Means of bilinear samples in the bins of regions: (K, C, *output_size).

    input (N, C, H, W); boxes (K, 5), the image of each first, or a list of (L, 4) an image; output_size: bins, one
    number or (rows, columns). spatial_scale: from coordinates of boxes to those of input. sampling_ratio: samples
    along each bin, or at most 0 for one a pixel. aligned: pixels are centred on half coordinates.
    The gradient is of input. RuntimeError: dtypes differ, or boxes have other sizes.
    Source: He et al., "Mask R-CNN", 2017, arXiv:1703.06870, section 3.

    Example:
        >>> x = torch.arange(16.).view(1, 1, 4, 4)
        >>> ops.roi_align(x, [torch.tensor([[0., 0., 4., 4.]])], 2, aligned=True)
        tensor([[[[ 2.5000,  4.5000],
                  [10.5000, 12.5000]]]])
    """
    flags = _ALIGNED if aligned else 0
    return pooled("roi_align", input, boxes, output_size, spatial_scale, sampling_ratio, flags)


class RoIAlign(nn.Module):
    """roi_align as a layer.

    Example:
        >>> ops.RoIAlign(2, 1.0, 2)(torch.zeros(1, 3, 6, 6), [torch.tensor([[0.0, 0.0, 4.0, 4.0]])]).shape
        torch.Size([1, 3, 2, 2])
    """

    def __init__(self, output_size, spatial_scale, sampling_ratio, aligned=False):
        super().__init__()
        self.output_size = output_size
        self.spatial_scale = spatial_scale
        self.sampling_ratio = sampling_ratio
        self.aligned = aligned

    def forward(self, input, rois):
        return roi_align(
            input, rois, self.output_size, self.spatial_scale, self.sampling_ratio, self.aligned
        )

    def extra_repr(self):
        return (
            f"output_size={self.output_size}, spatial_scale={self.spatial_scale}, "
            f"sampling_ratio={self.sampling_ratio}, aligned={self.aligned}"
        )
