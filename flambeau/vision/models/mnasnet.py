"""MNASNet B1.

Source: Tan et al., "MnasNet", 2019, arXiv:1807.11626, figure 7.
"""

from ... import nn
from ._api import lazy_weights
from ._builder import builder
from ._utils import _make_divisible

__all__ = ["MNASNet", "mnasnet0_5", "mnasnet0_75", "mnasnet1_0", "mnasnet1_3"]

_MOMENTUM = 1 - 0.9997  # TensorFlow's, in which it was published


def _convolved(inp, out, kernel, stride=1, groups=1, active=True):
    layers = [
        nn.Conv2d(inp, out, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(out, momentum=_MOMENTUM),
    ]
    return [*layers, nn.ReLU(inplace=True)] if active else layers


class _InvertedResidual(nn.Module):
    def __init__(self, in_ch, out_ch, kernel_size, stride, expansion_factor):
        super().__init__()
        width = in_ch * expansion_factor
        self.apply_residual = in_ch == out_ch and stride == 1
        self.layers = nn.Sequential(
            *_convolved(in_ch, width, 1),
            *_convolved(width, width, kernel_size, stride, groups=width),
            *_convolved(width, out_ch, 1, active=False),
        )

    def forward(self, input):
        return self.layers(input) + input if self.apply_residual else self.layers(input)


# width, kernel, stride, expansion, blocks
_STAGES = [
    (24, 3, 2, 3, 3),
    (40, 5, 2, 3, 3),
    (80, 5, 2, 6, 3),
    (96, 3, 1, 6, 2),
    (192, 5, 2, 6, 4),
    (320, 3, 1, 6, 1),
]


class MNASNet(nn.Module):
    """Images (N, 3, H, W) to scores (N, num_classes); alpha is the factor of all widths but the last."""

    _version = 2

    def __init__(self, alpha, num_classes=1000, dropout=0.2):
        super().__init__()
        if alpha <= 0.0:
            raise ValueError(f"MNASNet: alpha is {alpha}; it must be above 0.")
        self.alpha = alpha
        self.num_classes = num_classes
        first, width = _make_divisible(32 * alpha, 8), _make_divisible(16 * alpha, 8)
        layers = [
            *_convolved(3, first, 3, 2),
            *_convolved(first, first, 3, groups=first),
            *_convolved(first, width, 1, active=False),
        ]
        for out, kernel, stride, expansion, blocks in _STAGES:
            out = _make_divisible(out * alpha, 8)
            stage = [_InvertedResidual(width, out, kernel, stride, expansion)]
            stage += [_InvertedResidual(out, out, kernel, 1, expansion) for _ in range(blocks - 1)]
            layers.append(nn.Sequential(*stage))
            width = out
        layers += _convolved(width, 1280, 1)
        self.layers = nn.Sequential(*layers)
        self.classifier = nn.Sequential(
            nn.Dropout(dropout, inplace=True), nn.Linear(1280, num_classes)
        )
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            elif isinstance(module, nn.Linear):
                nn.init.kaiming_uniform_(module.weight, mode="fan_out", nonlinearity="sigmoid")
                nn.init.zeros_(module.bias)

    def forward(self, x):
        return self.classifier(self.layers(x).mean([2, 3]))


mnasnet0_5 = builder("mnasnet0_5", "MNASNet0_5_Weights", MNASNet, 0.5)
mnasnet0_75 = builder("mnasnet0_75", "MNASNet0_75_Weights", MNASNet, 0.75)
mnasnet1_0 = builder("mnasnet1_0", "MNASNet1_0_Weights", MNASNet, 1.0)
mnasnet1_3 = builder("mnasnet1_3", "MNASNet1_3_Weights", MNASNet, 1.3)

__getattr__ = lazy_weights(__name__)
