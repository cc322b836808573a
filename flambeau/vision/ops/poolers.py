"""roi_align on the level of a pyramid that suits each box."""

import math

from ... import cat, nn, where
from ...fx import wrap
from ._roi import regions
from .boxes import box_area
from .roi_align import roi_align

__all__ = ["LevelMapper", "MultiScaleRoIAlign"]


class LevelMapper:
    """The level of boxes by the root of their area. Source: Lin et al., arXiv:1612.03144, eq. 1."""

    def __init__(self, k_min, k_max, canonical_scale=224, canonical_level=4, eps=1e-6):
        self.k_min, self.k_max = k_min, k_max
        self.s0, self.lvl0 = canonical_scale, canonical_level
        self.eps = eps

    def __call__(self, boxlists):
        side = cat([box_area(boxes) for boxes in boxlists]).sqrt()
        level = (self.lvl0 + (side / self.s0).log2() + self.eps).floor()
        return level.clamp(min=self.k_min, max=self.k_max).long() - self.k_min


def _scales(features, image_shapes, canonical_scale, canonical_level):
    """(scale of each level, the function that finds the level of boxes)."""
    if not image_shapes:
        raise ValueError(
            "MultiScaleRoIAlign: image_shapes is empty; there must be a size for each image."
        )
    largest = [max(sizes) for sizes in zip(*image_shapes)]
    scales = [2.0 ** round(math.log2(f.shape[-2] / largest[0])) for f in features]
    ends = (int(-math.log2(scale)) for scale in (scales[0], scales[-1]))
    return scales, LevelMapper(*ends, canonical_scale, canonical_level)


@wrap  # tracing does not enter: its loops depend on the names and the number of features
def _pooled(
    x, boxes, image_shapes, names, output_size, sampling_ratio, canonical_scale, canonical_level
):
    """roi_align of each box on its level."""
    features = [value for name, value in x.items() if name in names]
    if not features:
        raise ValueError(
            f"MultiScaleRoIAlign: none of {names} is among the features, {', '.join(x)}."
        )
    scales, map_levels = _scales(features, image_shapes, canonical_scale, canonical_level)
    rois = regions("MultiScaleRoIAlign", features[0], boxes)
    if len(features) == 1:
        return roi_align(features[0], rois, output_size, scales[0], sampling_ratio)
    levels = map_levels(boxes)
    found, order = [], []
    for level, (feature, scale) in enumerate(zip(features, scales)):
        own = where(levels == level)[0]
        order.append(own)
        found.append(
            roi_align(feature, rois[own].to(feature.dtype), output_size, scale, sampling_ratio)
        )
    return cat(found)[cat(order).argsort()]


class MultiScaleRoIAlign(nn.Module):
    """roi_align of boxes on features of several scales: (K, C, *output_size).

    featmap_names: the features to use, fine to coarse. A box as large as canonical_scale is read from
    canonical_level, the power of two by which that level is smaller than the image.
    forward(x, boxes, image_shapes): an ordered dict of features, a list of boxes (L, 4) and of (height, width).

    Example:
        >>> pool = ops.MultiScaleRoIAlign(["fine", "coarse"], 3, 2)
        >>> features = {"fine": torch.rand(1, 5, 16, 16), "coarse": torch.rand(1, 5, 8, 8)}
        >>> pool(features, [torch.tensor([[0.0, 0.0, 30.0, 30.0]])], [(64, 64)]).shape
        torch.Size([1, 5, 3, 3])
    """

    def __init__(
        self, featmap_names, output_size, sampling_ratio, *, canonical_scale=224, canonical_level=4
    ):
        super().__init__()
        self.featmap_names = (
            [featmap_names] if isinstance(featmap_names, str) else list(featmap_names)
        )
        self.output_size = (
            (output_size,) * 2 if isinstance(output_size, int) else tuple(output_size)
        )
        self.sampling_ratio = sampling_ratio
        self.canonical_scale = canonical_scale
        self.canonical_level = canonical_level

    def forward(self, x, boxes, image_shapes):
        return _pooled(
            x, boxes, image_shapes, self.featmap_names, self.output_size, self.sampling_ratio, self.canonical_scale,
            self.canonical_level,
        )  # fmt: skip

    def __repr__(self):
        return (
            f"{type(self).__name__}(featmap_names={self.featmap_names}, output_size={self.output_size}, "
            f"sampling_ratio={self.sampling_ratio})"
        )
