"""RetinaNet on ResNet-50.

Source: Lin et al., "Focal Loss for Dense Object Detection", 2017, arXiv:1708.02002; v2: Zhang et al., "Bridging the
Gap Between Anchor-based and Anchor-free Detection", 2020, arXiv:1912.02424.
"""

import math
from functools import partial

from .... import cat, nn, sigmoid, where, zeros_like
from ...ops import Conv2dNormActivation, sigmoid_focal_loss
from .._api import lazy_weights
from .._builder import backbone_builder
from . import _utils as det_utils
from ._one_stage import OneStage, need_out_channels
from .anchor_utils import AnchorGenerator
from .faster_rcnn import _MEAN, _RATIOS, _STD, five_level_fpn, published_eps
from .transform import GeneralizedRCNNTransform

__all__ = ["RetinaNet", "retinanet_resnet50_fpn", "retinanet_resnet50_fpn_v2"]


def _default_anchorgen():
    sizes = tuple(
        (x, int(x * 2 ** (1.0 / 3)), int(x * 2 ** (2.0 / 3))) for x in (32, 64, 128, 256, 512)
    )
    return AnchorGenerator(sizes, (_RATIOS,) * len(sizes))


class _Convolutions(nn.Module):
    """Four 3x3 convolutions, then one for the answer."""

    _version = 2

    def __init__(self, in_channels, answer, outputs, norm_layer):
        super().__init__()
        self.conv = nn.Sequential(
            *(
                Conv2dNormActivation(in_channels, in_channels, norm_layer=norm_layer)
                for _ in range(4)
            )
        )
        setattr(self, answer, nn.Conv2d(in_channels, outputs, 3, padding=1))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.normal_(module.weight, std=0.01)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def _load_from_state_dict(self, state_dict, prefix, local_metadata, *rest):
        if local_metadata.get("version", None) in (None, 1):
            # Before version 2 convolutions and relus stood in one row.
            for i in range(4):
                for name in ("weight", "bias"):
                    old = f"{prefix}conv.{2 * i}.{name}"
                    if old in state_dict:
                        state_dict[f"{prefix}conv.{i}.0.{name}"] = state_dict.pop(old)
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)


class RetinaNetClassificationHead(_Convolutions):
    """Scores of classes at every anchor: (N, anchors, num_classes)."""

    def __init__(
        self, in_channels, num_anchors, num_classes, prior_probability=0.01, norm_layer=None
    ):
        super().__init__(in_channels, "cls_logits", num_anchors * num_classes, norm_layer)
        # At first an object is as rare as prior_probability.
        nn.init.constant_(
            self.cls_logits.bias, -math.log((1 - prior_probability) / prior_probability)
        )
        self.num_classes = num_classes
        self.num_anchors = num_anchors

    def compute_loss(self, targets, head_outputs, matched_idxs):
        losses = []
        for target, logits, matched in zip(targets, head_outputs["cls_logits"], matched_idxs):
            found = where(matched >= 0)[0]
            wanted = zeros_like(logits)
            if len(found):
                wanted[found, target["labels"][matched[found]]] = 1.0
            counts = where(matched != det_utils.Matcher.BETWEEN_THRESHOLDS)[0]
            loss = sigmoid_focal_loss(logits[counts], wanted[counts], reduction="sum")
            losses.append(loss / max(1, len(found)))
        return sum(losses) / len(targets)

    def forward(self, x):
        outputs = [self.cls_logits(self.conv(feature)) for feature in x]
        return cat([det_utils.flat_predictions(o, self.num_classes) for o in outputs], dim=1)


class RetinaNetRegressionHead(_Convolutions):
    """Offsets of boxes at every anchor: (N, anchors, 4)."""

    def __init__(self, in_channels, num_anchors, norm_layer=None):
        super().__init__(in_channels, "bbox_reg", num_anchors * 4, norm_layer)
        self.box_coder = det_utils.BoxCoder(weights=(1.0, 1.0, 1.0, 1.0))
        self._loss_type = "l1"

    def compute_loss(self, targets, head_outputs, anchors, matched_idxs):
        losses = []
        for target, offsets, own, matched in zip(
            targets, head_outputs["bbox_regression"], anchors, matched_idxs
        ):
            found = where(matched >= 0)[0]
            boxes = target["boxes"][matched[found]] if len(found) else own[found]
            loss = det_utils._box_loss(
                self._loss_type, self.box_coder, own[found], boxes, offsets[found]
            )
            losses.append(loss / max(1, len(found)))
        return sum(losses) / max(1, len(targets))

    def forward(self, x):
        outputs = [self.bbox_reg(self.conv(feature)) for feature in x]
        return cat([det_utils.flat_predictions(o, 4) for o in outputs], dim=1)


