"""EfficientNet, whose sizes grow together, and v2, whose first stages fuse two convolutions.

Source: Tan, Le, "EfficientNet", 2019, arXiv:1905.11946, table 1; "EfficientNetV2", 2021, arXiv:2104.00298, table 4.
"""

import dataclasses
import math
from collections.abc import Callable
from functools import partial

from ... import flatten, nn
from ..ops.misc import Conv2dNormActivation, SqueezeExcitation
from ..ops.stochastic_depth import StochasticDepth
from ._api import lazy_weights
from ._builder import builder
from ._utils import _make_divisible, check_setting

__all__ = [
    "EfficientNet", "FusedMBConv", "FusedMBConvConfig", "MBConv", "MBConvConfig", "efficientnet_b0", "efficientnet_b1",
    "efficientnet_b2", "efficientnet_b3", "efficientnet_b4", "efficientnet_b5", "efficientnet_b6", "efficientnet_b7",
    "efficientnet_v2_s", "efficientnet_v2_m", "efficientnet_v2_l",
]  # fmt: skip


@dataclasses.dataclass
class _MBConvConfig:
    """What one stage is; its `block` makes the blocks."""

    expand_ratio: float
    kernel: int
    stride: int
    input_channels: int
    out_channels: int
    num_layers: int
    block: Callable

    @staticmethod
    def adjust_channels(channels, width_mult, min_value=None):
        return _make_divisible(channels * width_mult, 8, min_value)


class MBConvConfig(_MBConvConfig):
    """A stage of MBConv, its widths times width_mult and its number of blocks times depth_mult."""

    def __init__(
        self, expand_ratio, kernel, stride, input_channels, out_channels, num_layers,
        width_mult=1.0, depth_mult=1.0, block=None,
    ):  # fmt: skip
        super().__init__(
            expand_ratio,
            kernel,
            stride,
            self.adjust_channels(input_channels, width_mult),
            self.adjust_channels(out_channels, width_mult),
            self.adjust_depth(num_layers, depth_mult),
            block or MBConv,
        )

    @staticmethod
    def adjust_depth(num_layers, depth_mult):
        return math.ceil(num_layers * depth_mult)


class FusedMBConvConfig(_MBConvConfig):
    """A stage of FusedMBConv."""

    def __init__(
        self, expand_ratio, kernel, stride, input_channels, out_channels, num_layers, block=None
    ):
        super().__init__(
            expand_ratio,
            kernel,
            stride,
            input_channels,
            out_channels,
            num_layers,
            block or FusedMBConv,
        )


class _Residual(nn.Module):
    """A block beside the identity where sizes stay, left out by chance in training."""

    def __init__(self, cnf, stochastic_depth_prob, layers):
        super().__init__()
        if cnf.stride not in (1, 2):
            raise ValueError(f"{type(self).__name__}: stride is {cnf.stride}; it must be 1 or 2.")
        self.use_res_connect = cnf.stride == 1 and cnf.input_channels == cnf.out_channels
        self.block = nn.Sequential(*layers)
        self.stochastic_depth = StochasticDepth(stochastic_depth_prob, "row")
        self.out_channels = cnf.out_channels

    def forward(self, input):
        result = self.block(input)
        if self.use_res_connect:
            result = self.stochastic_depth(result)
            result += input
        return result


