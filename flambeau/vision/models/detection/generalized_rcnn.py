"""A detector of two stages: regions are proposed, then looked at."""

from collections import OrderedDict

from .... import Tensor, nn
from ._utils import check_degenerate, check_targets


class GeneralizedRCNN(nn.Module):
    """transform, backbone, rpn and roi_heads, one after another."""

    def __init__(self, backbone, rpn, roi_heads, transform):
        super().__init__()
        self.transform = transform
        self.backbone = backbone
        self.rpn = rpn
        self.roi_heads = roi_heads

    def eager_outputs(self, losses, detections):
        return losses if self.training else detections

    def forward(self, images, targets=None):
        name = type(self).__name__
        if self.training:
            check_targets(name, targets, images)
        first_sizes = [tuple(image.shape[-2:]) for image in images]
        images, targets = self.transform(images, targets)
        check_degenerate(name, targets)
        features = self.backbone(images.tensors)
        if isinstance(features, Tensor):
            features = OrderedDict([("0", features)])
        proposals, losses = self.rpn(images, features, targets)
        detections, head_losses = self.roi_heads(features, proposals, images.image_sizes, targets)
        detections = self.transform.postprocess(detections, images.image_sizes, first_sizes)
        return self.eager_outputs({**head_losses, **losses}, detections)
