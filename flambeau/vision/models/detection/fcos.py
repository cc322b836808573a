"""FCOS on ResNet-50: boxes from the places of features, without anchors of many shapes.

Source: Tian, Shen, Chen, He, "FCOS", 2019, arXiv:1904.01355; 2020, arXiv:2006.09214.
"""

import math
from functools import partial

from .... import cat, nn, sigmoid, sqrt, stack, where
from ....nn import functional as F
from ...ops import generalized_box_iou_loss, sigmoid_focal_loss
from .._api import lazy_weights
from .._builder import backbone_builder
from . import _utils as det_utils
from ._one_stage import OneStage, need_out_channels
from .anchor_utils import AnchorGenerator
from .faster_rcnn import _MEAN, _STD, five_level_fpn
from .transform import GeneralizedRCNNTransform

__all__ = ["FCOS", "fcos_resnet50_fpn"]


def _convolutions(in_channels, num_convs, norm_layer):
    norm_layer = norm_layer or partial(nn.GroupNorm, 32)
    layers = []
    for _ in range(num_convs):
        layers += [
            nn.Conv2d(in_channels, in_channels, 3, padding=1),
            norm_layer(in_channels),
            nn.ReLU(),
        ]
    return nn.Sequential(*layers)


def _initialise(head):
    for module in head.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.normal_(module.weight, std=0.01)
            nn.init.zeros_(module.bias)


class FCOSHead(nn.Module):
    """{"cls_logits", "bbox_regression", "bbox_ctrness"}, (N, anchors, ...) each."""

    def __init__(self, in_channels, num_anchors, num_classes, num_convs=4):
        super().__init__()
        self.box_coder = det_utils.BoxLinearCoder(normalize_by_size=True)
        self.classification_head = FCOSClassificationHead(
            in_channels, num_anchors, num_classes, num_convs
        )
        self.regression_head = FCOSRegressionHead(in_channels, num_anchors, num_convs)

    def compute_loss(self, targets, head_outputs, anchors, matched_idxs):
        classes, boxes = [], []
        for target, own, matched in zip(targets, anchors, matched_idxs):
            if len(target["labels"]) == 0:
                classes.append(matched.new_zeros(len(matched)) - 1)
                boxes.append(own.new_zeros(own.shape))
                continue
            inside = matched.clamp(min=0)
            classes.append(where(matched < 0, -1, target["labels"][inside]))
            boxes.append(target["boxes"][inside])
        classes, boxes, anchors = stack(classes), stack(boxes), stack(anchors)
        found = classes >= 0
        count = max(1, int(found.sum()))

        logits = head_outputs["cls_logits"]
        wanted = (
            F.one_hot(classes.clamp(min=0), logits.shape[-1]).to(logits.dtype) * found[..., None]
        )
        of_classes = sigmoid_focal_loss(logits, wanted, reduction="sum")

        predicted = self.box_coder.decode(head_outputs["bbox_regression"], anchors)
        of_boxes = generalized_box_iou_loss(predicted[found], boxes[found], reduction="sum")

        sides = self.box_coder.encode(anchors[found], boxes[found])
        across, down = sides[:, 0::2], sides[:, 1::2]
        ratios = (across.amin(-1) / across.amax(-1)) * (down.amin(-1) / down.amax(-1))
        of_centres = F.binary_cross_entropy_with_logits(
            head_outputs["bbox_ctrness"].squeeze(2)[found], sqrt(ratios), reduction="sum"
        )
        return {
            "classification": of_classes / count,
            "bbox_regression": of_boxes / count,
            "bbox_ctrness": of_centres / count,
        }

    def forward(self, x):
        offsets, centres = self.regression_head(x)
        return {
            "cls_logits": self.classification_head(x),
            "bbox_regression": offsets,
            "bbox_ctrness": centres,
        }


class FCOSClassificationHead(nn.Module):
    """Scores of classes at every place: (N, anchors, num_classes)."""

    def __init__(
        self, in_channels, num_anchors, num_classes, num_convs=4, prior_probability=0.01,
        norm_layer=None,
    ):  # fmt: skip
        super().__init__()
        self.num_classes = num_classes
        self.num_anchors = num_anchors
        self.conv = _convolutions(in_channels, num_convs, norm_layer)
        self.cls_logits = nn.Conv2d(in_channels, num_anchors * num_classes, 3, padding=1)
        _initialise(self)
        nn.init.constant_(
            self.cls_logits.bias, -math.log((1 - prior_probability) / prior_probability)
        )

    def forward(self, x):
        outputs = [self.cls_logits(self.conv(feature)) for feature in x]
        return cat([det_utils.flat_predictions(o, self.num_classes) for o in outputs], dim=1)


