"""torch.ops.torchvision.NAME: the order of arguments of torchvision's compiled operators."""

from .boxes import nms
from .roi_align import roi_align


def _roi_align(input, rois, spatial_scale, pooled_height, pooled_width, sampling_ratio, aligned):
    size = (pooled_height, pooled_width)
    return roi_align(input, rois, size, spatial_scale, sampling_ratio, aligned)


OPERATORS = {"nms": nms, "roi_align": _roi_align}
