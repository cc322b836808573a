"""S3D: Inception for videos, its convolutions parted into space and time.

Source: Xie et al., "Rethinking Spatiotemporal Feature Learning", 2018, arXiv:1712.04851, section 4.
"""

from functools import partial

from .... import cat, nn
from ...ops.misc import Conv3dNormActivation
from .._api import lazy_weights
from .._builder import builder
from ..googlenet import _BLOCKS

__all__ = ["S3D", "s3d"]


class TemporalSeparableConv(nn.Sequential):
    """k x k in space, then k in time."""

    def __init__(self, in_planes, out_planes, kernel_size, stride, padding, norm_layer):
        k, s, p = kernel_size, stride, padding
        conv = partial(Conv3dNormActivation, bias=False, norm_layer=norm_layer)
        super().__init__(
            conv(in_planes, out_planes, (1, k, k), stride=(1, s, s), padding=(0, p, p)),
            conv(out_planes, out_planes, (k, 1, 1), stride=(s, 1, 1), padding=(p, 0, 0)),
        )


class SepInceptionBlock3D(nn.Module):
    """Four branches side by side: 1x1, two separable, and pooling."""

    def __init__(self, in_planes, b0_out, b1_mid, b1_out, b2_mid, b2_out, b3_out, norm_layer):
        super().__init__()
        point = partial(Conv3dNormActivation, kernel_size=1, stride=1, norm_layer=norm_layer)
        self.branch0 = point(in_planes, b0_out)
        self.branch1 = nn.Sequential(
            point(in_planes, b1_mid), TemporalSeparableConv(b1_mid, b1_out, 3, 1, 1, norm_layer)
        )
        self.branch2 = nn.Sequential(
            point(in_planes, b2_mid), TemporalSeparableConv(b2_mid, b2_out, 3, 1, 1, norm_layer)
        )
        self.branch3 = nn.Sequential(nn.MaxPool3d(3, stride=1, padding=1), point(in_planes, b3_out))

    def forward(self, x):
        return cat((self.branch0(x), self.branch1(x), self.branch2(x), self.branch3(x)), 1)


class S3D(nn.Module):
    """Videos (N, 3, T, H, W), T of at least 14 and 224 x 224, to scores (N, num_classes)."""

    def __init__(self, num_classes=400, dropout=0.2, norm_layer=None):
        super().__init__()
        norm_layer = norm_layer or partial(nn.BatchNorm3d, eps=0.001, momentum=0.001)

        def halved():
            return nn.MaxPool3d((1, 3, 3), stride=(1, 2, 2), padding=(0, 1, 1))

        blocks = [SepInceptionBlock3D(*widths, norm_layer) for widths in _BLOCKS.values()]
        self.features = nn.Sequential(
            TemporalSeparableConv(3, 64, 7, 2, 3, norm_layer),
            halved(),
            Conv3dNormActivation(64, 64, kernel_size=1, norm_layer=norm_layer),
            TemporalSeparableConv(64, 192, 3, 1, 1, norm_layer),
            halved(),
            *blocks[:2],
            nn.MaxPool3d(3, stride=2, padding=1),
            *blocks[2:7],
            nn.MaxPool3d(2, stride=2),
            *blocks[7:],
        )
        self.avgpool = nn.AvgPool3d((2, 7, 7), stride=1)
        self.classifier = nn.Sequential(
            nn.Dropout(dropout), nn.Conv3d(1024, num_classes, 1, bias=True)
        )

    def forward(self, x):
        return self.classifier(self.avgpool(self.features(x))).mean(dim=(2, 3, 4))


s3d = builder("s3d", "S3D_Weights", S3D)

__getattr__ = lazy_weights(__name__)
