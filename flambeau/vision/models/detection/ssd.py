"""SSD on VGG-16.

Source: Liu et al., "SSD: Single Shot MultiBox Detector", 2016, arXiv:1512.02325.
"""

from collections import OrderedDict

from .... import cat, nn, ones, where, zeros_like
from ....nn import functional as F
from ...ops import boxes as box_ops
from .. import vgg
from .._api import lazy_weights
from .._builder import backbone_builder
from . import _utils as det_utils
from ._one_stage import OneStage
from .anchor_utils import DefaultBoxGenerator
from .backbone_utils import _validate_trainable_layers, freeze
from .faster_rcnn import _MEAN, _STD
from .transform import GeneralizedRCNNTransform

__all__ = ["SSD", "SSDHead", "ssd300_vgg16"]


def _xavier_init(conv):
    for layer in conv.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.xavier_uniform_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


class SSDHead(nn.Module):
    """{"bbox_regression", "cls_logits"}, (N, anchors, ...) each."""

    def __init__(self, in_channels, num_anchors, num_classes):
        super().__init__()
        self.classification_head = SSDClassificationHead(in_channels, num_anchors, num_classes)
        self.regression_head = SSDRegressionHead(in_channels, num_anchors)

    def forward(self, x):
        return {
            "bbox_regression": self.regression_head(x),
            "cls_logits": self.classification_head(x),
        }


class SSDScoringHead(nn.Module):
    """A module for each level, their results side by side: (N, anchors, num_columns)."""

    def __init__(self, module_list, num_columns):
        super().__init__()
        self.module_list = module_list
        self.num_columns = num_columns

    def forward(self, x):
        outputs = [module(feature) for module, feature in zip(self.module_list, x)]
        return cat([det_utils.flat_predictions(o, self.num_columns) for o in outputs], dim=1)


def _convolutions(in_channels, num_anchors, columns):
    layers = nn.ModuleList(
        nn.Conv2d(channels, columns * anchors, 3, padding=1)
        for channels, anchors in zip(in_channels, num_anchors)
    )
    _xavier_init(layers)
    return layers


class SSDClassificationHead(SSDScoringHead):
    """Scores of classes."""

    def __init__(self, in_channels, num_anchors, num_classes):
        super().__init__(_convolutions(in_channels, num_anchors, num_classes), num_classes)


class SSDRegressionHead(SSDScoringHead):
    """Offsets of boxes."""

    def __init__(self, in_channels, num_anchors):
        super().__init__(_convolutions(in_channels, num_anchors, 4), 4)


class SSD(OneStage):
    """Finds boxes: see the package. Images are resized to `size`, (width, height), whatever their shape.

    backbone: images to a dict of features; head None: their channels are found by an image of zeros.
    positive_fraction: of the boxes that the loss of classes counts.
    """

    def __init__(
        self, backbone, anchor_generator, size, num_classes, image_mean=None, image_std=None,
        head=None, score_thresh=0.01, nms_thresh=0.45, detections_per_img=200, iou_thresh=0.5,
        topk_candidates=400, positive_fraction=0.25, **kwargs,
    ):  # fmt: skip
        super().__init__(backbone, score_thresh, nms_thresh, detections_per_img, topk_candidates)
        self.anchor_generator = anchor_generator
        self.box_coder = det_utils.BoxCoder(weights=(10.0, 10.0, 5.0, 5.0))
        if head is None:
            channels = getattr(backbone, "out_channels", None)
            if channels is None:
                channels = det_utils.retrieve_out_channels(backbone, size)
            anchors = anchor_generator.num_anchors_per_location()
            if len(channels) != len(anchors):
                raise ValueError(
                    f"SSD: the backbone has {len(channels)} levels of features, anchor_generator {len(anchors)}."
                )
            head = SSDHead(channels, anchors, num_classes)
        self.head = head
        self.proposal_matcher = det_utils.SSDMatcher(iou_thresh)
        self.transform = GeneralizedRCNNTransform(
            min(size),
            max(size),
            image_mean or list(_MEAN),
            image_std or list(_STD),
            size_divisible=1,
            fixed_size=size,
            **kwargs,
        )
        self.neg_to_pos_ratio = (1.0 - positive_fraction) / positive_fraction

    def compute_loss(self, targets, head_outputs, anchors, levels=None):
        logits = head_outputs["cls_logits"]
        of_boxes, classes = [], []
        for target, offsets, own, matched in zip(
            targets, head_outputs["bbox_regression"], anchors, self.match(targets, anchors)
        ):
            found = where(matched >= 0)[0]
            wanted = zeros_like(matched)
            if len(found):
                wanted[found] = target["labels"][matched[found]]
                coded = self.box_coder.encode_single(target["boxes"][matched[found]], own[found])
                of_boxes.append(F.smooth_l1_loss(offsets[found], coded, reduction="sum"))
            else:
                of_boxes.append(offsets.sum() * 0)
            classes.append(wanted)
        classes = cat([wanted[None] for wanted in classes])
        loss = F.cross_entropy(logits.flatten(0, 1), classes.flatten(), reduction="none").view(
            classes.shape
        )
        found = classes > 0
        # Of the background only the worst count, neg_to_pos_ratio for each box found.
        worst = where(found, -float("inf"), loss).argsort(1, descending=True).argsort(1)
        hard = worst < self.neg_to_pos_ratio * found.sum(1, keepdim=True)
        count = max(1, int(found.sum()))
        return {
            "bbox_regression": sum(of_boxes) / count,
            "classification": (loss[found].sum() + loss[hard].sum()) / count,
        }

    def postprocess_detections(self, head_outputs, anchors, image_shapes, levels=None):
        scores = F.softmax(head_outputs["cls_logits"], dim=-1)
        detections = []
        for offsets, score, own, shape in zip(
            head_outputs["bbox_regression"], scores, anchors, image_shapes
        ):
            boxes = box_ops.clip_boxes_to_image(self.box_coder.decode_single(offsets, own), shape)
            parts = [], [], []
            for label in range(1, score.shape[1]):
                kept = where(score[:, label] > self.score_thresh)[0]
                best, order = score[kept, label].topk(min(self.topk_candidates, len(kept)))
                for part, value in zip(
                    parts, (boxes[kept[order]], best, kept.new_full((len(order),), label))
                ):
                    part.append(value)
            found, best, labels = (cat(part) for part in parts)
            keep = box_ops.batched_nms(found, best, labels, self.nms_thresh)[
                : self.detections_per_img
            ]
            detections.append({"boxes": found[keep], "scores": best[keep], "labels": labels[keep]})
        return detections


