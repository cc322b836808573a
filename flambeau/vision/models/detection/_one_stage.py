"""What detectors of one stage share: from images over predictions at anchors to losses or detections."""

from .... import cat, where, zeros
from ...ops import boxes as box_ops
from ._utils import Detector


class OneStage(Detector):
    """backbone, anchor_generator, head and transform, one after another.

    A subclass says compute_loss(targets, head_outputs, anchors, levels) and postprocess_detections(head_outputs,
    anchors, image_shapes, levels); levels: anchors of each level of features.
    """

    def __init__(self, backbone, score_thresh, nms_thresh, detections_per_img, topk_candidates):
        super().__init__()
        self.backbone = backbone
        self.score_thresh, self.nms_thresh = score_thresh, nms_thresh
        self.detections_per_img, self.topk_candidates = detections_per_img, topk_candidates

    def detect(self, scores, offsets, decode, anchors, image_shapes, levels):
        """Of each image the best boxes, which decode(offsets, anchors) gives, of all levels together."""
        return [
            best_of_levels(
                [(*part, a) for part, a in zip(parts, own.split(levels))],
                decode,
                shape,
                self.score_thresh,
                self.topk_candidates,
                self.nms_thresh,
                self.detections_per_img,
            )
            for parts, own, shape in zip(
                _by_image((scores, offsets), levels), anchors, image_shapes
            )
        ]

    def match(self, targets, anchors):
        """The target of each anchor, -1 for none: a list of (N,), an image each."""
        matched = []
        for own, target in zip(anchors, targets):
            if target["boxes"].numel() == 0:
                matched.append(zeros(len(own), dtype=int, device=own.device) - 1)
            else:
                matched.append(self.proposal_matcher(box_ops.box_iou(target["boxes"], own)))
        return matched

    def forward(self, images, targets=None):
        images, targets, first_sizes, features = self._seen(images, targets)
        features = list(features.values())
        outputs = self.head(features)
        anchors = self.anchor_generator(images, features)
        places = [f.shape[-2] * f.shape[-1] for f in features]
        per_place = self.anchor_generator.num_anchors_per_location()
        levels = [n * a for n, a in zip(places, per_place)]
        losses, detections = {}, []
        if self.training:
            losses = self.compute_loss(targets, outputs, anchors, levels)
        else:
            detections = self.postprocess_detections(outputs, anchors, images.image_sizes, levels)
            detections = self.transform.postprocess(detections, images.image_sizes, first_sizes)
        return self.eager_outputs(losses, detections)


def best_of_levels(levels, decode, shape, score_thresh, topk, nms_thresh, most):
    """The detections of one image.

    levels: (scores (N, classes), offsets, anchors) of each level; decode(offsets, anchors) gives boxes. Of each
    level the topk scores above score_thresh stay, of all the `most` that overlap no better one of their class.
    """
    boxes, scores, labels = [], [], []
    for level, offsets, anchors in levels:
        classes = level.shape[-1]
        level = level.flatten()
        kept = where(level > score_thresh)[0]
        best, order = level[kept].topk(min(topk, len(kept)))
        kept = kept[order]
        places = kept.div(classes, rounding_mode="floor")
        boxes.append(box_ops.clip_boxes_to_image(decode(offsets[places], anchors[places]), shape))
        scores.append(best)
        labels.append(kept % classes)
    boxes, scores, labels = cat(boxes), cat(scores), cat(labels)
    keep = box_ops.batched_nms(boxes, scores, labels, nms_thresh)[:most]
    return {"boxes": boxes[keep], "scores": scores[keep], "labels": labels[keep]}


def _by_image(outputs, levels):
    """For each image, for each level, the rows of all outputs that belong to it."""
    parts = [output.split(levels, dim=1) for output in outputs]
    for i in range(len(outputs[0])):
        yield [tuple(part[i] for part in level) for level in zip(*parts)]


def need_out_channels(name, backbone):
    """The channels of a backbone's features; ValueError where it does not say."""
    if not hasattr(backbone, "out_channels"):
        raise ValueError(f"{name}: backbone has no out_channels, the channels of its features.")
    return backbone.out_channels
