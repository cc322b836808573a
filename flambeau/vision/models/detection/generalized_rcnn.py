"""A detector of two stages: regions are proposed, then looked at."""

from ._utils import Detector


class GeneralizedRCNN(Detector):
    """transform, backbone, rpn and roi_heads, one after another."""

    def __init__(self, backbone, rpn, roi_heads, transform):
        super().__init__()
        self.transform = transform
        self.backbone = backbone
        self.rpn = rpn
        self.roi_heads = roi_heads

    def forward(self, images, targets=None):
        images, targets, first_sizes, features = self._seen(images, targets)
        proposals, losses = self.rpn(images, features, targets)
        detections, head_losses = self.roi_heads(features, proposals, images.image_sizes, targets)
        detections = self.transform.postprocess(detections, images.image_sizes, first_sizes)
        return self.eager_outputs({**head_losses, **losses}, detections)
