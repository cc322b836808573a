"""What GoogLeNet and Inception v3 share: their convolution, last layers, first weights, and the rescaled input."""

from ... import cat, nn
from ...nn import functional as F


class BasicConv2d(nn.Module):
    """Convolution without bias, batch norm, relu."""

    def __init__(self, in_channels, out_channels, **kwargs):
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, bias=False, **kwargs)
        self.bn = nn.BatchNorm2d(out_channels, eps=0.001)

    def forward(self, x):
        return F.relu(self.bn(self.conv(x)), inplace=True)


def finish(model, width, num_classes, dropout, std):
    """Give the model its last layers: the mean of all places, dropout, and scores; then first weights, if std is given."""
    model.avgpool = nn.AdaptiveAvgPool2d((1, 1))
    model.dropout = nn.Dropout(dropout)
    model.fc = nn.Linear(width, num_classes)
    if std is not None:
        initialise(model, std)


def initialise(model, std):
    """Truncated normal weights; a module's own stddev comes before std."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.trunc_normal_(module.weight, 0.0, getattr(module, "stddev", std), -2, 2)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.ones_(module.weight)
            nn.init.zeros_(module.bias)


def rescaled(x):
    """Images normalised by ImageNet's means and deviations, as if by 0.5 and 0.5: the files expect that."""
    channels = [
        x[:, i : i + 1] * (std / 0.5) + (mean - 0.5) / 0.5
        for i, (mean, std) in enumerate(zip((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    ]
    return cat(channels, 1)


def prepare(weights, arguments):
    """Published files have auxiliary heads and a rescaled input; says whether the caller wants the heads."""
    if weights is None:
        return True
    arguments.setdefault("transform_input", True)
    wanted = arguments.get("aux_logits")
    arguments.update(aux_logits=True, init_weights=False)
    return wanted
