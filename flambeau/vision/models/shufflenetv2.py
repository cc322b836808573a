"""ShuffleNet v2: half of the channels pass by, then all are shuffled.

Source: Ma, Zhang, Zheng, Sun, "ShuffleNet V2", 2018, arXiv:1807.11164, table 5 and figure 3.
"""

from ... import cat, nn
from ._api import lazy_weights
from ._builder import builder

__all__ = [
    "ShuffleNetV2",
    "shufflenet_v2_x0_5",
    "shufflenet_v2_x1_0",
    "shufflenet_v2_x1_5",
    "shufflenet_v2_x2_0",
]


def channel_shuffle(x, groups):
    """x (N, C, H, W) with its channels dealt out to `groups` in turn."""
    n, c, h, w = x.shape
    return x.view(n, groups, c // groups, h, w).transpose(1, 2).contiguous().view(n, c, h, w)


def _pointwise(inp, out):
    return [nn.Conv2d(inp, out, 1, bias=False), nn.BatchNorm2d(out), nn.ReLU(inplace=True)]


def _depthwise(width, stride):
    return [nn.Conv2d(width, width, 3, stride, 1, groups=width, bias=False), nn.BatchNorm2d(width)]


class InvertedResidual(nn.Module):
    """Two branches whose channels are shuffled; at stride 1 the first is the identity on half of them."""

    def __init__(self, inp, oup, stride):
        super().__init__()
        if stride not in (1, 2, 3):
            raise ValueError(f"InvertedResidual: stride is {stride}; it must be 1, 2 or 3.")
        half = oup // 2
        if stride == 1 and inp != 2 * half:
            raise ValueError(
                f"InvertedResidual: stride is 1, so inp must be {2 * half}, as many as come out; it is {inp}."
            )
        self.stride = stride
        self.branch1 = nn.Sequential(
            *(_depthwise(inp, stride) + _pointwise(inp, half) if stride > 1 else [])
        )
        self.branch2 = nn.Sequential(
            *_pointwise(inp if stride > 1 else half, half),
            *_depthwise(half, stride),
            *_pointwise(half, half),
        )

    def forward(self, x):
        if self.stride == 1:
            passing, x = x.chunk(2, dim=1)
            out = cat((passing, self.branch2(x)), dim=1)
        else:
            out = cat((self.branch1(x), self.branch2(x)), dim=1)
        return channel_shuffle(out, 2)


class ShuffleNetV2(nn.Module):
    """Images (N, 3, H, W) to scores (N, num_classes).

    stages_repeats: blocks of the three stages. stages_out_channels: widths of the first convolution, the
    stages, and the last convolution.
    """

    def __init__(
        self, stages_repeats, stages_out_channels, num_classes=1000,
        inverted_residual=InvertedResidual,
    ):  # fmt: skip
        super().__init__()
        if len(stages_repeats) != 3 or len(stages_out_channels) != 5:
            raise ValueError(
                f"ShuffleNetV2: {len(stages_repeats)} stages_repeats and {len(stages_out_channels)} "
                "stages_out_channels; there must be 3 and 5."
            )
        self._stage_out_channels = stages_out_channels
        first, *widths, last = stages_out_channels
        self.conv1 = nn.Sequential(
            nn.Conv2d(3, first, 3, 2, 1, bias=False), nn.BatchNorm2d(first), nn.ReLU(inplace=True)
        )
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        width = first
        for name, blocks, out in zip(("stage2", "stage3", "stage4"), stages_repeats, widths):
            stage = [inverted_residual(width, out, 2)]
            stage += [inverted_residual(out, out, 1) for _ in range(blocks - 1)]
            setattr(self, name, nn.Sequential(*stage))
            width = out
        self.conv5 = nn.Sequential(*_pointwise(width, last))
        self.fc = nn.Linear(last, num_classes)

    def _forward_impl(self, x):
        x = self.stage4(self.stage3(self.stage2(self.maxpool(self.conv1(x)))))
        return self.fc(self.conv5(x).mean([2, 3]))

    def forward(self, x):
        return self._forward_impl(x)


_REPEATS = [4, 8, 4]
WIDTHS = {
    "x0_5": [24, 48, 96, 192, 1024],
    "x1_0": [24, 116, 232, 464, 1024],
    "x1_5": [24, 176, 352, 704, 1024],
    "x2_0": [24, 244, 488, 976, 2048],
}

shufflenet_v2_x0_5, shufflenet_v2_x1_0, shufflenet_v2_x1_5, shufflenet_v2_x2_0 = (
    builder(
        f"shufflenet_v2_{size}",
        f"ShuffleNet_V2_{size.upper()}_Weights",
        ShuffleNetV2,
        _REPEATS,
        widths,
    )
    for size, widths in WIDTHS.items()
)

__getattr__ = lazy_weights(__name__)
