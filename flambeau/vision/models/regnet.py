"""RegNet: widths of blocks grow linearly and are rounded to a few stages.

Source: Radosavovic et al., "Designing Network Design Spaces", 2020, arXiv:2003.13678, eq. 2 to 4; appendix D.
"""

import dataclasses
import itertools
import math
from collections import OrderedDict
from functools import partial

from ... import nn
from ..ops.misc import Conv2dNormActivation, SqueezeExcitation
from ._api import lazy_weights
from ._builder import builder
from ._utils import _make_divisible

_Y = {  # depth, first width, slope, quantisation of widths, channels of a group
    "400mf": (16, 48, 27.89, 2.09, 8),
    "800mf": (14, 56, 38.84, 2.4, 16),
    "1_6gf": (27, 48, 20.71, 2.65, 24),
    "3_2gf": (21, 80, 42.63, 2.66, 24),
    "8gf": (17, 192, 76.82, 2.19, 56),
    "16gf": (18, 200, 106.23, 2.48, 112),
    "32gf": (20, 232, 115.89, 2.53, 232),
    "128gf": (27, 456, 160.83, 2.52, 264),
}
_X = {
    "400mf": (22, 24, 24.48, 2.54, 16),
    "800mf": (16, 56, 35.73, 2.28, 16),
    "1_6gf": (18, 80, 34.01, 2.25, 24),
    "3_2gf": (25, 88, 26.31, 2.25, 48),
    "8gf": (23, 80, 49.56, 2.88, 120),
    "16gf": (22, 216, 55.59, 2.1, 128),
    "32gf": (23, 320, 69.86, 2.0, 168),
}
_STRIDE = 2


class SimpleStemIN(Conv2dNormActivation):
    """The first 3x3 convolution, with stride 2."""

    def __init__(self, width_in, width_out, norm_layer, activation_layer):
        super().__init__(
            width_in, width_out, stride=2, norm_layer=norm_layer, activation_layer=activation_layer
        )


class BottleneckTransform(nn.Sequential):
    """a: 1x1; b: 3x3 in groups; se: squeeze and excitation, where there is a ratio; c: 1x1."""

    def __init__(
        self, width_in, width_out, stride, norm_layer, activation_layer, group_width,
        bottleneck_multiplier, se_ratio,
    ):  # fmt: skip
        width = round(width_out * bottleneck_multiplier)
        normed = {"norm_layer": norm_layer, "activation_layer": activation_layer}
        layers = OrderedDict(
            a=Conv2dNormActivation(width_in, width, kernel_size=1, **normed),
            b=Conv2dNormActivation(
                width, width, stride=stride, groups=width // group_width, **normed
            ),
        )
        if se_ratio:
            squeezed = round(se_ratio * width_in)
            layers["se"] = SqueezeExcitation(width, squeezed, activation=activation_layer)
        layers["c"] = Conv2dNormActivation(
            width, width_out, kernel_size=1, norm_layer=norm_layer, activation_layer=None
        )
        super().__init__(layers)


class ResBottleneckBlock(nn.Module):
    """A bottleneck beside the identity, or beside a 1x1 convolution where sizes change."""

    def __init__(
        self, width_in, width_out, stride, norm_layer, activation_layer, group_width=1,
        bottleneck_multiplier=1.0, se_ratio=None,
    ):  # fmt: skip
        super().__init__()
        self.proj = None
        if width_in != width_out or stride != 1:
            self.proj = Conv2dNormActivation(
                width_in,
                width_out,
                kernel_size=1,
                stride=stride,
                norm_layer=norm_layer,
                activation_layer=None,
            )
        self.f = BottleneckTransform(
            width_in,
            width_out,
            stride,
            norm_layer,
            activation_layer,
            group_width,
            bottleneck_multiplier,
            se_ratio,
        )
        self.activation = activation_layer(inplace=True)

    def forward(self, x):
        beside = x if self.proj is None else self.proj(x)
        return self.activation(beside + self.f(x))


