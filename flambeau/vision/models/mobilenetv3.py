"""MobileNet v3, large and small.

Source: Howard et al., "Searching for MobileNetV3", 2019, arXiv:1905.02244, tables 1 and 2.
"""

from functools import partial

from ... import flatten, nn
from ..ops.misc import Conv2dNormActivation, SqueezeExcitation
from ._api import lazy_weights
from ._builder import builder
from ._utils import _make_divisible, check_setting
from .mobilenetv2 import initialise

__all__ = [
    "InvertedResidual",
    "InvertedResidualConfig",
    "MobileNetV3",
    "mobilenet_v3_large",
    "mobilenet_v3_small",
]


class InvertedResidualConfig:
    """What one block is: widths (times width_mult), kernel, squeeze and excitation, "HS" or "RE", stride, dilation."""

    def __init__(
        self, input_channels, kernel, expanded_channels, out_channels, use_se, activation, stride,
        dilation, width_mult,
    ):  # fmt: skip
        self.input_channels = self.adjust_channels(input_channels, width_mult)
        self.kernel = kernel
        self.expanded_channels = self.adjust_channels(expanded_channels, width_mult)
        self.out_channels = self.adjust_channels(out_channels, width_mult)
        self.use_se = use_se
        self.use_hs = activation == "HS"
        self.stride = stride
        self.dilation = dilation

    @staticmethod
    def adjust_channels(channels, width_mult):
        return _make_divisible(channels * width_mult, 8)


_GATE = partial(SqueezeExcitation, scale_activation=nn.Hardsigmoid)


