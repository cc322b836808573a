"""Anchors: boxes at every place of the features, of several sizes and ratios."""

import math

from .... import arange, as_tensor, cat, meshgrid, nn, stack, tensor

__all__ = ["AnchorGenerator", "DefaultBoxGenerator"]


class AnchorGenerator(nn.Module):
    """Anchors for each level of features, its sizes and its ratios of height to width.

    sizes, aspect_ratios: a tuple a level, of pixels and of ratios; as many levels as there are features.
    forward(image_list, feature_maps): a list of (N, 4), the same for each image.
    """

    def __init__(self, sizes=((128, 256, 512),), aspect_ratios=((0.5, 1.0, 2.0),)):
        super().__init__()
        if not isinstance(sizes[0], list | tuple):
            sizes = tuple((size,) for size in sizes)
        if not isinstance(aspect_ratios[0], list | tuple):
            aspect_ratios = (aspect_ratios,) * len(sizes)
        self.sizes = sizes
        self.aspect_ratios = aspect_ratios
        # Made on the CPU, wherever the model is made: they are moved to the features.
        self.cell_anchors = [
            self.generate_anchors(size, ratio, device="cpu")
            for size, ratio in zip(sizes, aspect_ratios)
        ]

    def generate_anchors(self, scales, aspect_ratios, dtype=None, device="cpu"):
        """Anchors around the origin, on whole pixels: (ratios * scales, 4)."""
        scales = as_tensor(scales, dtype=dtype, device=device).float()
        tall = as_tensor(aspect_ratios, dtype=dtype, device=device).sqrt()
        w = ((1 / tall)[:, None] * scales[None, :]).view(-1)
        h = (tall[:, None] * scales[None, :]).view(-1)
        return (stack([-w, -h, w, h], dim=1) / 2).round()

    def num_anchors_per_location(self):
        return [len(s) * len(a) for s, a in zip(self.sizes, self.aspect_ratios)]

    def grid_anchors(self, grid_sizes, strides):
        """For each level its anchors at all places, (H * W * A, 4)."""
        if not len(grid_sizes) == len(strides) == len(self.cell_anchors):
            raise AssertionError(
                f"AnchorGenerator: {len(grid_sizes)} levels of features, but sizes of {len(self.cell_anchors)}; there "
                "must be as many."
            )
        anchors = []
        for (h, w), (high, wide), base in zip(grid_sizes, strides, self.cell_anchors):
            y, x = meshgrid(
                arange(h, device=base.device) * high,
                arange(w, device=base.device) * wide,
                indexing="ij",
            )
            moves = stack([x, y, x, y], dim=-1).view(-1, 1, 4)
            anchors.append((moves + base).reshape(-1, 4))
        return anchors

    def forward(self, image_list, feature_maps):
        h, w = image_list.tensors.shape[-2:]
        like = feature_maps[0]
        self.cell_anchors = [a.to(dtype=like.dtype, device=like.device) for a in self.cell_anchors]
        grids = [tuple(f.shape[-2:]) for f in feature_maps]
        anchors = cat(
            self.grid_anchors(grids, [(h // rows, w // columns) for rows, columns in grids])
        )
        return [anchors for _ in image_list.image_sizes]


class DefaultBoxGenerator(nn.Module):
    """The default boxes of SSD. Source: Liu et al., "SSD", 2016, arXiv:1512.02325, section 2.2.

    aspect_ratios: a list a level, of ratios beside 1. scales: of boxes in images, one more than there are levels;
    without them evenly from min_ratio to max_ratio. steps: pixels between boxes, a level; clip: sizes to the image.
    """

    def __init__(
        self, aspect_ratios, min_ratio=0.15, max_ratio=0.9, scales=None, steps=None, clip=True
    ):
        super().__init__()
        if steps is not None and len(steps) != len(aspect_ratios):
            raise ValueError(
                f"DefaultBoxGenerator: {len(steps)} steps for {len(aspect_ratios)} levels; there must be as many."
            )
        self.aspect_ratios = aspect_ratios
        self.steps = steps
        self.clip = clip
        levels = len(aspect_ratios)
        if scales is None and levels > 1:
            span = max_ratio - min_ratio
            scales = [min_ratio + span * k / (levels - 1.0) for k in range(levels)] + [1.0]
        self.scales = scales or [min_ratio, max_ratio]
        self._wh_pairs = [self._pairs(k) for k in range(levels)]

    def _pairs(self, level):
        own, between = self.scales[level], math.sqrt(self.scales[level] * self.scales[level + 1])
        pairs = [[own, own], [between, between]]
        for ratio in self.aspect_ratios[level]:
            w, h = own * math.sqrt(ratio), own / math.sqrt(ratio)
            pairs += [[w, h], [h, w]]
        return pairs

    def num_anchors_per_location(self):
        return [2 + 2 * len(ratios) for ratios in self.aspect_ratios]

    def _boxes(self, grids, image_size, dtype, device):
        """(centre, size) of all boxes, in images."""
        centres, sizes = [], []
        for k, (h, w) in enumerate(grids):
            down, across = (
                (h, w) if self.steps is None else (size / self.steps[k] for size in image_size)
            )
            y = (arange(h, dtype=dtype, device=device) + 0.5) / down
            x = (arange(w, dtype=dtype, device=device) + 0.5) / across
            y, x = meshgrid(y, x, indexing="ij")
            pairs = tensor(self._wh_pairs[k], dtype=dtype, device=device)
            pairs = pairs.clamp(min=0, max=1) if self.clip else pairs
            centres.append(
                stack([x, y], dim=-1).view(-1, 1, 2).expand(-1, len(pairs), -1).reshape(-1, 2)
            )
            sizes.append(pairs.repeat(h * w, 1))
        return cat(centres), cat(sizes)

    def forward(self, image_list, feature_maps):
        h, w = image_list.tensors.shape[-2:]
        like = feature_maps[0]
        grids = [tuple(f.shape[-2:]) for f in feature_maps]
        centres, sizes = self._boxes(grids, (h, w), like.dtype, like.device)
        scale = tensor([w, h], dtype=like.dtype, device=like.device)
        boxes = cat([(centres - 0.5 * sizes) * scale, (centres + 0.5 * sizes) * scale], dim=-1)
        return [boxes for _ in image_list.image_sizes]

    def __repr__(self):
        return (
            f"DefaultBoxGenerator(aspect_ratios={self.aspect_ratios}, clip={self.clip}, scales={self.scales}, "
            f"steps={self.steps})"
        )