@dataclasses.dataclass
class BlockParams:
    """Depth, width, group width and stride of each stage."""

    depths: list
    widths: list
    group_widths: list
    bottleneck_multipliers: list
    strides: list
    se_ratio: float | None = None

    @classmethod
    def from_init_params(
        cls, depth, w_0, w_a, w_m, group_width, bottleneck_multiplier=1.0, se_ratio=None, **kwargs
    ):
        """By the linear rule: block j is w_0 + w_a j wide, rounded to a power of w_m times w_0, and to 8."""
        if w_a < 0 or w_0 <= 0 or w_m <= 1 or w_0 % 8 != 0:
            raise ValueError(
                f"BlockParams: w_a is {w_a}, w_0 {w_0}, w_m {w_m}; there must be w_a >= 0, w_m > 1, and w_0 a "
                "positive multiple of 8."
            )
        powers = (round(math.log((w_0 + w_a * j) / w_0) / math.log(w_m)) for j in range(depth))
        blocks = [int(round(w_0 * w_m**power / 8) * 8) for power in powers]
        stages = [(width, len(list(same))) for width, same in itertools.groupby(blocks)]
        widths, groups = [], []
        for width, _ in stages:
            inner = int(width * bottleneck_multiplier)
            group = min(group_width, inner)
            widths.append(int(_make_divisible(inner, group) / bottleneck_multiplier))
            groups.append(group)
        n = len(stages)
        depths = [count for _, count in stages]
        return cls(depths, widths, groups, [bottleneck_multiplier] * n, [_STRIDE] * n, se_ratio)

    def _get_expanded_params(self):
        return zip(
            self.widths, self.strides, self.depths, self.group_widths, self.bottleneck_multipliers
        )


class AnyStage(nn.Sequential):
    """The blocks of a stage, block{stage}-0 and on; the first has the stride."""

    def __init__(
        self, width_in, width_out, stride, depth, block_constructor, norm_layer, activation_layer,
        group_width, bottleneck_multiplier, se_ratio=None, stage_index=0,
    ):  # fmt: skip
        super().__init__()
        for i in range(depth):
            block = block_constructor(
                width_in if i == 0 else width_out,
                width_out,
                stride if i == 0 else 1,
                norm_layer,
                activation_layer,
                group_width,
                bottleneck_multiplier,
                se_ratio,
            )
            self.add_module(f"block{stage_index}-{i}", block)


class RegNet(nn.Module):
    """Images (N, 3, H, W) to scores (N, num_classes), by BlockParams."""

    def __init__(
        self, block_params, num_classes=1000, stem_width=32, stem_type=None, block_type=None,
        norm_layer=None, activation=None,
    ):  # fmt: skip
        super().__init__()
        norm_layer = norm_layer or nn.BatchNorm2d
        activation = activation or nn.ReLU
        self.stem = (stem_type or SimpleStemIN)(3, stem_width, norm_layer, activation)
        width, stages = stem_width, OrderedDict()
        for i, (out, stride, depth, *widths) in enumerate(block_params._get_expanded_params(), 1):
            stages[f"block{i}"] = AnyStage(
                width,
                out,
                stride,
                depth,
                block_type or ResBottleneckBlock,
                norm_layer,
                activation,
                *widths,
                block_params.se_ratio,
                stage_index=i,
            )
            width = out
        self.trunk_output = nn.Sequential(stages)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(width, num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                fan_out = module.kernel_size[0] * module.kernel_size[1] * module.out_channels
                nn.init.normal_(module.weight, 0.0, math.sqrt(2.0 / fan_out))
            elif isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, 0.0, 0.01)
                nn.init.zeros_(module.bias)

    def forward(self, x):
        x = self.avgpool(self.trunk_output(self.stem(x)))
        return self.fc(x.flatten(start_dim=1))


def _regnet(row, se_ratio, **arguments):
    arguments.setdefault("norm_layer", partial(nn.BatchNorm2d, eps=1e-05, momentum=0.1))
    return RegNet(BlockParams.from_init_params(*row, se_ratio=se_ratio), **arguments)


for _kind, _rows, _se_ratio in (("y", _Y, 0.25), ("x", _X, None)):
    for _size, _row in _rows.items():
        _name = f"regnet_{_kind}_{_size}"
        globals()[_name] = builder(
            _name, f"RegNet_{_kind.upper()}_{_size.upper()}_Weights", _regnet, _row, _se_ratio
        )

__all__ = ["BlockParams", "RegNet", *(name for name in globals() if name.startswith("regnet_"))]

__getattr__ = lazy_weights(__name__)