class SSDFeatureExtractorVGG(nn.Module):
    """VGG's features and smaller ones behind it: a dict of 6, or 7 with highres."""

    def __init__(self, backbone, highres):
        super().__init__()
        pools = [i for i, layer in enumerate(backbone) if isinstance(layer, nn.MaxPool2d)]
        third, fourth = pools[2], pools[3]
        backbone[third].ceil_mode = True  # 75 pixels become 38, as published
        self.scale_weight = nn.Parameter(ones(512) * 20)
        self.features = nn.Sequential(*backbone[:fourth])

        def smaller(channels, inner, out, **conv):
            return nn.Sequential(
                nn.Conv2d(channels, inner, 1),
                nn.ReLU(inplace=True),
                nn.Conv2d(inner, out, **conv),
                nn.ReLU(inplace=True),
            )

        halved = {"kernel_size": 3, "padding": 1, "stride": 2}
        extra = [
            smaller(1024, 256, 512, **halved),
            smaller(512, 128, 256, **halved),
            smaller(256, 128, 256, kernel_size=3),
            smaller(256, 128, 256, kernel_size=3),
        ]
        if highres:
            extra.append(smaller(256, 128, 256, kernel_size=4))
        fc = nn.Sequential(
            nn.MaxPool2d(3, stride=1, padding=1),
            nn.Conv2d(512, 1024, 3, padding=6, dilation=6),
            nn.ReLU(inplace=True),
            nn.Conv2d(1024, 1024, 1),
            nn.ReLU(inplace=True),
        )
        for part in (*extra, fc):
            _xavier_init(part)
        self.extra = nn.ModuleList([nn.Sequential(*backbone[fourth:-1], fc), *extra])

    def forward(self, x):
        x = self.features(x)
        outputs = [self.scale_weight.view(1, -1, 1, 1) * F.normalize(x)]
        for block in self.extra:
            x = block(x)
            outputs.append(x)
        return OrderedDict((str(i), output) for i, output in enumerate(outputs))


def _vgg_extractor(backbone, highres, trainable_layers):
    features = backbone.features
    stages = [0, *(i for i, layer in enumerate(features) if isinstance(layer, nn.MaxPool2d))][:-1]
    freeze(features, stages, trainable_layers)
    return SSDFeatureExtractorVGG(features, highres)


def _ssd300(
    *, weights, weights_backbone, progress, num_classes, trainable_backbone_layers=None, **arguments
):
    if arguments.pop("size", (300, 300)) != (300, 300):
        raise ValueError("ssd300_vgg16: its size is (300, 300); SSD takes others.")
    trained = weights is not None or weights_backbone is not None
    layers = _validate_trainable_layers(trained, trainable_backbone_layers, 5, 4)
    backbone = _vgg_extractor(vgg.vgg16(weights=weights_backbone, progress=progress), False, layers)
    anchors = DefaultBoxGenerator(
        [[2], [2, 3], [2, 3], [2, 3], [2], [2]],
        scales=[0.07, 0.15, 0.33, 0.51, 0.69, 0.87, 1.05],
        steps=[8, 16, 32, 64, 100, 300],
    )
    # The mean and deviation of the backbone's weights.
    defaults = {"image_mean": [0.48235, 0.45882, 0.40784], "image_std": [1.0 / 255.0] * 3}
    return SSD(backbone, anchors, (300, 300), num_classes, **{**defaults, **arguments})


ssd300_vgg16 = backbone_builder(
    "ssd300_vgg16",
    "SSD300_VGG16_Weights",
    "VGG16_Weights",
    _ssd300,
    91,
    start="IMAGENET1K_FEATURES",
)

__getattr__ = lazy_weights(__name__)
