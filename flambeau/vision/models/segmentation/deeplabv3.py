"""DeepLab v3 on ResNet and MobileNet v3.

Source: Chen, Papandreou, Schroff, Adam, "Rethinking Atrous Convolution", 2017, arXiv:1706.05587, section 3.3.
"""

from .... import cat, nn
from ....nn import functional as F
from .. import mobilenetv3, resnet
from .._api import lazy_weights
from .._builder import backbone_builder
from .._utils import IntermediateLayerGetter, stage_indices
from ._utils import _SimpleSegmentationModel, dilated_resnet, with_aux
from .fcn import FCNHead

__all__ = ["DeepLabV3", "deeplabv3_mobilenet_v3_large", "deeplabv3_resnet101", "deeplabv3_resnet50"]


class DeepLabV3(_SimpleSegmentationModel):
    """Convolutions of several dilations see what the backbone gives."""


class ASPPConv(nn.Sequential):
    """A dilated 3x3 convolution, norm, relu."""

    def __init__(self, in_channels, out_channels, dilation):
        super().__init__(
            nn.Conv2d(
                in_channels, out_channels, 3, padding=dilation, dilation=dilation, bias=False
            ),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(),
        )


class ASPPPooling(nn.Sequential):
    """The mean of the image, projected, at every pixel."""

    def __init__(self, in_channels, out_channels):
        super().__init__(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(in_channels, out_channels, 1, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(),
        )

    def forward(self, x):
        return F.interpolate(
            super().forward(x), size=x.shape[-2:], mode="bilinear", align_corners=False
        )


class ASPP(nn.Module):
    """A 1x1 convolution, three dilated ones and the mean side by side, projected to out_channels."""

    def __init__(self, in_channels, atrous_rates, out_channels=256):
        super().__init__()

        def pointwise(width):
            return [
                nn.Conv2d(width, out_channels, 1, bias=False),
                nn.BatchNorm2d(out_channels),
                nn.ReLU(),
            ]

        self.convs = nn.ModuleList(
            [
                nn.Sequential(*pointwise(in_channels)),
                *(ASPPConv(in_channels, out_channels, rate) for rate in atrous_rates),
                ASPPPooling(in_channels, out_channels),
            ]
        )
        self.project = nn.Sequential(*pointwise(len(self.convs) * out_channels), nn.Dropout(0.5))

    def forward(self, x):
        return self.project(cat([conv(x) for conv in self.convs], dim=1))


class DeepLabHead(nn.Sequential):
    """ASPP, a 3x3 convolution, the classes."""

    def __init__(self, in_channels, num_classes, atrous_rates=(12, 24, 36)):
        super().__init__(
            ASPP(in_channels, atrous_rates),
            nn.Conv2d(256, 256, 3, padding=1, bias=False),
            nn.BatchNorm2d(256),
            nn.ReLU(),
            nn.Conv2d(256, num_classes, 1),
        )


def _on_resnet(backbone, *, weights, weights_backbone, progress, num_classes, aux_loss=None):
    features, aux = dilated_resnet(backbone, weights, weights_backbone, progress, aux_loss)
    auxiliary = FCNHead(1024, num_classes) if aux else None
    return DeepLabV3(features, DeepLabHead(2048, num_classes), auxiliary)


def _on_mobilenet(*, weights, weights_backbone, progress, num_classes, aux_loss=None):
    aux = with_aux(weights, aux_loss)
    body = mobilenetv3.mobilenet_v3_large(
        weights=weights_backbone, progress=progress, dilated=True
    ).features
    stages = stage_indices(body)
    layers = {stages[-1]: "out"} | ({stages[-4]: "aux"} if aux else {})
    return DeepLabV3(
        IntermediateLayerGetter(body, layers),
        DeepLabHead(body[stages[-1]].out_channels, num_classes),
        FCNHead(body[stages[-4]].out_channels, num_classes) if aux else None,
    )


deeplabv3_resnet50 = backbone_builder(
    "deeplabv3_resnet50",
    "DeepLabV3_ResNet50_Weights",
    "ResNet50_Weights",
    _on_resnet,
    21,
    resnet.resnet50,
)
deeplabv3_resnet101 = backbone_builder(
    "deeplabv3_resnet101",
    "DeepLabV3_ResNet101_Weights",
    "ResNet101_Weights",
    _on_resnet,
    21,
    resnet.resnet101,
)
deeplabv3_mobilenet_v3_large = backbone_builder(
    "deeplabv3_mobilenet_v3_large",
    "DeepLabV3_MobileNet_V3_Large_Weights",
    "MobileNet_V3_Large_Weights",
    _on_mobilenet,
    21,
)

__getattr__ = lazy_weights(__name__)