class RetinaNetHead(nn.Module):
    """Both heads: {"cls_logits", "bbox_regression"}."""

    def __init__(self, in_channels, num_anchors, num_classes, norm_layer=None):
        super().__init__()
        self.classification_head = RetinaNetClassificationHead(
            in_channels, num_anchors, num_classes, norm_layer=norm_layer
        )
        self.regression_head = RetinaNetRegressionHead(
            in_channels, num_anchors, norm_layer=norm_layer
        )

    def compute_loss(self, targets, head_outputs, anchors, matched_idxs):
        return {
            "classification": self.classification_head.compute_loss(
                targets, head_outputs, matched_idxs
            ),
            "bbox_regression": self.regression_head.compute_loss(
                targets, head_outputs, anchors, matched_idxs
            ),
        }

    def forward(self, x):
        return {
            "cls_logits": self.classification_head(x),
            "bbox_regression": self.regression_head(x),
        }


class RetinaNet(OneStage):
    """Finds boxes: see the package. backbone: images to a dict of features (N, out_channels, H, W)."""

    def __init__(
        self, backbone, num_classes,
        # the transform
        min_size=800, max_size=1333, image_mean=None, image_std=None,
        # anchors and detections
        anchor_generator=None, head=None, proposal_matcher=None, score_thresh=0.05, nms_thresh=0.5,
        detections_per_img=300, fg_iou_thresh=0.5, bg_iou_thresh=0.4, topk_candidates=1000,
        **kwargs,
    ):  # fmt: skip
        super().__init__(backbone, score_thresh, nms_thresh, detections_per_img, topk_candidates)
        channels = need_out_channels("RetinaNet", backbone)
        det_utils.check_part("RetinaNet", "anchor_generator", anchor_generator, AnchorGenerator)
        self.anchor_generator = anchor_generator or _default_anchorgen()
        self.head = head or RetinaNetHead(
            channels, self.anchor_generator.num_anchors_per_location()[0], num_classes
        )
        self.proposal_matcher = proposal_matcher or det_utils.Matcher(
            fg_iou_thresh, bg_iou_thresh, allow_low_quality_matches=True
        )
        self.box_coder = det_utils.BoxCoder(weights=(1.0, 1.0, 1.0, 1.0))
        self.transform = GeneralizedRCNNTransform(
            min_size, max_size, image_mean or list(_MEAN), image_std or list(_STD), **kwargs
        )

    def compute_loss(self, targets, head_outputs, anchors, levels=None):
        return self.head.compute_loss(targets, head_outputs, anchors, self.match(targets, anchors))

    def postprocess_detections(self, head_outputs, anchors, image_shapes, levels):
        scores, offsets = sigmoid(head_outputs["cls_logits"]), head_outputs["bbox_regression"]
        decode = self.box_coder.decode_single
        return self.detect(scores, offsets, decode, anchors, image_shapes, levels)


def _retinanet(
    *, weights, weights_backbone, progress, num_classes, trainable_backbone_layers=None, **arguments
):
    backbone = five_level_fpn(weights, weights_backbone, progress, trainable_backbone_layers, 256)
    return published_eps(RetinaNet(backbone, num_classes, **arguments), weights)


def _retinanet_v2(
    *, weights, weights_backbone, progress, num_classes, trainable_backbone_layers=None, **arguments
):
    backbone = five_level_fpn(
        weights, weights_backbone, progress, trainable_backbone_layers, 2048, frozen=False
    )
    anchors = _default_anchorgen()
    head = RetinaNetHead(
        backbone.out_channels,
        anchors.num_anchors_per_location()[0],
        num_classes,
        norm_layer=partial(nn.GroupNorm, 32),
    )
    head.regression_head._loss_type = "giou"
    return RetinaNet(
        backbone, num_classes, **{"anchor_generator": anchors, "head": head, **arguments}
    )


retinanet_resnet50_fpn = backbone_builder(
    "retinanet_resnet50_fpn", "RetinaNet_ResNet50_FPN_Weights", "ResNet50_Weights", _retinanet, 91
)
retinanet_resnet50_fpn_v2 = backbone_builder(
    "retinanet_resnet50_fpn_v2",
    "RetinaNet_ResNet50_FPN_V2_Weights",
    "ResNet50_Weights",
    _retinanet_v2,
    91,
    start=None,
)

__getattr__ = lazy_weights(__name__)
