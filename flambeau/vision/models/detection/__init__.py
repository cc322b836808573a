"""Detectors: lists of images (3, H, W) with values in [0, 1] to a dict an image; in training to a dict of losses.

A detector resizes and normalises its images itself (transform.py). What it says of an image: boxes (N, 4) in
pixels, labels and scores (N,), masks or keypoints where it finds them; targets have the same keys, without scores.

    model = fasterrcnn_resnet50_fpn(num_classes=3)
    losses = model(images, targets)         # targets: [{"boxes": ..., "labels": ...}, ...]
    found = model.eval()(images)
"""

from .. import _lazy

_CLASSES = {
    "FCOS": "fcos",
    "FasterRCNN": "faster_rcnn",
    "KeypointRCNN": "keypoint_rcnn",
    "MaskRCNN": "mask_rcnn",
    "RetinaNet": "retinanet",
    "SSD": "ssd",
}
_FILES = (
    "_utils",
    "anchor_utils",
    "backbone_utils",
    "generalized_rcnn",
    "image_list",
    "roi_heads",
    "rpn",
    "transform",
)

__all__, __getattr__ = _lazy.contents(__name__, "detection", _CLASSES, _FILES)
