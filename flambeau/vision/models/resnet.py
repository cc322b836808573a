"""ResNet, and ResNeXt and Wide ResNet, which only choose other widths and groups.

Source: He, Zhang, Ren, Sun, "Deep Residual Learning", 2016, arXiv:1512.03385, table 1; Xie et al., "Aggregated
Residual Transformations", 2017, arXiv:1611.05431; Zagoruyko, Komodakis, "Wide Residual Networks", 2016,
arXiv:1605.07146. The stride of a bottleneck is that of its 3x3 convolution ("v1.5").
"""

from ... import flatten, nn
from ._api import lazy_weights
from ._builder import builder

__all__ = [
    "BasicBlock", "Bottleneck", "ResNet", "resnet18", "resnet34", "resnet50", "resnet101", "resnet152",
    "resnext50_32x4d", "resnext101_32x8d", "resnext101_64x4d", "wide_resnet50_2", "wide_resnet101_2",
]  # fmt: skip


def conv3x3(in_planes, out_planes, stride=1, groups=1, dilation=1):
    """A 3x3 convolution that keeps sizes at stride 1."""
    return nn.Conv2d(
        in_planes, out_planes, 3, stride, dilation, dilation=dilation, groups=groups, bias=False
    )


def conv1x1(in_planes, out_planes, stride=1):
    """A 1x1 convolution."""
    return nn.Conv2d(in_planes, out_planes, 1, stride, bias=False)


class _Block(nn.Module):
    """Layers beside the identity. A subclass makes them in `_make` and runs them in `_beside`."""

    def __init__(
        self, inplanes, planes, stride=1, downsample=None, groups=1, base_width=64, dilation=1,
        norm_layer=None,
    ):  # fmt: skip
        super().__init__()
        norm_layer = norm_layer or nn.BatchNorm2d
        self._make(inplanes, planes, stride, groups, base_width, dilation, norm_layer)
        self.downsample = downsample
        self.stride = stride

    def forward(self, x):
        identity = x if self.downsample is None else self.downsample(x)
        out = self._beside(x)
        out += identity
        return self.relu(out)


class BasicBlock(_Block):
    """Two 3x3 convolutions beside the identity."""

    expansion = 1

    def _make(self, inplanes, planes, stride, groups, base_width, dilation, norm_layer):
        if groups != 1 or base_width != 64:
            raise ValueError(
                f"BasicBlock: groups is {groups} and base_width {base_width}; it has only 1 and 64."
            )
        if dilation > 1:
            raise NotImplementedError(f"BasicBlock: dilation is {dilation}; it has only 1.")
        self.conv1 = conv3x3(inplanes, planes, stride)
        self.bn1 = norm_layer(planes)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = conv3x3(planes, planes)
        self.bn2 = norm_layer(planes)

    def _beside(self, x):
        out = self.relu(self.bn1(self.conv1(x)))
        return self.bn2(self.conv2(out))


class Bottleneck(_Block):
    """A 3x3 convolution between two of 1x1, beside the identity; four times `planes` come out."""

    expansion = 4

    def _make(self, inplanes, planes, stride, groups, base_width, dilation, norm_layer):
        width = int(planes * (base_width / 64.0)) * groups
        self.conv1 = conv1x1(inplanes, width)
        self.bn1 = norm_layer(width)
        self.conv2 = conv3x3(width, width, stride, groups, dilation)
        self.bn2 = norm_layer(width)
        self.conv3 = conv1x1(width, planes * self.expansion)
        self.bn3 = norm_layer(planes * self.expansion)
        self.relu = nn.ReLU(inplace=True)

    def _beside(self, x):
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        return self.bn3(self.conv3(out))


