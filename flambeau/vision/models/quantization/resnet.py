"""ResNet and ResNeXt for quantisation."""

from .. import resnet as _model
from .._api import lazy_weights
from ._float import Quantizable, quantizable_builder

__all__ = ["QuantizableResNet", "resnet18", "resnet50", "resnext101_32x8d", "resnext101_64x4d"]


class QuantizableResNet(Quantizable, _model.ResNet):
    """ResNet, in its floating form."""


def _variant(name, stem, block, layers, **further):
    return quantizable_builder(
        name,
        f"{stem}_QuantizedWeights",
        f"{stem}_Weights",
        QuantizableResNet,
        block,
        layers,
        **further,
    )


# fmt: off
resnet18 = _variant("resnet18", "ResNet18", _model.BasicBlock, [2, 2, 2, 2])
resnet50 = _variant("resnet50", "ResNet50", _model.Bottleneck, [3, 4, 6, 3])
resnext101_32x8d = _variant(
    "resnext101_32x8d", "ResNeXt101_32X8D", _model.Bottleneck, [3, 4, 23, 3], groups=32, width_per_group=8)
resnext101_64x4d = _variant(
    "resnext101_64x4d", "ResNeXt101_64X4D", _model.Bottleneck, [3, 4, 23, 3], groups=64, width_per_group=4)
# fmt: on

__getattr__ = lazy_weights(__name__)
