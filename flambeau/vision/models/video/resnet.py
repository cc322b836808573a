"""ResNets of videos: R3D, MC3 and R(2+1)D.

Source: Tran et al., "A Closer Look at Spatiotemporal Convolutions", 2018, arXiv:1711.11248, section 3.
"""

from .... import nn
from .._api import lazy_weights
from .._builder import builder

__all__ = ["VideoResNet", "mc3_18", "r2plus1d_18", "r3d_18"]


class Conv3DSimple(nn.Conv3d):
    """3x3x3."""

    def __init__(self, in_planes, out_planes, midplanes=None, stride=1, padding=1):
        super().__init__(in_planes, out_planes, (3, 3, 3), stride, padding, bias=False)

    @staticmethod
    def get_downsample_stride(stride):
        return stride, stride, stride


class Conv2Plus1D(nn.Sequential):
    """3x3 in space to midplanes, then 3 in time."""

    def __init__(self, in_planes, out_planes, midplanes, stride=1, padding=1):
        super().__init__(
            nn.Conv3d(
                in_planes,
                midplanes,
                (1, 3, 3),
                (1, stride, stride),
                (0, padding, padding),
                bias=False,
            ),
            nn.BatchNorm3d(midplanes),
            nn.ReLU(inplace=True),
            nn.Conv3d(
                midplanes, out_planes, (3, 1, 1), (stride, 1, 1), (padding, 0, 0), bias=False
            ),
        )

    @staticmethod
    def get_downsample_stride(stride):
        return stride, stride, stride


class Conv3DNoTemporal(nn.Conv3d):
    """3x3 in space."""

    def __init__(self, in_planes, out_planes, midplanes=None, stride=1, padding=1):
        super().__init__(
            in_planes, out_planes, (1, 3, 3), (1, stride, stride), (0, padding, padding), bias=False
        )

    @staticmethod
    def get_downsample_stride(stride):
        return 1, stride, stride


def _midplanes(inplanes, planes):
    """As many as give Conv2Plus1D the parameters of a 3x3x3 convolution."""
    return inplanes * planes * 27 // (inplanes * 9 + 3 * planes)


def _normed(convolution, planes):
    """The layers of a convolution to `planes` channels, its norm, and relu."""
    return convolution, nn.BatchNorm3d(planes), nn.ReLU(inplace=True)


class BasicBlock(nn.Module):
    """Two convolutions beside the identity."""

    expansion = 1

    def __init__(self, inplanes, planes, conv_builder, stride=1, downsample=None):
        super().__init__()
        mid = _midplanes(inplanes, planes)
        self.conv1 = nn.Sequential(*_normed(conv_builder(inplanes, planes, mid, stride), planes))
        self.conv2 = nn.Sequential(conv_builder(planes, planes, mid), nn.BatchNorm3d(planes))
        self.relu = nn.ReLU(inplace=True)
        self.downsample = downsample
        self.stride = stride

    def forward(self, x):
        beside = x if self.downsample is None else self.downsample(x)
        return self.relu(self.conv2(self.conv1(x)) + beside)


class Bottleneck(nn.Module):
    """A convolution between two of 1x1x1, beside the identity."""

    expansion = 4

    def __init__(self, inplanes, planes, conv_builder, stride=1, downsample=None):
        super().__init__()
        out = planes * self.expansion
        self.conv1 = nn.Sequential(*_normed(nn.Conv3d(inplanes, planes, 1, bias=False), planes))
        mid = _midplanes(inplanes, planes)
        self.conv2 = nn.Sequential(*_normed(conv_builder(planes, planes, mid, stride), planes))
        self.conv3 = nn.Sequential(nn.Conv3d(planes, out, 1, bias=False), nn.BatchNorm3d(out))
        self.relu = nn.ReLU(inplace=True)
        self.downsample = downsample
        self.stride = stride

    def forward(self, x):
        beside = x if self.downsample is None else self.downsample(x)
        return self.relu(self.conv3(self.conv2(self.conv1(x))) + beside)


class BasicStem(nn.Sequential):
    """3x7x7 with stride 2 in space."""

    def __init__(self):
        conv = nn.Conv3d(3, 64, (3, 7, 7), (1, 2, 2), (1, 3, 3), bias=False)
        super().__init__(*_normed(conv, 64))


class R2Plus1dStem(nn.Sequential):
    """7x7 in space, then 3 in time."""

    def __init__(self):
        super().__init__(
            *_normed(nn.Conv3d(3, 45, (1, 7, 7), (1, 2, 2), (0, 3, 3), bias=False), 45),
            *_normed(nn.Conv3d(45, 64, (3, 1, 1), (1, 1, 1), (1, 0, 0), bias=False), 64),
        )


class VideoResNet(nn.Module):
    """Videos (N, 3, T, H, W) to scores (N, num_classes); conv_makers: the convolution of each of the four stages."""

    def __init__(self, block, conv_makers, layers, stem, num_classes=400, zero_init_residual=False):
        super().__init__()
        self.inplanes = 64
        self.stem = stem()
        for i, (planes, conv, blocks) in enumerate(
            zip((64, 128, 256, 512), conv_makers, layers), 1
        ):
            stage = self._make_layer(block, conv, planes, blocks, stride=1 if i == 1 else 2)
            setattr(self, f"layer{i}", stage)
        self.avgpool = nn.AdaptiveAvgPool3d((1, 1, 1))
        self.fc = nn.Linear(512 * block.expansion, num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv3d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
            elif isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, 0, 0.01)
                nn.init.zeros_(module.bias)
        if zero_init_residual:  # each bottleneck begins as the identity
            for module in self.modules():
                if isinstance(module, Bottleneck):
                    nn.init.zeros_(module.conv3[1].weight)

    def _make_layer(self, block, conv_builder, planes, blocks, stride):
        width, downsample = planes * block.expansion, None
        if stride != 1 or self.inplanes != width:
            strides = conv_builder.get_downsample_stride(stride)
            downsample = nn.Sequential(
                nn.Conv3d(self.inplanes, width, 1, strides, bias=False), nn.BatchNorm3d(width)
            )
        stage = [block(self.inplanes, planes, conv_builder, stride, downsample)]
        self.inplanes = width
        stage += [block(width, planes, conv_builder) for _ in range(1, blocks)]
        return nn.Sequential(*stage)

    def forward(self, x):
        x = self.layer4(self.layer3(self.layer2(self.layer1(self.stem(x)))))
        return self.fc(self.avgpool(x).flatten(1))


def _video_resnet(conv_makers, stem, **arguments):
    return VideoResNet(BasicBlock, conv_makers, [2, 2, 2, 2], stem, **arguments)


# fmt: off
_MIXED = [Conv3DSimple] + [Conv3DNoTemporal] * 3
r3d_18 = builder("r3d_18", "R3D_18_Weights", _video_resnet, [Conv3DSimple] * 4, BasicStem)
mc3_18 = builder("mc3_18", "MC3_18_Weights", _video_resnet, _MIXED, BasicStem)
r2plus1d_18 = builder("r2plus1d_18", "R2Plus1D_18_Weights", _video_resnet, [Conv2Plus1D] * 4, R2Plus1dStem)
# fmt: on

__getattr__ = lazy_weights(__name__)