class MBConv(_Residual):
    """1x1 to expand, by channel, squeeze and excitation, 1x1 to project."""

    def __init__(self, cnf, stochastic_depth_prob, norm_layer, se_layer=SqueezeExcitation):
        active = {"norm_layer": norm_layer, "activation_layer": nn.SiLU}
        width = cnf.adjust_channels(cnf.input_channels, cnf.expand_ratio)
        squeezed = max(1, cnf.input_channels // 4)
        layers = []
        if width != cnf.input_channels:
            layers.append(Conv2dNormActivation(cnf.input_channels, width, kernel_size=1, **active))
        layers += [
            Conv2dNormActivation(
                width, width, kernel_size=cnf.kernel, stride=cnf.stride, groups=width, **active
            ),
            se_layer(width, squeezed, activation=partial(nn.SiLU, inplace=True)),
            Conv2dNormActivation(
                width, cnf.out_channels, kernel_size=1, norm_layer=norm_layer, activation_layer=None
            ),
        ]
        super().__init__(cnf, stochastic_depth_prob, layers)


class FusedMBConv(_Residual):
    """A full convolution to expand, 1x1 to project; one convolution where nothing is expanded."""

    def __init__(self, cnf, stochastic_depth_prob, norm_layer):
        width = cnf.adjust_channels(cnf.input_channels, cnf.expand_ratio)
        first = {
            "kernel_size": cnf.kernel,
            "stride": cnf.stride,
            "norm_layer": norm_layer,
            "activation_layer": nn.SiLU,
        }
        if width == cnf.input_channels:
            layers = [Conv2dNormActivation(cnf.input_channels, cnf.out_channels, **first)]
        else:
            layers = [
                Conv2dNormActivation(cnf.input_channels, width, **first),
                Conv2dNormActivation(
                    width,
                    cnf.out_channels,
                    kernel_size=1,
                    norm_layer=norm_layer,
                    activation_layer=None,
                ),
            ]
        super().__init__(cnf, stochastic_depth_prob, layers)


class EfficientNet(nn.Module):
    """Images (N, 3, H, W) to scores (N, num_classes), by a list of stages' configurations."""

    def __init__(
        self, inverted_residual_setting, dropout, stochastic_depth_prob=0.2, num_classes=1000,
        norm_layer=None, last_channel=None,
    ):  # fmt: skip
        super().__init__()
        setting = inverted_residual_setting
        check_setting("EfficientNet: inverted_residual_setting", setting, _MBConvConfig)
        norm_layer = norm_layer or nn.BatchNorm2d
        active = {"norm_layer": norm_layer, "activation_layer": nn.SiLU}
        layers = [Conv2dNormActivation(3, setting[0].input_channels, stride=2, **active)]
        total = sum(cnf.num_layers for cnf in setting)
        done = 0
        for cnf in setting:
            stage = []
            for i in range(cnf.num_layers):
                own = cnf if i == 0 else _following(cnf)
                stage.append(own.block(own, stochastic_depth_prob * done / total, norm_layer))
                done += 1
            layers.append(nn.Sequential(*stage))
        width = setting[-1].out_channels
        last_channel = last_channel if last_channel is not None else 4 * width
        layers.append(Conv2dNormActivation(width, last_channel, kernel_size=1, **active))
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(
            nn.Dropout(dropout, inplace=True), nn.Linear(last_channel, num_classes)
        )
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
            elif isinstance(module, nn.Linear):
                bound = 1.0 / math.sqrt(module.out_features)
                nn.init.uniform_(module.weight, -bound, bound)
                nn.init.zeros_(module.bias)

    def _forward_impl(self, x):
        return self.classifier(flatten(self.avgpool(self.features(x)), 1))

    def forward(self, x):
        return self._forward_impl(x)


def _following(cnf):
    """The configuration of a stage's second and later blocks."""
    rest = object.__new__(type(cnf))
    vars(rest).update(vars(cnf), input_channels=cnf.out_channels, stride=1)
    return rest


# Rows of expansion, kernel, stride, channels in and out, blocks; v2's first ones are fused.
_V1 = [
    (1, 3, 1, 32, 16, 1),
    (6, 3, 2, 16, 24, 2),
    (6, 5, 2, 24, 40, 2),
    (6, 3, 2, 40, 80, 3),
    (6, 5, 1, 80, 112, 3),
    (6, 5, 2, 112, 192, 4),
    (6, 3, 1, 192, 320, 1),
]
_V2 = {
    "s": (
        [(1, 3, 1, 24, 24, 2), (4, 3, 2, 24, 48, 4), (4, 3, 2, 48, 64, 4)],
        [(4, 3, 2, 64, 128, 6), (6, 3, 1, 128, 160, 9), (6, 3, 2, 160, 256, 15)],
    ),
    "m": (
        [(1, 3, 1, 24, 24, 3), (4, 3, 2, 24, 48, 5), (4, 3, 2, 48, 80, 5)],
        [
            (4, 3, 2, 80, 160, 7),
            (6, 3, 1, 160, 176, 14),
            (6, 3, 2, 176, 304, 18),
            (6, 3, 1, 304, 512, 5),
        ],
    ),
    "l": (
        [(1, 3, 1, 32, 32, 4), (4, 3, 2, 32, 64, 7), (4, 3, 2, 64, 96, 7)],
        [
            (4, 3, 2, 96, 192, 10),
            (6, 3, 1, 192, 224, 19),
            (6, 3, 2, 224, 384, 25),
            (6, 3, 1, 384, 640, 7),
        ],
    ),
}


def _v1(width, depth, dropout, **arguments):
    return EfficientNet(
        [MBConvConfig(*row, width_mult=width, depth_mult=depth) for row in _V1],
        arguments.pop("dropout", dropout),
        **arguments,
    )


def _v2(size, dropout, **arguments):
    fused, plain = _V2[size]
    setting = [FusedMBConvConfig(*row) for row in fused] + [MBConvConfig(*row) for row in plain]
    return EfficientNet(setting, arguments.pop("dropout", dropout), last_channel=1280, **arguments)


# fmt: off
_TF = {"norm_layer": partial(nn.BatchNorm2d, eps=0.001, momentum=0.01)}  # TensorFlow's, in which they were published
efficientnet_b0 = builder("efficientnet_b0", "EfficientNet_B0_Weights", _v1, 1.0, 1.0, 0.2)
efficientnet_b1 = builder("efficientnet_b1", "EfficientNet_B1_Weights", _v1, 1.0, 1.1, 0.2)
efficientnet_b2 = builder("efficientnet_b2", "EfficientNet_B2_Weights", _v1, 1.1, 1.2, 0.3)
efficientnet_b3 = builder("efficientnet_b3", "EfficientNet_B3_Weights", _v1, 1.2, 1.4, 0.3)
efficientnet_b4 = builder("efficientnet_b4", "EfficientNet_B4_Weights", _v1, 1.4, 1.8, 0.4)
efficientnet_b5 = builder("efficientnet_b5", "EfficientNet_B5_Weights", _v1, 1.6, 2.2, 0.4, **_TF)
efficientnet_b6 = builder("efficientnet_b6", "EfficientNet_B6_Weights", _v1, 1.8, 2.6, 0.5, **_TF)
efficientnet_b7 = builder("efficientnet_b7", "EfficientNet_B7_Weights", _v1, 2.0, 3.1, 0.5, **_TF)
_NORM_V2 = {"norm_layer": partial(nn.BatchNorm2d, eps=1e-3)}
efficientnet_v2_s = builder("efficientnet_v2_s", "EfficientNet_V2_S_Weights", _v2, "s", 0.2, **_NORM_V2)
efficientnet_v2_m = builder("efficientnet_v2_m", "EfficientNet_V2_M_Weights", _v2, "m", 0.3, **_NORM_V2)
efficientnet_v2_l = builder("efficientnet_v2_l", "EfficientNet_V2_L_Weights", _v2, "l", 0.4, **_NORM_V2)
# fmt: on

__getattr__ = lazy_weights(__name__)
