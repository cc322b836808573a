"""Keypoint R-CNN on ResNet-50.

Source: He et al., "Mask R-CNN", 2017, arXiv:1703.06870, section 5.
"""

from .... import nn
from ....nn import functional as F
from ...ops import MultiScaleRoIAlign
from .._api import lazy_weights
from .._builder import backbone_builder, fix
from ._utils import check_part
from .faster_rcnn import _LEVELS, FasterRCNN, published_eps, resnet50_fpn

__all__ = ["KeypointRCNN", "keypointrcnn_resnet50_fpn"]


class KeypointRCNN(FasterRCNN):
    """Finds boxes and keypoints, (N, K, 3) of x, y and visibility; targets have "keypoints", too.

    Arguments are FasterRCNN's, and the parts for keypoints. num_keypoints: 17 where keypoint_predictor is None.
    """

    def __init__(
        self, backbone, num_classes=None, min_size=None, *, keypoint_roi_pool=None,
        keypoint_head=None, keypoint_predictor=None, num_keypoints=None, **arguments,
    ):  # fmt: skip
        check_part("KeypointRCNN", "keypoint_roi_pool", keypoint_roi_pool, MultiScaleRoIAlign)
        if num_keypoints is not None and keypoint_predictor is not None:
            raise ValueError(
                "KeypointRCNN: num_keypoints is for the predictor, but there is a keypoint_predictor."
            )
        super().__init__(
            backbone, num_classes, min_size or (640, 672, 704, 736, 768, 800), **arguments
        )
        widths = (512,) * 8
        self.roi_heads.keypoint_roi_pool = keypoint_roi_pool or MultiScaleRoIAlign(
            _LEVELS, output_size=14, sampling_ratio=2
        )
        self.roi_heads.keypoint_head = keypoint_head or KeypointRCNNHeads(
            backbone.out_channels, widths
        )
        self.roi_heads.keypoint_predictor = keypoint_predictor or KeypointRCNNPredictor(
            widths[-1], num_keypoints or 17
        )


class KeypointRCNNHeads(nn.Sequential):
    """3x3 convolutions with relu, of the widths `layers`."""

    def __init__(self, in_channels, layers):
        blocks, width = [], in_channels
        for out in layers:
            blocks += [nn.Conv2d(width, out, 3, stride=1, padding=1), nn.ReLU(inplace=True)]
            width = out
        super().__init__(*blocks)
        for module in self:
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
                nn.init.zeros_(module.bias)


class KeypointRCNNPredictor(nn.Module):
    """Heatmaps of keypoints, four times the size: (N, num_keypoints, 4 H, 4 W)."""

    def __init__(self, in_channels, num_keypoints):
        super().__init__()
        self.kps_score_lowres = nn.ConvTranspose2d(
            in_channels, num_keypoints, 4, stride=2, padding=1
        )
        nn.init.kaiming_normal_(self.kps_score_lowres.weight, mode="fan_out", nonlinearity="relu")
        nn.init.zeros_(self.kps_score_lowres.bias)
        self.up_scale = 2
        self.out_channels = num_keypoints

    def forward(self, x):
        x = self.kps_score_lowres(x)
        return F.interpolate(
            x,
            scale_factor=float(self.up_scale),
            mode="bilinear",
            align_corners=False,
            recompute_scale_factor=False,
        )


def _keypointrcnn(
    *, weights, weights_backbone, progress, num_classes, num_keypoints=None,
    trainable_backbone_layers=None, **arguments,
):  # fmt: skip
    known = {} if num_keypoints is None else {"num_keypoints": num_keypoints}
    if weights is not None:
        fix(
            "keypointrcnn_resnet50_fpn", known, "num_keypoints", len(weights.meta["keypoint_names"])
        )
    backbone = resnet50_fpn(weights, weights_backbone, progress, trainable_backbone_layers)
    return published_eps(KeypointRCNN(backbone, num_classes, **known, **arguments), weights)


keypointrcnn_resnet50_fpn = backbone_builder(
    "keypointrcnn_resnet50_fpn",
    "KeypointRCNN_ResNet50_FPN_Weights",
    "ResNet50_Weights",
    _keypointrcnn,
    2,
)

__getattr__ = lazy_weights(__name__)
