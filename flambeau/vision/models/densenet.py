"""DenseNet: each layer sees what all before it in its block have made.

Source: Huang, Liu, van der Maaten, Weinberger, "Densely Connected Convolutional Networks", 2017,
arXiv:1608.06993, table 1.
"""

import re
from collections import OrderedDict

from ... import cat, flatten, nn
from ...nn import functional as F
from ...utils.checkpoint import checkpoint
from ._api import lazy_weights
from ._builder import builder

__all__ = ["DenseNet", "densenet121", "densenet161", "densenet169", "densenet201"]


class _DenseLayer(nn.Module):
    """Norm, relu and convolution twice: bn_size * growth_rate channels, then growth_rate new ones."""

    def __init__(self, num_input_features, growth_rate, bn_size, drop_rate, memory_efficient=False):
        super().__init__()
        width = bn_size * growth_rate
        self.norm1 = nn.BatchNorm2d(num_input_features)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv1 = nn.Conv2d(num_input_features, width, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(width)
        self.relu2 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(width, growth_rate, 3, padding=1, bias=False)
        self.drop_rate = float(drop_rate)
        self.memory_efficient = memory_efficient

    def bn_function(self, *inputs):
        return self.conv1(self.relu1(self.norm1(cat(inputs, 1))))

    def forward(self, input):
        inputs = [input] if not isinstance(input, list | tuple) else input
        if self.memory_efficient and any(x.requires_grad for x in inputs):
            x = checkpoint(self.bn_function, *inputs, use_reentrant=False)
        else:
            x = self.bn_function(*inputs)
        x = self.conv2(self.relu2(self.norm2(x)))
        return F.dropout(x, self.drop_rate, self.training) if self.drop_rate > 0 else x


class _DenseBlock(nn.ModuleDict):
    """Dense layers; what comes out is the input and what each has made, side by side."""

    def __init__(
        self, num_layers, num_input_features, bn_size, growth_rate, drop_rate,
        memory_efficient=False,
    ):  # fmt: skip
        super().__init__()
        for i in range(num_layers):
            width = num_input_features + i * growth_rate
            layer = _DenseLayer(width, growth_rate, bn_size, drop_rate, memory_efficient)
            self.add_module(f"denselayer{i + 1}", layer)

    def forward(self, init_features):
        features = [init_features]
        for layer in self.values():
            features.append(layer(features))
        return cat(features, 1)


class _Transition(nn.Sequential):
    """Fewer channels and half the height and width, between two blocks."""

    def __init__(self, num_input_features, num_output_features):
        super().__init__()
        self.norm = nn.BatchNorm2d(num_input_features)
        self.relu = nn.ReLU(inplace=True)
        self.conv = nn.Conv2d(num_input_features, num_output_features, 1, bias=False)
        self.pool = nn.AvgPool2d(2, 2)


class DenseNet(nn.Module):
    """Images (N, 3, H, W) to scores (N, num_classes).

    growth_rate: channels that each layer adds. block_config: layers of each block. bn_size: width of a layer's
    bottleneck, in growth rates. memory_efficient: compute again in backward what the concatenations hold.
    """

    def __init__(
        self, growth_rate=32, block_config=(6, 12, 24, 16), num_init_features=64, bn_size=4,
        drop_rate=0, num_classes=1000, memory_efficient=False,
    ):  # fmt: skip
        super().__init__()
        width = num_init_features
        self.features = nn.Sequential(
            OrderedDict(
                conv0=nn.Conv2d(3, width, 7, stride=2, padding=3, bias=False),
                norm0=nn.BatchNorm2d(width),
                relu0=nn.ReLU(inplace=True),
                pool0=nn.MaxPool2d(3, stride=2, padding=1),
            )
        )
        for i, layers in enumerate(block_config, 1):
            block = _DenseBlock(layers, width, bn_size, growth_rate, drop_rate, memory_efficient)
            self.features.add_module(f"denseblock{i}", block)
            width += layers * growth_rate
            if i < len(block_config):
                self.features.add_module(f"transition{i}", _Transition(width, width // 2))
                width //= 2
        self.features.add_module("norm5", nn.BatchNorm2d(width))
        self.classifier = nn.Linear(width, num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)
            elif isinstance(module, nn.Linear):
                nn.init.zeros_(module.bias)

    def forward(self, x):
        x = F.relu(self.features(x), inplace=True)
        return self.classifier(flatten(F.adaptive_avg_pool2d(x, (1, 1)), 1))


def _today(state):
    """The published files say denselayer1.norm.1 for denselayer1.norm1."""
    return {
        re.sub(r"(denselayer\d+\.(?:norm|conv))\.(\d)", r"\1\2", key): v for key, v in state.items()
    }


# fmt: off
densenet121 = builder("densenet121", "DenseNet121_Weights", DenseNet, 32, (6, 12, 24, 16), 64, adapt=_today)
densenet161 = builder("densenet161", "DenseNet161_Weights", DenseNet, 48, (6, 12, 36, 24), 96, adapt=_today)
densenet169 = builder("densenet169", "DenseNet169_Weights", DenseNet, 32, (6, 12, 32, 32), 64, adapt=_today)
densenet201 = builder("densenet201", "DenseNet201_Weights", DenseNet, 32, (6, 12, 48, 32), 64, adapt=_today)
# fmt: on

__getattr__ = lazy_weights(__name__)
