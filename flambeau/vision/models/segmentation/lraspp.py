"""LR-ASPP on MobileNet v3.

Source: Howard et al., "Searching for MobileNetV3", 2019, arXiv:1905.02244, figure 10.
"""

from collections import OrderedDict

from .... import nn
from ....nn import functional as F
from .. import mobilenetv3
from .._api import lazy_weights
from .._builder import backbone_builder
from .._utils import IntermediateLayerGetter, stage_indices

__all__ = ["LRASPP", "lraspp_mobilenet_v3_large"]


class LRASPPHead(nn.Module):
    """Scores of coarse features, gated by their mean, and of fine ones are added."""

    def __init__(self, low_channels, high_channels, num_classes, inter_channels):
        super().__init__()
        self.cbr = nn.Sequential(
            nn.Conv2d(high_channels, inter_channels, 1, bias=False),
            nn.BatchNorm2d(inter_channels),
            nn.ReLU(inplace=True),
        )
        self.scale = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(high_channels, inter_channels, 1, bias=False),
            nn.Sigmoid(),
        )
        self.low_classifier = nn.Conv2d(low_channels, num_classes, 1)
        self.high_classifier = nn.Conv2d(inter_channels, num_classes, 1)

    def forward(self, input):
        low, high = input["low"], input["high"]
        x = self.cbr(high) * self.scale(high)
        x = F.interpolate(x, size=low.shape[-2:], mode="bilinear", align_corners=False)
        return self.low_classifier(low) + self.high_classifier(x)


class LRASPP(nn.Module):
    """Images (N, 3, H, W) to {"out": (N, num_classes, H, W)}; the backbone gives "low" and "high"."""

    def __init__(self, backbone, low_channels, high_channels, num_classes, inter_channels=128):
        super().__init__()
        self.backbone = backbone
        self.classifier = LRASPPHead(low_channels, high_channels, num_classes, inter_channels)

    def forward(self, input):
        out = self.classifier(self.backbone(input))
        out = F.interpolate(out, size=input.shape[-2:], mode="bilinear", align_corners=False)
        return OrderedDict(out=out)


def _lraspp(*, weights, weights_backbone, progress, num_classes, **further):
    body = mobilenetv3.mobilenet_v3_large(
        weights=weights_backbone, progress=progress, dilated=True
    ).features
    stages = stage_indices(body)
    low, high = stages[-4], stages[-1]
    return LRASPP(
        IntermediateLayerGetter(body, {low: "low", high: "high"}),
        body[low].out_channels,
        body[high].out_channels,
        num_classes,
        **further,
    )


lraspp_mobilenet_v3_large = backbone_builder(
    "lraspp_mobilenet_v3_large",
    "LRASPP_MobileNet_V3_Large_Weights",
    "MobileNet_V3_Large_Weights",
    _lraspp,
    21,
)

__getattr__ = lazy_weights(__name__)