class ResNet(nn.Module):
    """Images (N, 3, H, W) to scores (N, num_classes).

    block, layers: the kind of block, and how many in each of the four stages. replace_stride_with_dilation:
    for stages 2 to 4, whether they keep the sizes and widen their kernels instead.
    """

    def __init__(
        self, block, layers, num_classes=1000, zero_init_residual=False, groups=1,
        width_per_group=64, replace_stride_with_dilation=None, norm_layer=None,
    ):  # fmt: skip
        super().__init__()
        self._norm_layer = norm_layer or nn.BatchNorm2d
        self.inplanes = 64
        self.dilation = 1
        dilate = replace_stride_with_dilation or [False, False, False]
        if len(dilate) != 3:
            raise ValueError(
                f"ResNet: replace_stride_with_dilation has {len(dilate)} elements; it must have 3, or be None."
            )
        self.groups = groups
        self.base_width = width_per_group
        self.conv1 = nn.Conv2d(3, self.inplanes, 7, stride=2, padding=3, bias=False)
        self.bn1 = self._norm_layer(self.inplanes)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.layer1 = self._make_layer(block, 64, layers[0])
        self.layer2 = self._make_layer(block, 128, layers[1], 2, dilate[0])
        self.layer3 = self._make_layer(block, 256, layers[2], 2, dilate[1])
        self.layer4 = self._make_layer(block, 512, layers[3], 2, dilate[2])
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(512 * block.expansion, num_classes)
        self._initialise(zero_init_residual)

    def _initialise(self, zero_init_residual):
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            elif isinstance(module, nn.BatchNorm2d | nn.GroupNorm):
                nn.init.ones_(module.weight)
                nn.init.zeros_(module.bias)
        if zero_init_residual:  # each block begins as the identity
            for module in self.modules():
                if isinstance(module, Bottleneck | BasicBlock):
                    last = module.bn3 if isinstance(module, Bottleneck) else module.bn2
                    nn.init.zeros_(last.weight)

    def _make_layer(self, block, planes, blocks, stride=1, dilate=False):
        before = self.dilation
        if dilate:
            self.dilation *= stride
            stride = 1
        downsample = None
        width = planes * block.expansion
        if stride != 1 or self.inplanes != width:
            downsample = nn.Sequential(
                conv1x1(self.inplanes, width, stride), self._norm_layer(width)
            )
        shared = {
            "groups": self.groups,
            "base_width": self.base_width,
            "norm_layer": self._norm_layer,
        }
        stage = [block(self.inplanes, planes, stride, downsample, dilation=before, **shared)]
        self.inplanes = width
        for _ in range(1, blocks):
            stage.append(block(width, planes, dilation=self.dilation, **shared))
        return nn.Sequential(*stage)

    def _forward_impl(self, x):
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(flatten(self.avgpool(x), 1))

    def forward(self, x):
        return self._forward_impl(x)


# fmt: off
resnet18 = builder("resnet18", "ResNet18_Weights", ResNet, BasicBlock, [2, 2, 2, 2])
resnet34 = builder("resnet34", "ResNet34_Weights", ResNet, BasicBlock, [3, 4, 6, 3])
resnet50 = builder("resnet50", "ResNet50_Weights", ResNet, Bottleneck, [3, 4, 6, 3])
resnet101 = builder("resnet101", "ResNet101_Weights", ResNet, Bottleneck, [3, 4, 23, 3])
resnet152 = builder("resnet152", "ResNet152_Weights", ResNet, Bottleneck, [3, 8, 36, 3])
resnext50_32x4d = builder(
    "resnext50_32x4d", "ResNeXt50_32X4D_Weights", ResNet, Bottleneck, [3, 4, 6, 3], groups=32, width_per_group=4)
resnext101_32x8d = builder(
    "resnext101_32x8d", "ResNeXt101_32X8D_Weights", ResNet, Bottleneck, [3, 4, 23, 3], groups=32, width_per_group=8)
resnext101_64x4d = builder(
    "resnext101_64x4d", "ResNeXt101_64X4D_Weights", ResNet, Bottleneck, [3, 4, 23, 3], groups=64, width_per_group=4)
wide_resnet50_2 = builder(
    "wide_resnet50_2", "Wide_ResNet50_2_Weights", ResNet, Bottleneck, [3, 4, 6, 3], width_per_group=128)
wide_resnet101_2 = builder(
    "wide_resnet101_2", "Wide_ResNet101_2_Weights", ResNet, Bottleneck, [3, 4, 23, 3], width_per_group=128)
# fmt: on

__getattr__ = lazy_weights(__name__)
