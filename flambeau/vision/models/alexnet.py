"""AlexNet in the variant of one tower.

Source: Krizhevsky, "One weird trick for parallelizing convolutional neural networks", 2014, arXiv:1404.5997.
"""

from ... import flatten, nn
from ._api import lazy_weights
from ._builder import builder

__all__ = ["AlexNet", "alexnet"]


def _conv(in_channels, out_channels, kernel_size, stride=1, padding=0):
    return nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding), nn.ReLU(inplace=True)


class AlexNet(nn.Module):
    """Images (N, 3, H, W) of at least 63 x 63 to scores (N, num_classes)."""

    def __init__(self, num_classes=1000, dropout=0.5):
        super().__init__()
        self.features = nn.Sequential(
            *_conv(3, 64, 11, 4, 2),
            nn.MaxPool2d(3, 2),
            *_conv(64, 192, 5, padding=2),
            nn.MaxPool2d(3, 2),
            *_conv(192, 384, 3, padding=1),
            *_conv(384, 256, 3, padding=1),
            *_conv(256, 256, 3, padding=1),
            nn.MaxPool2d(3, 2),
        )
        self.avgpool = nn.AdaptiveAvgPool2d((6, 6))
        self.classifier = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear(256 * 6 * 6, 4096),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            nn.Linear(4096, 4096),
            nn.ReLU(inplace=True),
            nn.Linear(4096, num_classes),
        )

    def forward(self, x):
        return self.classifier(flatten(self.avgpool(self.features(x)), 1))


alexnet = builder("alexnet", "AlexNet_Weights", AlexNet)

__getattr__ = lazy_weights(__name__)
