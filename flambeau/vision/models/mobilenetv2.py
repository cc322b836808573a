"""MobileNet v2: inverted residuals.

Source: Sandler et al., "MobileNetV2", 2018, arXiv:1801.04381, table 2.
"""

from ... import flatten, nn
from ...nn import functional as F
from ..ops.misc import Conv2dNormActivation
from ._api import lazy_weights
from ._builder import builder
from ._utils import _make_divisible

__all__ = ["InvertedResidual", "MobileNetV2", "mobilenet_v2"]


class InvertedResidual(nn.Module):
    """A 1x1 convolution widens, a 3x3 one by channel filters, a 1x1 one narrows; beside the identity if sizes stay."""

    def __init__(self, inp, oup, stride, expand_ratio, norm_layer=None):
        super().__init__()
        if stride not in (1, 2):
            raise ValueError(f"InvertedResidual: stride is {stride}; it must be 1 or 2.")
        norm_layer = norm_layer or nn.BatchNorm2d
        relu6 = {"norm_layer": norm_layer, "activation_layer": nn.ReLU6}
        hidden = round(inp * expand_ratio)
        self.stride = stride
        self.use_res_connect = stride == 1 and inp == oup
        layers = []
        if expand_ratio != 1:
            layers.append(Conv2dNormActivation(inp, hidden, kernel_size=1, **relu6))
        layers += [
            Conv2dNormActivation(hidden, hidden, stride=stride, groups=hidden, **relu6),
            nn.Conv2d(hidden, oup, 1, bias=False),
            norm_layer(oup),
        ]
        self.conv = nn.Sequential(*layers)
        self.out_channels = oup
        self._is_cn = stride > 1

    def forward(self, x):
        return x + self.conv(x) if self.use_res_connect else self.conv(x)


# expansion, channels, blocks, stride of the first
_STAGES = [
    [1, 16, 1, 1],
    [6, 24, 2, 2],
    [6, 32, 3, 2],
    [6, 64, 4, 2],
    [6, 96, 3, 1],
    [6, 160, 3, 2],
    [6, 320, 1, 1],
]


class MobileNetV2(nn.Module):
    """Images (N, 3, H, W) to scores (N, num_classes).

    width_mult: factor of all widths, which are rounded to multiples of round_nearest. inverted_residual_setting:
    rows of expansion, channels, blocks, stride.
    """

    def __init__(
        self, num_classes=1000, width_mult=1.0, inverted_residual_setting=None, round_nearest=8,
        block=None, norm_layer=None, dropout=0.2,
    ):  # fmt: skip
        super().__init__()
        block = block or InvertedResidual
        norm_layer = norm_layer or nn.BatchNorm2d
        stages = inverted_residual_setting or _STAGES
        if any(len(stage) != 4 for stage in stages):
            raise ValueError(
                f"MobileNetV2: inverted_residual_setting is {stages}; each row must have 4 elements."
            )
        relu6 = {"norm_layer": norm_layer, "activation_layer": nn.ReLU6}
        width = _make_divisible(32 * width_mult, round_nearest)
        self.last_channel = _make_divisible(1280 * max(1.0, width_mult), round_nearest)
        features = [Conv2dNormActivation(3, width, stride=2, **relu6)]
        for expansion, channels, blocks, stride in stages:
            out = _make_divisible(channels * width_mult, round_nearest)
            for i in range(blocks):
                features.append(
                    block(
                        width,
                        out,
                        stride if i == 0 else 1,
                        expand_ratio=expansion,
                        norm_layer=norm_layer,
                    )
                )
                width = out
        features.append(Conv2dNormActivation(width, self.last_channel, kernel_size=1, **relu6))
        self.features = nn.Sequential(*features)
        self.classifier = nn.Sequential(
            nn.Dropout(dropout), nn.Linear(self.last_channel, num_classes)
        )
        initialise(self)

    def _forward_impl(self, x):
        x = F.adaptive_avg_pool2d(self.features(x), (1, 1))
        return self.classifier(flatten(x, 1))

    def forward(self, x):
        return self._forward_impl(x)


def initialise(model):
    """First weights of MobileNets: normal by fan_out, norms 1 and 0, linear layers normal of 0.01."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out")
        elif isinstance(module, nn.BatchNorm2d | nn.GroupNorm):
            nn.init.ones_(module.weight)
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, 0, 0.01)
        else:
            continue
        if module.bias is not None:
            nn.init.zeros_(module.bias)


mobilenet_v2 = builder("mobilenet_v2", "MobileNet_V2_Weights", MobileNetV2)

__getattr__ = lazy_weights(__name__)
