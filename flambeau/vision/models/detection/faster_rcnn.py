"""Faster R-CNN on ResNet-50 and MobileNet v3, with feature pyramids.

Source: Ren et al., 2015, arXiv:1506.01497; Lin et al., 2017, arXiv:1612.03144; v2: Li et al., "Benchmarking Detection
Transfer Learning", 2021, arXiv:2111.11429.
"""

from .... import nn
from ....nn import functional as F
from ...ops import Conv2dNormActivation, FrozenBatchNorm2d, MultiScaleRoIAlign
from ...ops.feature_pyramid_network import LastLevelP6P7
from .. import mobilenetv3, resnet
from .._api import lazy_weights
from .._builder import backbone_builder
from ._utils import check_part, overwrite_eps
from .anchor_utils import AnchorGenerator
from .backbone_utils import _mobilenet_extractor, _resnet_fpn_extractor, _validate_trainable_layers
from .generalized_rcnn import GeneralizedRCNN
from .roi_heads import RoIHeads
from .rpn import RegionProposalNetwork, RPNHead
from .transform import GeneralizedRCNNTransform

__all__ = [
    "FasterRCNN", "fasterrcnn_mobilenet_v3_large_320_fpn", "fasterrcnn_mobilenet_v3_large_fpn",
    "fasterrcnn_resnet50_fpn", "fasterrcnn_resnet50_fpn_v2",
]  # fmt: skip

_LEVELS = ["0", "1", "2", "3"]
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_RATIOS = (0.5, 1.0, 2.0)


def _default_anchorgen():
    sizes = ((32,), (64,), (128,), (256,), (512,))
    return AnchorGenerator(sizes, (_RATIOS,) * len(sizes))


class FasterRCNN(GeneralizedRCNN):
    """Finds boxes: see the package. backbone: images to features (N, out_channels, H, W) or a dict of such.

    num_classes: with the background, class 0; None where box_predictor knows. min_size ... image_std: of the
    transform; rpn_*: of the proposals; box_*: of the second stage.
    """

    def __init__(
        self, backbone, num_classes=None,
        # the transform
        min_size=800, max_size=1333, image_mean=None, image_std=None,
        # proposals
        rpn_anchor_generator=None, rpn_head=None, rpn_pre_nms_top_n_train=2000,
        rpn_pre_nms_top_n_test=1000, rpn_post_nms_top_n_train=2000, rpn_post_nms_top_n_test=1000,
        rpn_nms_thresh=0.7, rpn_fg_iou_thresh=0.7, rpn_bg_iou_thresh=0.3,
        rpn_batch_size_per_image=256, rpn_positive_fraction=0.5, rpn_score_thresh=0.0,
        # boxes
        box_roi_pool=None, box_head=None, box_predictor=None, box_score_thresh=0.05,
        box_nms_thresh=0.5, box_detections_per_img=100, box_fg_iou_thresh=0.5,
        box_bg_iou_thresh=0.5, box_batch_size_per_image=512, box_positive_fraction=0.25,
        bbox_reg_weights=None, **kwargs,
    ):  # fmt: skip
        name = type(self).__name__
        if not hasattr(backbone, "out_channels"):
            raise ValueError(f"{name}: backbone has no out_channels, the channels of its features.")
        check_part(name, "rpn_anchor_generator", rpn_anchor_generator, AnchorGenerator)
        check_part(name, "box_roi_pool", box_roi_pool, MultiScaleRoIAlign)
        if (num_classes is None) == (box_predictor is None):
            raise ValueError(
                f"{name}: give num_classes, or a box_predictor that knows them, and not both."
            )
        channels = backbone.out_channels
        anchors = rpn_anchor_generator or _default_anchorgen()
        rpn = RegionProposalNetwork(
            anchors,
            rpn_head or RPNHead(channels, anchors.num_anchors_per_location()[0]),
            rpn_fg_iou_thresh,
            rpn_bg_iou_thresh,
            rpn_batch_size_per_image,
            rpn_positive_fraction,
            {"training": rpn_pre_nms_top_n_train, "testing": rpn_pre_nms_top_n_test},
            {"training": rpn_post_nms_top_n_train, "testing": rpn_post_nms_top_n_test},
            rpn_nms_thresh,
            score_thresh=rpn_score_thresh,
        )
        pool = box_roi_pool or MultiScaleRoIAlign(_LEVELS, output_size=7, sampling_ratio=2)
        heads = RoIHeads(
            pool,
            box_head or TwoMLPHead(channels * pool.output_size[0] ** 2, 1024),
            box_predictor or FastRCNNPredictor(1024, num_classes),
            box_fg_iou_thresh,
            box_bg_iou_thresh,
            box_batch_size_per_image,
            box_positive_fraction,
            bbox_reg_weights,
            box_score_thresh,
            box_nms_thresh,
            box_detections_per_img,
        )
        transform = GeneralizedRCNNTransform(
            min_size, max_size, image_mean or list(_MEAN), image_std or list(_STD), **kwargs
        )
        super().__init__(backbone, rpn, heads, transform)


class TwoMLPHead(nn.Module):
    """Two linear layers with relu on all of a region's features."""

    def __init__(self, in_channels, representation_size):
        super().__init__()
        self.fc6 = nn.Linear(in_channels, representation_size)
        self.fc7 = nn.Linear(representation_size, representation_size)

    def forward(self, x):
        return F.relu(self.fc7(F.relu(self.fc6(x.flatten(start_dim=1)))))