class FCOSRegressionHead(nn.Module):
    """The distances of four sides, and how central a place is: (N, anchors, 4) and (N, anchors, 1)."""

    def __init__(self, in_channels, num_anchors, num_convs=4, norm_layer=None):
        super().__init__()
        self.conv = _convolutions(in_channels, num_convs, norm_layer)
        self.bbox_reg = nn.Conv2d(in_channels, num_anchors * 4, 3, padding=1)
        self.bbox_ctrness = nn.Conv2d(in_channels, num_anchors, 3, padding=1)
        _initialise(self)

    def forward(self, x):
        hidden = [self.conv(feature) for feature in x]
        sides = [det_utils.flat_predictions(F.relu(self.bbox_reg(h)), 4) for h in hidden]
        centres = [det_utils.flat_predictions(self.bbox_ctrness(h), 1) for h in hidden]
        return cat(sides, dim=1), cat(centres, dim=1)


class FCOS(OneStage):
    """Finds boxes: see the package. backbone: images to a dict of features (N, out_channels, H, W).

    center_sampling_radius: places at most so far from a box's centre, in strides, learn it.
    """

    def __init__(
        self, backbone, num_classes,
        # the transform
        min_size=800, max_size=1333, image_mean=None, image_std=None,
        # places and detections
        anchor_generator=None, head=None, center_sampling_radius=1.5, score_thresh=0.2,
        nms_thresh=0.6, detections_per_img=100, topk_candidates=1000, **kwargs,
    ):  # fmt: skip
        super().__init__(backbone, score_thresh, nms_thresh, detections_per_img, topk_candidates)
        channels = need_out_channels("FCOS", backbone)
        sizes = ((8,), (16,), (32,), (64,), (128,))  # the strides of the features
        det_utils.check_part("FCOS", "anchor_generator", anchor_generator, AnchorGenerator)
        self.anchor_generator = anchor_generator or AnchorGenerator(sizes, ((1.0,),) * len(sizes))
        if self.anchor_generator.num_anchors_per_location()[0] != 1:
            raise ValueError("FCOS: anchor_generator must give one anchor a place.")
        self.head = head or FCOSHead(channels, 1, num_classes)
        self.box_coder = det_utils.BoxLinearCoder(normalize_by_size=True)
        self.transform = GeneralizedRCNNTransform(
            min_size, max_size, image_mean or list(_MEAN), image_std or list(_STD), **kwargs
        )
        self.center_sampling_radius = center_sampling_radius

    def _match_places(self, boxes, anchors, levels):
        """The box of each place: near its centre, of a size for its level, the smallest of several; -1 for none."""
        if boxes.numel() == 0:
            return anchors.new_full((len(anchors),), -1, dtype=int)
        centres, places = ((b[:, :2] + b[:, 2:]) / 2 for b in (boxes, anchors))
        strides = anchors[:, 2] - anchors[:, 0]
        apart = (places[:, None, :] - centres[None, :, :]).abs().amax(dim=2)
        fits = apart < self.center_sampling_radius * strides[:, None]
        sides = cat(
            [places[:, None, :] - boxes[None, :, :2], boxes[None, :, 2:] - places[:, None, :]],
            dim=2,
        )
        fits &= sides.amin(dim=2) > 0
        least, most = strides * 4, strides * 8
        least[: levels[0]] = 0
        most[-levels[-1] :] = float("inf")
        reach = sides.amax(dim=2)
        fits &= (reach > least[:, None]) & (reach < most[:, None])
        areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
        best, matched = (fits.to(areas.dtype) * (1e8 - areas[None, :])).max(dim=1)
        return where(best < 1e-5, -1, matched)

    def compute_loss(self, targets, head_outputs, anchors, levels):
        matched = [
            self._match_places(target["boxes"], own, levels)
            for target, own in zip(targets, anchors)
        ]
        return self.head.compute_loss(targets, head_outputs, anchors, matched)

    def postprocess_detections(self, head_outputs, anchors, image_shapes, levels):
        scores = sqrt(sigmoid(head_outputs["cls_logits"]) * sigmoid(head_outputs["bbox_ctrness"]))
        offsets, decode = head_outputs["bbox_regression"], self.box_coder.decode
        return self.detect(scores, offsets, decode, anchors, image_shapes, levels)


def _fcos(
    *, weights, weights_backbone, progress, num_classes, trainable_backbone_layers=None, **arguments
):
    backbone = five_level_fpn(weights, weights_backbone, progress, trainable_backbone_layers, 256)
    return FCOS(backbone, num_classes, **arguments)


fcos_resnet50_fpn = backbone_builder(
    "fcos_resnet50_fpn", "FCOS_ResNet50_FPN_Weights", "ResNet50_Weights", _fcos, 91
)

__getattr__ = lazy_weights(__name__)