class InvertedResidual(nn.Module):
    """A block of a configuration, beside the identity if sizes stay."""

    def __init__(self, cnf, norm_layer, se_layer=_GATE):
        super().__init__()
        if cnf.stride not in (1, 2):
            raise ValueError(f"InvertedResidual: stride is {cnf.stride}; it must be 1 or 2.")
        self.use_res_connect = cnf.stride == 1 and cnf.input_channels == cnf.out_channels
        active = {
            "norm_layer": norm_layer,
            "activation_layer": nn.Hardswish if cnf.use_hs else nn.ReLU,
        }
        width = cnf.expanded_channels
        layers = []
        if width != cnf.input_channels:
            layers.append(Conv2dNormActivation(cnf.input_channels, width, kernel_size=1, **active))
        layers.append(
            Conv2dNormActivation(
                width,
                width,
                kernel_size=cnf.kernel,
                stride=1 if cnf.dilation > 1 else cnf.stride,
                dilation=cnf.dilation,
                groups=width,
                **active,
            )
        )
        if cnf.use_se:
            layers.append(se_layer(width, _make_divisible(width // 4, 8)))
        layers.append(
            Conv2dNormActivation(
                width, cnf.out_channels, kernel_size=1, norm_layer=norm_layer, activation_layer=None
            )
        )
        self.block = nn.Sequential(*layers)
        self.out_channels = cnf.out_channels
        self._is_cn = cnf.stride > 1

    def forward(self, input):
        result = self.block(input)
        if self.use_res_connect:
            result += input
        return result


class MobileNetV3(nn.Module):
    """Images (N, 3, H, W) to scores (N, num_classes), by a list of InvertedResidualConfig."""

    def __init__(
        self, inverted_residual_setting, last_channel, num_classes=1000, block=None,
        norm_layer=None, dropout=0.2,
    ):  # fmt: skip
        super().__init__()
        setting = inverted_residual_setting
        check_setting("MobileNetV3: inverted_residual_setting", setting, InvertedResidualConfig)
        block = block or InvertedResidual
        norm_layer = norm_layer or partial(nn.BatchNorm2d, eps=0.001, momentum=0.01)
        active = {"norm_layer": norm_layer, "activation_layer": nn.Hardswish}
        width = setting[-1].out_channels
        self.features = nn.Sequential(
            Conv2dNormActivation(3, setting[0].input_channels, stride=2, **active),
            *(block(cnf, norm_layer) for cnf in setting),
            Conv2dNormActivation(width, 6 * width, kernel_size=1, **active),
        )
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(
            nn.Linear(6 * width, last_channel),
            nn.Hardswish(inplace=True),
            nn.Dropout(dropout, inplace=True),
            nn.Linear(last_channel, num_classes),
        )
        initialise(self)

    def _forward_impl(self, x):
        return self.classifier(flatten(self.avgpool(self.features(x)), 1))

    def forward(self, x):
        return self._forward_impl(x)


# Rows of channels in, kernel, expanded, out, squeeze and excitation, activation, stride. From the row marked
# "tail" on, a reduced tail halves the widths that come out of it, and dilation takes the place of its stride.
_LARGE = [
    (16, 3, 16, 16, False, "RE", 1),
    (16, 3, 64, 24, False, "RE", 2),
    (24, 3, 72, 24, False, "RE", 1),
    (24, 5, 72, 40, True, "RE", 2),
    (40, 5, 120, 40, True, "RE", 1),
    (40, 5, 120, 40, True, "RE", 1),
    (40, 3, 240, 80, False, "HS", 2),
    (80, 3, 200, 80, False, "HS", 1),
    (80, 3, 184, 80, False, "HS", 1),
    (80, 3, 184, 80, False, "HS", 1),
    (80, 3, 480, 112, True, "HS", 1),
    (112, 3, 672, 112, True, "HS", 1),
    (112, 5, 672, 160, True, "HS", 2),  # tail
    (160, 5, 960, 160, True, "HS", 1),
    (160, 5, 960, 160, True, "HS", 1),
]
_SMALL = [
    (16, 3, 16, 16, True, "RE", 2),
    (16, 3, 72, 24, False, "RE", 2),
    (24, 3, 88, 24, False, "RE", 1),
    (24, 5, 96, 40, True, "HS", 2),
    (40, 5, 240, 40, True, "HS", 1),
    (40, 5, 240, 40, True, "HS", 1),
    (40, 5, 120, 48, True, "HS", 1),
    (48, 5, 144, 48, True, "HS", 1),
    (48, 5, 288, 96, True, "HS", 2),  # tail
    (96, 5, 576, 96, True, "HS", 1),
    (96, 5, 576, 96, True, "HS", 1),
]
_ARCHITECTURES = {"mobilenet_v3_large": (_LARGE, 1280), "mobilenet_v3_small": (_SMALL, 1024)}


def _mobilenet_v3_conf(arch, width_mult=1.0, reduced_tail=False, dilated=False):
    """(list of InvertedResidualConfig, last_channel) of "mobilenet_v3_large" or "mobilenet_v3_small"."""
    if arch not in _ARCHITECTURES:
        raise ValueError(f"mobilenet_v3: there is no architecture {arch!r}.")
    rows, last = _ARCHITECTURES[arch]
    divider = 2 if reduced_tail else 1
    setting = []
    for i, (width, kernel, expanded, out, *rest) in enumerate(rows):
        place = i - (len(rows) - 3)  # 0, 1, 2 in the tail
        if place >= 0:
            out //= divider
        if place > 0:
            width, expanded = width // divider, expanded // divider
        dilation = 2 if dilated and place >= 0 else 1
        setting.append(
            InvertedResidualConfig(width, kernel, expanded, out, *rest, dilation, width_mult)
        )
    return setting, InvertedResidualConfig.adjust_channels(last // divider, width_mult)


def _mobilenet_v3(arch, width_mult=1.0, reduced_tail=False, dilated=False, **arguments):
    setting, last = _mobilenet_v3_conf(arch, width_mult, reduced_tail, dilated)
    return MobileNetV3(setting, last, **arguments)


mobilenet_v3_large, mobilenet_v3_small = (
    builder(
        f"mobilenet_v3_{size.lower()}",
        f"MobileNet_V3_{size}_Weights",
        _mobilenet_v3,
        f"mobilenet_v3_{size.lower()}",
    )
    for size in ("Large", "Small")
)

__getattr__ = lazy_weights(__name__)
