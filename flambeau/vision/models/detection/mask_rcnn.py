"""Mask R-CNN on ResNet-50.

Source: He, Gkioxari, Dollár, Girshick, "Mask R-CNN", 2017, arXiv:1703.06870, figure 4.
"""

from collections import OrderedDict

from .... import nn
from ...ops import Conv2dNormActivation, MultiScaleRoIAlign
from .._api import lazy_weights
from .._builder import backbone_builder
from ._utils import check_part
from .faster_rcnn import (
    _LEVELS,
    FasterRCNN,
    published_eps,
    resnet50_fpn,
    second_backbone,
    second_version,
)

__all__ = ["MaskRCNN", "maskrcnn_resnet50_fpn", "maskrcnn_resnet50_fpn_v2"]


def _initialise(module):
    for name, parameter in module.named_parameters():
        if "weight" in name and parameter.ndim > 1:
            nn.init.kaiming_normal_(parameter, mode="fan_out", nonlinearity="relu")


class MaskRCNN(FasterRCNN):
    """Finds boxes and masks, (N, 1, H, W) of values in [0, 1]; targets have "masks" (N, H, W), too.

    Arguments are FasterRCNN's, and the parts for masks.
    """

    def __init__(
        self, backbone, num_classes=None, *, mask_roi_pool=None, mask_head=None,
        mask_predictor=None, **arguments,
    ):  # fmt: skip
        check_part("MaskRCNN", "mask_roi_pool", mask_roi_pool, MultiScaleRoIAlign)
        if (num_classes is None) == (mask_predictor is None):
            raise ValueError(
                "MaskRCNN: give num_classes, or a mask_predictor that knows them, and not both."
            )
        super().__init__(backbone, num_classes, **arguments)
        self.roi_heads.mask_roi_pool = mask_roi_pool or MultiScaleRoIAlign(
            _LEVELS, output_size=14, sampling_ratio=2
        )
        self.roi_heads.mask_head = mask_head or MaskRCNNHeads(
            backbone.out_channels, (256, 256, 256, 256), 1
        )
        self.roi_heads.mask_predictor = mask_predictor or MaskRCNNPredictor(256, 256, num_classes)


class MaskRCNNHeads(nn.Sequential):
    """3x3 convolutions with relu, of the widths `layers`."""

    _version = 2

    def __init__(self, in_channels, layers, dilation, norm_layer=None):
        blocks, width = [], in_channels
        for out in layers:
            blocks.append(
                Conv2dNormActivation(
                    width,
                    out,
                    3,
                    stride=1,
                    padding=dilation,
                    dilation=dilation,
                    norm_layer=norm_layer,
                )
            )
            width = out
        super().__init__(*blocks)
        _initialise(self)

    def _load_from_state_dict(self, state_dict, prefix, local_metadata, *rest):
        if local_metadata.get("version", None) in (None, 1):
            # Before version 2 the convolutions were mask_fcn1 and on.
            for i in range(len(self)):
                for name in ("weight", "bias"):
                    old = f"{prefix}mask_fcn{i + 1}.{name}"
                    if old in state_dict:
                        state_dict[f"{prefix}{i}.0.{name}"] = state_dict.pop(old)
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)


class MaskRCNNPredictor(nn.Sequential):
    """Twice the size, then one mask a class."""

    def __init__(self, in_channels, dim_reduced, num_classes):
        super().__init__(
            OrderedDict(
                conv5_mask=nn.ConvTranspose2d(in_channels, dim_reduced, 2, 2, 0),
                relu=nn.ReLU(inplace=True),
                mask_fcn_logits=nn.Conv2d(dim_reduced, num_classes, 1, 1, 0),
            )
        )
        _initialise(self)


def _maskrcnn(
    *, weights, weights_backbone, progress, num_classes, trainable_backbone_layers=None, **arguments
):
    backbone = resnet50_fpn(weights, weights_backbone, progress, trainable_backbone_layers)
    return published_eps(MaskRCNN(backbone, num_classes=num_classes, **arguments), weights)


def _maskrcnn_v2(
    *, weights, weights_backbone, progress, num_classes, trainable_backbone_layers=None, **arguments
):
    backbone = second_backbone(weights, weights_backbone, progress, trainable_backbone_layers)
    head = MaskRCNNHeads(backbone.out_channels, [256, 256, 256, 256], 1, norm_layer=nn.BatchNorm2d)
    arguments = {**second_version(backbone), "mask_head": head, **arguments}
    return MaskRCNN(backbone, num_classes=num_classes, **arguments)


maskrcnn_resnet50_fpn = backbone_builder(
    "maskrcnn_resnet50_fpn", "MaskRCNN_ResNet50_FPN_Weights", "ResNet50_Weights", _maskrcnn, 91
)
maskrcnn_resnet50_fpn_v2 = backbone_builder(
    "maskrcnn_resnet50_fpn_v2",
    "MaskRCNN_ResNet50_FPN_V2_Weights",
    "ResNet50_Weights",
    _maskrcnn_v2,
    91,
    start=None,
)

__getattr__ = lazy_weights(__name__)
