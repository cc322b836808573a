"""Operators of detection and blocks of vision models, with torchvision's names.

The loops over boxes and regions are csrc/kernels/vision; the rest is made of tensor operators. A box is
(x1, y1, x2, y2) in pixels, x1 <= x2 and y1 <= y2; boxes are (N, 4).
"""

from .. import _lazy

__all__, __getattr__ = _lazy.contents(
    __name__,
    {
        "boxes": "batched_nms box_area box_convert box_iou clip_boxes_to_image complete_box_iou distance_box_iou "
        "generalized_box_iou masks_to_boxes nms remove_small_boxes",
        "ciou_loss": "complete_box_iou_loss",
        "deform_conv": "DeformConv2d deform_conv2d",
        "diou_loss": "distance_box_iou_loss",
        "drop_block": "DropBlock2d DropBlock3d drop_block2d drop_block3d",
        "feature_pyramid_network": "FeaturePyramidNetwork",
        "focal_loss": "sigmoid_focal_loss",
        "giou_loss": "generalized_box_iou_loss",
        "misc": "Conv2dNormActivation Conv3dNormActivation FrozenBatchNorm2d MLP Permute SqueezeExcitation",
        "poolers": "MultiScaleRoIAlign",
        "ps_roi_align": "PSRoIAlign ps_roi_align",
        "ps_roi_pool": "PSRoIPool ps_roi_pool",
        "roi_align": "RoIAlign roi_align",
        "roi_pool": "RoIPool roi_pool",
        "stochastic_depth": "StochasticDepth stochastic_depth",
    },
    modules=("_utils",),
)


def __dir__():
    return __all__
