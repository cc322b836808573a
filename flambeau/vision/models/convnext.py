"""ConvNeXt.

Source: Liu et al., "A ConvNet for the 2020s", 2022, arXiv:2201.03545, section 3 and figure 4.
"""

from functools import partial

from ... import nn, ones
from ...nn import functional as F
from ..ops.misc import Conv2dNormActivation, Permute
from ..ops.stochastic_depth import StochasticDepth
from ._api import lazy_weights
from ._builder import builder
from ._utils import check_setting, initialise_layers

__all__ = [
    "CNBlockConfig", "ConvNeXt", "convnext_base", "convnext_large", "convnext_small",
    "convnext_tiny",
]  # fmt: skip


class LayerNorm2d(nn.LayerNorm):
    """Layer norm over the channels of (N, C, H, W)."""

    def forward(self, x):
        x = x.permute(0, 2, 3, 1)
        x = F.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)
        return x.permute(0, 3, 1, 2)


class CNBlock(nn.Module):
    """A 7x7 convolution by channel and two linear layers, scaled, beside the identity."""

    def __init__(self, dim, layer_scale, stochastic_depth_prob, norm_layer=None):
        super().__init__()
        norm_layer = norm_layer or partial(nn.LayerNorm, eps=1e-6)
        self.block = nn.Sequential(
            nn.Conv2d(dim, dim, 7, padding=3, groups=dim, bias=True),
            Permute([0, 2, 3, 1]),
            norm_layer(dim),
            nn.Linear(dim, 4 * dim),
            nn.GELU(),
            nn.Linear(4 * dim, dim),
            Permute([0, 3, 1, 2]),
        )
        self.layer_scale = nn.Parameter(ones(dim, 1, 1) * layer_scale)
        self.stochastic_depth = StochasticDepth(stochastic_depth_prob, "row")

    def forward(self, input):
        result = self.stochastic_depth(self.layer_scale * self.block(input))
        result += input
        return result


class CNBlockConfig:
    """A stage: its width, the width that follows (None at the end), and its blocks."""

    def __init__(self, input_channels, out_channels, num_layers):
        self.input_channels = input_channels
        self.out_channels = out_channels
        self.num_layers = num_layers

    def __repr__(self):
        return (
            f"CNBlockConfig(input_channels={self.input_channels}, out_channels={self.out_channels}, "
            f"num_layers={self.num_layers})"
        )


class ConvNeXt(nn.Module):
    """Images (N, 3, H, W) to scores (N, num_classes), by a list of CNBlockConfig."""

    def __init__(
        self, block_setting, stochastic_depth_prob=0.0, layer_scale=1e-6, num_classes=1000,
        block=None, norm_layer=None,
    ):  # fmt: skip
        super().__init__()
        check_setting("ConvNeXt: block_setting", block_setting, CNBlockConfig)
        block = block or CNBlock
        norm_layer = norm_layer or partial(LayerNorm2d, eps=1e-6)
        layers = [
            Conv2dNormActivation(
                3,
                block_setting[0].input_channels,
                kernel_size=4,
                stride=4,
                padding=0,
                norm_layer=norm_layer,
                activation_layer=None,
                bias=True,
            )
        ]
        last = sum(cnf.num_layers for cnf in block_setting) - 1.0
        done = 0
        for cnf in block_setting:
            stage = []
            for _ in range(cnf.num_layers):
                stage.append(
                    block(cnf.input_channels, layer_scale, stochastic_depth_prob * done / last)
                )
                done += 1
            layers.append(nn.Sequential(*stage))
            if cnf.out_channels is not None:
                down = nn.Conv2d(cnf.input_channels, cnf.out_channels, 2, stride=2)
                layers.append(nn.Sequential(norm_layer(cnf.input_channels), down))
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        width = block_setting[-1].out_channels or block_setting[-1].input_channels
        self.classifier = nn.Sequential(
            norm_layer(width), nn.Flatten(1), nn.Linear(width, num_classes)
        )
        initialise_layers(self, nn.Conv2d | nn.Linear, partial(nn.init.trunc_normal_, std=0.02))

    def _forward_impl(self, x):
        return self.classifier(self.avgpool(self.features(x)))

    def forward(self, x):
        return self._forward_impl(x)


def _convnext(widths, depths, stochastic_depth_prob, **arguments):
    setting = [CNBlockConfig(*row) for row in zip(widths, (*widths[1:], None), depths)]
    probability = arguments.pop("stochastic_depth_prob", stochastic_depth_prob)
    return ConvNeXt(setting, probability, **arguments)


# fmt: off
_TABLE = {
    "Tiny": ((96, 192, 384, 768), (3, 3, 9, 3), 0.1),
    "Small": ((96, 192, 384, 768), (3, 3, 27, 3), 0.4),
    "Base": ((128, 256, 512, 1024), (3, 3, 27, 3), 0.5),
    "Large": ((192, 384, 768, 1536), (3, 3, 27, 3), 0.5),
}
# fmt: on

convnext_tiny, convnext_small, convnext_base, convnext_large = (
    builder(f"convnext_{size.lower()}", f"ConvNeXt_{size}_Weights", _convnext, *row)
    for size, row in _TABLE.items()
)

__getattr__ = lazy_weights(__name__)
