"""FCN on ResNet.

Source: Long, Shelhamer, Darrell, "Fully Convolutional Networks for Semantic Segmentation", 2015, arXiv:1411.4038.
"""

from .... import nn
from .. import resnet
from .._api import lazy_weights
from .._builder import backbone_builder
from ._utils import _SimpleSegmentationModel, dilated_resnet

__all__ = ["FCN", "fcn_resnet101", "fcn_resnet50"]


class FCN(_SimpleSegmentationModel):
    """Two convolutions classify what the backbone gives."""


class FCNHead(nn.Sequential):
    """A 3x3 convolution to a quarter of the channels, then the classes."""

    def __init__(self, in_channels, channels):
        inner = in_channels // 4
        super().__init__(
            nn.Conv2d(in_channels, inner, 3, padding=1, bias=False),
            nn.BatchNorm2d(inner),
            nn.ReLU(),
            nn.Dropout(0.1),
            nn.Conv2d(inner, channels, 1),
        )


def _fcn(backbone, *, weights, weights_backbone, progress, num_classes, aux_loss=None):
    features, aux = dilated_resnet(backbone, weights, weights_backbone, progress, aux_loss)
    return FCN(features, FCNHead(2048, num_classes), FCNHead(1024, num_classes) if aux else None)


fcn_resnet50 = backbone_builder(
    "fcn_resnet50", "FCN_ResNet50_Weights", "ResNet50_Weights", _fcn, 21, resnet.resnet50
)
fcn_resnet101 = backbone_builder(
    "fcn_resnet101", "FCN_ResNet101_Weights", "ResNet101_Weights", _fcn, 21, resnet.resnet101
)

__getattr__ = lazy_weights(__name__)
