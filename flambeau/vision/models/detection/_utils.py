"""Boxes as offsets of anchors, matches of anchors and targets, and samples of them."""

import math
from collections import OrderedDict
from typing import Any

from .... import Tensor, arange, cat, exp, log, nn, no_grad, randperm, where, zeros, zeros_like
from ....nn import functional as F
from ...ops import (
    FrozenBatchNorm2d,
    complete_box_iou_loss,
    distance_box_iou_loss,
    generalized_box_iou_loss,
)


class BalancedPositiveNegativeSampler:
    """Chooses batch_size_per_image elements an image at random, at most positive_fraction of them positive.

    Called with labels of each image, at least 1 for positives and 0 for negatives; gives a list of masks of the
    positives chosen, and one of the negatives.
    """

    def __init__(self, batch_size_per_image, positive_fraction):
        self.batch_size_per_image = batch_size_per_image
        self.positive_fraction = positive_fraction

    def __call__(self, matched_idxs):
        masks = [], []
        for labels in matched_idxs:
            positive, negative = where(labels >= 1)[0], where(labels == 0)[0]
            n_positive = min(len(positive), int(self.batch_size_per_image * self.positive_fraction))
            n_negative = min(len(negative), self.batch_size_per_image - n_positive)
            for chosen, places, n in zip(masks, (positive, negative), (n_positive, n_negative)):
                mask = zeros_like(labels, dtype=bool)
                mask[places[randperm(len(places), device=labels.device)[:n]]] = True
                chosen.append(mask)
        return masks


def _centre_and_size(boxes):
    size = boxes[..., 2:] - boxes[..., :2]
    return boxes[..., :2] + 0.5 * size, size


def encode_boxes(reference_boxes, proposals, weights):
    """Offsets of reference_boxes from proposals, (N, 4) each: of centres in sizes, of sizes as logarithms."""
    centre, size = _centre_and_size(proposals)
    to_centre, to_size = _centre_and_size(reference_boxes)
    return cat([(to_centre - centre) / size, log(to_size / size)], dim=1) * weights


_MOST_GROWTH = math.log(1000.0 / 16)  # of a side: before an exponential overflows


class BoxCoder:
    """Boxes as offsets of proposals, scaled by four weights, and back.

    Source: Girshick et al., "Rich feature hierarchies", 2014, arXiv:1311.2524, appendix C.
    """

    def __init__(self, weights, bbox_xform_clip=_MOST_GROWTH):
        self.weights = weights
        self.bbox_xform_clip = bbox_xform_clip

    def encode(self, reference_boxes, proposals):
        """Lists of boxes, one an image, to a list of offsets."""
        counts = [len(boxes) for boxes in reference_boxes]
        return self.encode_single(cat(reference_boxes), cat(proposals)).split(counts, 0)

    def encode_single(self, reference_boxes, proposals):
        return encode_boxes(reference_boxes, proposals, proposals.new_tensor(self.weights))

    def decode(self, rel_codes, boxes):
        """Offsets (N, 4 C) of all images together and a list of boxes an image to boxes (N, C, 4)."""
        boxes = cat(boxes)
        codes = rel_codes.reshape(len(boxes), -1) if len(boxes) else rel_codes
        return self.decode_single(codes, boxes).reshape(len(boxes), -1, 4)

    def decode_single(self, rel_codes, boxes):
        """Offsets (N, 4 C) of boxes (N, 4) to boxes (N, 4 C)."""
        centre, size = (v[:, None] for v in _centre_and_size(boxes.to(rel_codes.dtype)))
        codes = rel_codes.view(len(boxes), -1, 4) / rel_codes.new_tensor(self.weights)
        centre = codes[..., :2] * size + centre
        half = 0.5 * exp(codes[..., 2:].clamp(max=self.bbox_xform_clip)) * size
        return cat([centre - half, centre + half], dim=-1).flatten(1)


class BoxLinearCoder:
    """Boxes as distances of their four sides from the centre of an anchor, in sizes of the anchor if asked."""

    def __init__(self, normalize_by_size=True):
        self.normalize_by_size = normalize_by_size

    def _parts(self, boxes):
        size = boxes[..., 2:] - boxes[..., :2]
        return (boxes[..., :2] + boxes[..., 2:]) * 0.5, cat([size, size], dim=-1)

    def encode(self, reference_boxes, proposals):
        centre, size = self._parts(reference_boxes)
        sides = cat([centre - proposals[..., :2], proposals[..., 2:] - centre], dim=-1)
        return sides / size if self.normalize_by_size else sides

    def decode(self, rel_codes, boxes):
        boxes = boxes.to(rel_codes.dtype)
        centre, size = self._parts(boxes)
        sides = rel_codes * size if self.normalize_by_size else rel_codes
        return cat([centre - sides[..., :2], centre + sides[..., 2:]], dim=-1)