class FastRCNNConvFCHead(nn.Sequential):
    """Convolutions, then linear layers with relu. input_size: (C, H, W) of a region's features."""

    def __init__(self, input_size, conv_layers, fc_layers, norm_layer=None):
        channels, height, width = input_size
        layers = []
        for out in conv_layers:
            layers.append(Conv2dNormActivation(channels, out, norm_layer=norm_layer))
            channels = out
        layers.append(nn.Flatten())
        features = channels * height * width
        for out in fc_layers:
            layers += [nn.Linear(features, out), nn.ReLU(inplace=True)]
            features = out
        super().__init__(*layers)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)


class FastRCNNPredictor(nn.Module):
    """Scores (N, num_classes) and offsets (N, 4 num_classes)."""

    def __init__(self, in_channels, num_classes):
        super().__init__()
        self.cls_score = nn.Linear(in_channels, num_classes)
        self.bbox_pred = nn.Linear(in_channels, num_classes * 4)

    def forward(self, x):
        if x.ndim == 4:
            if tuple(x.shape[2:]) != (1, 1):
                raise AssertionError(
                    f"FastRCNNPredictor: x is {tuple(x.shape)}; four dims must end in 1 x 1."
                )
            x = x.flatten(start_dim=1)
        return self.cls_score(x), self.bbox_pred(x)


def resnet50_fpn(
    weights, weights_backbone, progress, trainable_backbone_layers, frozen=True, **pyramid
):
    """ResNet-50 with a pyramid; `frozen` norms where it has published weights."""
    trained = weights is not None or weights_backbone is not None
    layers = _validate_trainable_layers(trained, trainable_backbone_layers, 5, 3)
    norm = FrozenBatchNorm2d if trained and frozen else nn.BatchNorm2d
    body = resnet.resnet50(weights=weights_backbone, progress=progress, norm_layer=norm)
    return _resnet_fpn_extractor(body, layers, **pyramid)


def five_level_fpn(weights, weights_backbone, progress, layers, channels, frozen=True):
    """resnet50_fpn of layers 2 to 4, with two levels more, made of `channels`."""
    return resnet50_fpn(
        weights,
        weights_backbone,
        progress,
        layers,
        frozen,
        returned_layers=[2, 3, 4],
        extra_blocks=LastLevelP6P7(channels, 256),
    )


def second_backbone(weights, weights_backbone, progress, layers):
    """resnet50_fpn of v2: norms everywhere, and none frozen."""
    return resnet50_fpn(
        weights, weights_backbone, progress, layers, frozen=False, norm_layer=nn.BatchNorm2d
    )


def published_eps(model, weights):
    """The first published weights were made with norms of eps 0."""
    if weights is not None and weights.name == "COCO_V1":
        overwrite_eps(model, 0.0)
    return model


def second_version(backbone):
    """The arguments of v2: deeper heads with norms."""
    anchors = _default_anchorgen()
    channels = backbone.out_channels
    return {
        "rpn_anchor_generator": anchors,
        "rpn_head": RPNHead(channels, anchors.num_anchors_per_location()[0], conv_depth=2),
        "box_head": FastRCNNConvFCHead(
            (channels, 7, 7), [256, 256, 256, 256], [1024], norm_layer=nn.BatchNorm2d
        ),
    }


def _resnet50(
    *, weights, weights_backbone, progress, num_classes, trainable_backbone_layers=None, **arguments
):
    backbone = resnet50_fpn(weights, weights_backbone, progress, trainable_backbone_layers)
    return published_eps(FasterRCNN(backbone, num_classes=num_classes, **arguments), weights)


def _resnet50_v2(
    *, weights, weights_backbone, progress, num_classes, trainable_backbone_layers=None, **arguments
):
    backbone = second_backbone(weights, weights_backbone, progress, trainable_backbone_layers)
    return FasterRCNN(
        backbone, num_classes=num_classes, **{**second_version(backbone), **arguments}
    )


def _mobilenet(
    *, weights, weights_backbone, progress, num_classes, trainable_backbone_layers=None, **arguments
):
    trained = weights is not None or weights_backbone is not None
    layers = _validate_trainable_layers(trained, trainable_backbone_layers, 6, 3)
    norm = FrozenBatchNorm2d if trained else nn.BatchNorm2d
    body = mobilenetv3.mobilenet_v3_large(
        weights=weights_backbone, progress=progress, norm_layer=norm
    )
    sizes = ((32, 64, 128, 256, 512),) * 3
    arguments.setdefault("rpn_score_thresh", 0.05)
    return FasterRCNN(
        _mobilenet_extractor(body, True, layers),
        num_classes,
        rpn_anchor_generator=AnchorGenerator(sizes, (_RATIOS,) * len(sizes)),
        **arguments,
    )


fasterrcnn_resnet50_fpn = backbone_builder(
    "fasterrcnn_resnet50_fpn", "FasterRCNN_ResNet50_FPN_Weights", "ResNet50_Weights", _resnet50, 91
)
fasterrcnn_resnet50_fpn_v2 = backbone_builder(
    "fasterrcnn_resnet50_fpn_v2",
    "FasterRCNN_ResNet50_FPN_V2_Weights",
    "ResNet50_Weights",
    _resnet50_v2,
    91,
    start=None,
)
fasterrcnn_mobilenet_v3_large_fpn = backbone_builder(
    "fasterrcnn_mobilenet_v3_large_fpn",
    "FasterRCNN_MobileNet_V3_Large_FPN_Weights",
    "MobileNet_V3_Large_Weights",
    _mobilenet,
    91,
)
fasterrcnn_mobilenet_v3_large_320_fpn = backbone_builder(
    "fasterrcnn_mobilenet_v3_large_320_fpn",
    "FasterRCNN_MobileNet_V3_Large_320_FPN_Weights",
    "MobileNet_V3_Large_Weights",
    _mobilenet,
    91,
    min_size=320,
    max_size=640,
    rpn_pre_nms_top_n_test=150,
    rpn_post_nms_top_n_test=150,
)

__getattr__ = lazy_weights(__name__)
