"""VGG: 3x3 convolutions between poolings.

Source: Simonyan, Zisserman, "Very Deep Convolutional Networks ...", 2015, arXiv:1409.1556, table 1.
"""

from ... import flatten, nn
from ._api import lazy_weights
from ._builder import builder

__all__ = [
    "VGG",
    "vgg11",
    "vgg11_bn",
    "vgg13",
    "vgg13_bn",
    "vgg16",
    "vgg16_bn",
    "vgg19",
    "vgg19_bn",
]

# Convolutions of each of the five stages, and their widths.
_DEPTHS = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}
_WIDTHS = (64, 128, 256, 512, 512)
cfgs = {
    letter: [v for n, w in zip(_DEPTHS[depth], _WIDTHS) for v in (*[w] * n, "M")]
    for letter, depth in zip("ABDE", (11, 13, 16, 19))
}


def make_layers(cfg, batch_norm=False):
    """Layers from widths and "M" for a pooling."""
    layers, width = [], 3
    for v in cfg:
        if v == "M":
            layers.append(nn.MaxPool2d(2, 2))
            continue
        layers.append(nn.Conv2d(width, v, 3, padding=1))
        if batch_norm:
            layers.append(nn.BatchNorm2d(v))
        layers.append(nn.ReLU(inplace=True))
        width = v
    return nn.Sequential(*layers)


class VGG(nn.Module):
    """Images (N, 3, H, W) of at least 32 x 32 to scores (N, num_classes)."""

    def __init__(self, features, num_classes=1000, init_weights=True, dropout=0.5):
        super().__init__()
        self.features = features
        self.avgpool = nn.AdaptiveAvgPool2d((7, 7))
        self.classifier = nn.Sequential(
            nn.Linear(512 * 7 * 7, 4096),
            nn.ReLU(True),
            nn.Dropout(dropout),
            nn.Linear(4096, 4096),
            nn.ReLU(True),
            nn.Dropout(dropout),
            nn.Linear(4096, num_classes),
        )
        if init_weights:
            for module in self.modules():
                _initialise(module)

    def forward(self, x):
        return self.classifier(flatten(self.avgpool(self.features(x)), 1))


def _initialise(module):
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    elif isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, 0, 0.01)
    if isinstance(module, nn.Conv2d | nn.Linear):
        nn.init.zeros_(module.bias)


def _vgg(letter, batch_norm, **arguments):
    return VGG(make_layers(cfgs[letter], batch_norm), **arguments)


def _without_init(weights, arguments):
    if weights is not None:
        arguments["init_weights"] = False


def _variant(name, letter, batch_norm=False):
    enum = name.upper() + "_Weights"
    return builder(name, enum, _vgg, letter, batch_norm, prepare=_without_init)


vgg11 = _variant("vgg11", "A")
vgg11_bn = _variant("vgg11_bn", "A", True)
vgg13 = _variant("vgg13", "B")
vgg13_bn = _variant("vgg13_bn", "B", True)
vgg16 = _variant("vgg16", "D")
vgg16_bn = _variant("vgg16_bn", "D", True)
vgg19 = _variant("vgg19", "E")
vgg19_bn = _variant("vgg19_bn", "E", True)

__getattr__ = lazy_weights(__name__)
