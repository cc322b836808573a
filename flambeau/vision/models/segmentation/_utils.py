"""A backbone, a head that classifies pixels, and the backbones themselves."""

from collections import OrderedDict

from .... import nn
from ....nn import functional as F
from .._utils import IntermediateLayerGetter


class _SimpleSegmentationModel(nn.Module):
    """Images (N, 3, H, W) to {"out": (N, classes, H, W)}, and "aux" with an auxiliary classifier."""

    def __init__(self, backbone, classifier, aux_classifier=None):
        super().__init__()
        self.backbone = backbone
        self.classifier, self.aux_classifier = classifier, aux_classifier

    def forward(self, x):
        size = x.shape[-2:]
        features = self.backbone(x)
        heads = {"out": self.classifier, "aux": self.aux_classifier}
        return OrderedDict(
            (
                key,
                F.interpolate(head(features[key]), size=size, mode="bilinear", align_corners=False),
            )
            for key, head in heads.items()
            if head is not None
        )


def with_aux(weights, aux_loss):
    """Whether there is an auxiliary head: published weights have one."""
    if weights is not None and aux_loss is False:
        raise ValueError(
            "segmentation: aux_loss is False, but the weights are those of a model with it."
        )
    return bool(aux_loss) or weights is not None


def dilated_resnet(backbone, weights, weights_backbone, progress, aux_loss):
    """(layers of a ResNet whose last two stages keep their sizes by dilation, whether there is an auxiliary head)."""
    aux = with_aux(weights, aux_loss)
    model = backbone(
        weights=weights_backbone,
        progress=progress,
        replace_stride_with_dilation=[False, True, True],
    )
    layers = {"layer4": "out", "layer3": "aux"} if aux else {"layer4": "out"}
    return IntermediateLayerGetter(model, layers), aux
