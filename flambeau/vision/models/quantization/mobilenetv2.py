"""MobileNet v2 for quantisation."""

from .... import nn
from .. import mobilenetv2 as _model
from .._api import lazy_weights
from ._float import Quantizable, quantizable_builder

__all__ = ["QuantizableMobileNetV2", "mobilenet_v2"]


class QuantizableMobileNetV2(Quantizable, _model.MobileNetV2):
    """MobileNetV2, in its floating form, with relu in the place of relu6, as torchvision quantises it."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        for module in self.modules():
            for name, child in module.named_children():
                if type(child) is nn.ReLU6:
                    setattr(module, name, nn.ReLU(inplace=child.inplace))


mobilenet_v2 = quantizable_builder(
    "mobilenet_v2", "MobileNet_V2_QuantizedWeights", "MobileNet_V2_Weights", QuantizableMobileNetV2
)

__getattr__ = lazy_weights(__name__)