class Matcher:
    """The target of each prediction by their overlaps (targets, predictions), or a negative number.

    -1 below low_threshold, -2 between the thresholds. allow_low_quality_matches: the best predictions of a target
    are matched to what they overlap most, however little.
    """

    BELOW_LOW_THRESHOLD = -1
    BETWEEN_THRESHOLDS = -2

    def __init__(self, high_threshold, low_threshold, allow_low_quality_matches=False):
        if low_threshold > high_threshold:
            raise AssertionError(
                f"Matcher: low_threshold {low_threshold} is above high_threshold {high_threshold}."
            )
        self.high_threshold, self.low_threshold = high_threshold, low_threshold
        self.allow_low_quality_matches = allow_low_quality_matches

    def __call__(self, match_quality_matrix):
        if match_quality_matrix.numel() == 0:
            missing = "targets" if match_quality_matrix.shape[0] == 0 else "predictions"
            raise ValueError(f"Matcher: there are no {missing} to match.")
        values, matches = match_quality_matrix.max(dim=0)
        best = matches
        matches = where(values < self.high_threshold, self.BETWEEN_THRESHOLDS, matches)
        matches = where(values < self.low_threshold, self.BELOW_LOW_THRESHOLD, matches)
        if self.allow_low_quality_matches:
            highest = match_quality_matrix.amax(dim=1, keepdim=True)
            chosen = (match_quality_matrix == highest).any(dim=0)
            matches = where(chosen, best, matches)
        return matches


class SSDMatcher(Matcher):
    """One threshold; besides, the best prediction of each target is its own."""

    def __init__(self, threshold):
        super().__init__(threshold, threshold)

    def __call__(self, match_quality_matrix):
        matches = super().__call__(match_quality_matrix)
        best = match_quality_matrix.max(dim=1)[1]
        matches[best] = arange(len(best), device=best.device)
        return matches


def overwrite_eps(model, eps):
    """Another eps for all frozen norms: published weights were made with 0."""
    for module in model.modules():
        if isinstance(module, FrozenBatchNorm2d):
            module.eps = eps


def retrieve_out_channels(model, size):
    """The channels of all features of a backbone, by an image of zeros (width, height)."""
    was_training = model.training
    device = next(model.parameters()).device
    with no_grad():
        features = model.eval()(zeros((1, 3, size[1], size[0]), device=device))
    model.train(was_training)
    features = features.values() if isinstance(features, dict) else [features]
    return [x.shape[1] for x in features]


_IOU_LOSSES = {
    "ciou": complete_box_iou_loss,
    "diou": distance_box_iou_loss,
    "giou": generalized_box_iou_loss,
}


def _box_loss(
    type, box_coder, anchors_per_image, matched_gt_boxes_per_image, bbox_regression_per_image,
    cnf=None,
):  # fmt: skip
    """The sum of the losses of boxes: "l1" and "smooth_l1" of offsets, "ciou", "diou" and "giou" of boxes."""
    if type in ("l1", "smooth_l1"):
        target = box_coder.encode_single(matched_gt_boxes_per_image, anchors_per_image)
        if type == "l1":
            return F.l1_loss(bbox_regression_per_image, target, reduction="sum")
        beta = (cnf or {}).get("beta", 1.0)
        return F.smooth_l1_loss(bbox_regression_per_image, target, reduction="sum", beta=beta)
    if type not in _IOU_LOSSES:
        raise AssertionError(
            f"detection: the loss of boxes is {type!r}; it must be l1, smooth_l1, ciou, diou or giou."
        )
    boxes = box_coder.decode_single(bbox_regression_per_image, anchors_per_image)
    eps = (cnf or {}).get("eps", 1e-7)
    return _IOU_LOSSES[type](boxes, matched_gt_boxes_per_image, reduction="sum", eps=eps)


def flat_predictions(layer, columns):
    """(N, A * columns, H, W) as (N, H * W * A, columns)."""
    n, _, h, w = layer.shape
    return layer.view(n, -1, columns, h, w).permute(0, 3, 4, 1, 2).reshape(n, -1, columns)


def check_part(name, argument, value, kind):
    """Raises where a part of a detector is neither None nor of its kind."""
    if value is not None and not isinstance(value, kind):
        raise TypeError(
            f"{name}: {argument} is {type(value).__name__}; it must be a {kind.__name__} or None."
        )


def check_targets(name, targets, images):
    """Raises where targets, which training needs, are missing or their boxes are none."""
    if targets is None:
        raise AssertionError(
            f"{name}: in training it takes targets, too: a list of a dict for each image."
        )
    for target in targets:
        boxes = target["boxes"]
        if not hasattr(boxes, "shape") or boxes.ndim != 2 or boxes.shape[-1] != 4:
            found = tuple(boxes.shape) if hasattr(boxes, "shape") else type(boxes).__name__
            raise AssertionError(
                f"{name}: boxes of a target are {found}; they must be a tensor (N, 4)."
            )


def check_degenerate(name, targets):
    """Raises where a box of a target has no extent."""
    for i, target in enumerate(targets or ()):
        boxes = target["boxes"]
        wrong = (boxes[:, 2:] <= boxes[:, :2]).any(dim=1)
        if bool(wrong.any()):
            box = boxes[where(wrong)[0][0]].tolist()
            raise AssertionError(
                f"{name}: box {box} of target {i} has no extent; boxes are (x1, y1, x2, y2) with x1 < x2 and y1 < y2."
            )


class Detector(nn.Module):
    """What detectors share: a transform and a backbone see images, and targets in training."""

    def _seen(self, images, targets):
        """(images, targets, first sizes, features by name) once images and targets are checked and resized."""
        name = type(self).__name__
        if self.training:
            check_targets(name, targets, images)
        first_sizes = [tuple(image.shape[-2:]) for image in images]
        images, targets = self.transform(images, targets)
        check_degenerate(name, targets)
        features = self.backbone(images.tensors)
        if isinstance(features, Tensor):
            features = OrderedDict([("0", features)])
        return images, targets, first_sizes, features

    def eager_outputs(self, losses, detections) -> Any:
        """Losses by name while it trains, else detections, a dict for each image."""
        return losses if self.training else detections
