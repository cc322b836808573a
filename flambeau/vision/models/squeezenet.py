"""SqueezeNet: 1x1 convolutions squeeze what 1x1 and 3x3 ones expand.

Source: Iandola et al., "SqueezeNet", 2016, arXiv:1602.07360, table 1; 1.1 is its authors' later, lighter one.
"""

from ... import cat, flatten, nn
from ._api import lazy_weights
from ._builder import builder

__all__ = ["SqueezeNet", "squeezenet1_0", "squeezenet1_1"]


class Fire(nn.Module):
    """Squeezes to few channels, then expands them by a 1x1 and a 3x3 convolution side by side."""

    def __init__(self, inplanes, squeeze_planes, expand1x1_planes, expand3x3_planes):
        super().__init__()
        self.inplanes = inplanes
        self.squeeze = nn.Conv2d(inplanes, squeeze_planes, 1)
        self.squeeze_activation = nn.ReLU(inplace=True)
        self.expand1x1 = nn.Conv2d(squeeze_planes, expand1x1_planes, 1)
        self.expand1x1_activation = nn.ReLU(inplace=True)
        self.expand3x3 = nn.Conv2d(squeeze_planes, expand3x3_planes, 3, padding=1)
        self.expand3x3_activation = nn.ReLU(inplace=True)

    def forward(self, x):
        x = self.squeeze_activation(self.squeeze(x))
        one = self.expand1x1_activation(self.expand1x1(x))
        three = self.expand3x3_activation(self.expand3x3(x))
        return cat([one, three], 1)


# version: width and kernel of the first convolution, then squeeze widths, "M" for a pooling; each Fire
# expands to 4 times its squeeze width, twice.
_LAYOUTS = {
    "1_0": (96, 7, ("M", 16, 16, 32, "M", 32, 48, 48, 64, "M", 64)),
    "1_1": (64, 3, ("M", 16, 16, "M", 32, 32, "M", 48, 48, 64, 64)),
}


class SqueezeNet(nn.Module):
    """Images (N, 3, H, W) to scores (N, num_classes)."""

    def __init__(self, version="1_0", num_classes=1000, dropout=0.5):
        super().__init__()
        if version not in _LAYOUTS:
            raise ValueError(f"SqueezeNet: version is {version!r}; it must be '1_0' or '1_1'.")
        self.num_classes = num_classes
        width, kernel, layout = _LAYOUTS[version]
        layers = [nn.Conv2d(3, width, kernel, stride=2), nn.ReLU(inplace=True)]
        for squeeze in layout:
            if squeeze == "M":
                layers.append(nn.MaxPool2d(3, 2, ceil_mode=True))
                continue
            layers.append(Fire(width, squeeze, 4 * squeeze, 4 * squeeze))
            width = 8 * squeeze
        self.features = nn.Sequential(*layers)
        last = nn.Conv2d(512, num_classes, 1)
        self.classifier = nn.Sequential(
            nn.Dropout(dropout), last, nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d((1, 1))
        )
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                if module is last:
                    nn.init.normal_(module.weight, mean=0.0, std=0.01)
                else:
                    nn.init.kaiming_uniform_(module.weight)
                nn.init.zeros_(module.bias)

    def forward(self, x):
        return flatten(self.classifier(self.features(x)), 1)


squeezenet1_0 = builder("squeezenet1_0", "SqueezeNet1_0_Weights", SqueezeNet, "1_0")
squeezenet1_1 = builder("squeezenet1_1", "SqueezeNet1_1_Weights", SqueezeNet, "1_1")

__getattr__ = lazy_weights(__name__)
