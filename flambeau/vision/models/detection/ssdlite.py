"""SSDlite on MobileNet v3.

Source: Howard et al., "Searching for MobileNetV3", 2019, arXiv:1905.02244, section 6.3; Sandler et al., 2018,
arXiv:1801.04381, section 6.2.
"""

from collections import OrderedDict
from functools import partial

from .... import nn
from ...ops import Conv2dNormActivation
from .. import mobilenetv3
from .._api import lazy_weights
from .._builder import backbone_builder
from .._utils import stage_indices
from . import _utils as det_utils
from .anchor_utils import DefaultBoxGenerator
from .backbone_utils import _validate_trainable_layers, freeze
from .ssd import SSD, SSDScoringHead

__all__ = ["SSDLiteHead", "ssdlite320_mobilenet_v3_large"]


def _normal_init(conv):
    for layer in conv.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.normal_(layer.weight, mean=0.0, std=0.03)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def _predictions(in_channels, num_anchors, columns, norm_layer):
    """For each level a 3x3 convolution by channel, then a 1x1 one."""
    layers = nn.ModuleList(
        nn.Sequential(
            Conv2dNormActivation(
                channels,
                channels,
                3,
                groups=channels,
                norm_layer=norm_layer,
                activation_layer=nn.ReLU6,
            ),
            nn.Conv2d(channels, columns * anchors, 1),
        )
        for channels, anchors in zip(in_channels, num_anchors)
    )
    _normal_init(layers)
    return layers


def _extra_block(in_channels, out_channels, norm_layer):
    """Half the size: 1x1, 3x3 by channel, 1x1."""
    inner = out_channels // 2
    active = {"norm_layer": norm_layer, "activation_layer": nn.ReLU6}
    return nn.Sequential(
        Conv2dNormActivation(in_channels, inner, kernel_size=1, **active),
        Conv2dNormActivation(inner, inner, kernel_size=3, stride=2, groups=inner, **active),
        Conv2dNormActivation(inner, out_channels, kernel_size=1, **active),
    )


class SSDLiteHead(nn.Module):
    """{"bbox_regression", "cls_logits"}, (N, anchors, ...) each."""

    def __init__(self, in_channels, num_anchors, num_classes, norm_layer):
        super().__init__()
        self.classification_head = SSDLiteClassificationHead(
            in_channels, num_anchors, num_classes, norm_layer
        )
        self.regression_head = SSDLiteRegressionHead(in_channels, num_anchors, norm_layer)

    def forward(self, x):
        return {
            "bbox_regression": self.regression_head(x),
            "cls_logits": self.classification_head(x),
        }


class SSDLiteClassificationHead(SSDScoringHead):
    """Scores of classes."""

    def __init__(self, in_channels, num_anchors, num_classes, norm_layer):
        super().__init__(
            _predictions(in_channels, num_anchors, num_classes, norm_layer), num_classes
        )


class SSDLiteRegressionHead(SSDScoringHead):
    """Offsets of boxes."""

    def __init__(self, in_channels, num_anchors, norm_layer):
        super().__init__(_predictions(in_channels, num_anchors, 4, norm_layer), 4)


class SSDLiteFeatureExtractorMobileNet(nn.Module):
    """MobileNet's features and smaller ones behind it: a dict of 6.

    c4_pos: the block whose expanded channels are the first of them.
    """

    def __init__(self, backbone, c4_pos, norm_layer, width_mult=1.0, min_depth=16):
        super().__init__()
        fourth = backbone[c4_pos].block
        self.features = nn.Sequential(
            nn.Sequential(*backbone[:c4_pos], fourth[0]),
            nn.Sequential(fourth[1:], *backbone[c4_pos + 1 :]),
        )
        widths = [max(min_depth, int(depth * width_mult)) for depth in (512, 256, 256, 128)]
        self.extra = nn.ModuleList(
            _extra_block(width, out, norm_layer)
            for width, out in zip([backbone[-1].out_channels, *widths], widths)
        )
        _normal_init(self.extra)

    def forward(self, x):
        outputs = []
        for block in (*self.features, *self.extra):
            x = block(x)
            outputs.append(x)
        return OrderedDict((str(i), output) for i, output in enumerate(outputs))


def _mobilenet_extractor(backbone, trainable_layers, norm_layer):
    features = backbone.features
    stages = stage_indices(features)
    freeze(features, stages, trainable_layers)
    return SSDLiteFeatureExtractorMobileNet(features, stages[-2], norm_layer)


def _ssdlite320(
    *, weights, weights_backbone, progress, num_classes, trainable_backbone_layers=None,
    norm_layer=None, **arguments,
):  # fmt: skip
    size = (320, 320)
    if arguments.pop("size", size) != size:
        raise ValueError("ssdlite320_mobilenet_v3_large: its size is (320, 320); SSD takes others.")
    trained = weights is not None or weights_backbone is not None
    layers = _validate_trainable_layers(trained, trainable_backbone_layers, 6, 6)
    norm_layer = norm_layer or partial(nn.BatchNorm2d, eps=0.001, momentum=0.03)
    body = mobilenetv3.mobilenet_v3_large(
        weights=weights_backbone,
        progress=progress,
        norm_layer=norm_layer,
        # Published weights of the backbone alone have the whole tail.
        reduced_tail=weights_backbone is None,
    )
    backbone = _mobilenet_extractor(body, layers, norm_layer)
    anchors = DefaultBoxGenerator([[2, 3] for _ in range(6)], min_ratio=0.2, max_ratio=0.95)
    channels = det_utils.retrieve_out_channels(backbone, size)
    head = SSDLiteHead(channels, anchors.num_anchors_per_location(), num_classes, norm_layer)
    defaults = {
        "score_thresh": 0.001,
        "nms_thresh": 0.55,
        "detections_per_img": 300,
        "topk_candidates": 300,
        # Inputs in [-1, 1], as the backbone was trained with.
        "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.5, 0.5, 0.5],
        "head": head,
    }
    return SSD(backbone, anchors, size, num_classes, **{**defaults, **arguments})


ssdlite320_mobilenet_v3_large = backbone_builder(
    "ssdlite320_mobilenet_v3_large",
    "SSDLite320_MobileNet_V3_Large_Weights",
    "MobileNet_V3_Large_Weights",
    _ssdlite320,
    91,
)

__getattr__ = lazy_weights(__name__)
