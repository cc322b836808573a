"""MobileNet v2 for quantisation."""

from .. import mobilenetv2 as _model
from .._api import lazy_weights
from ._float import Quantizable, quantizable_builder

__all__ = ["QuantizableMobileNetV2", "mobilenet_v2"]


class QuantizableMobileNetV2(Quantizable, _model.MobileNetV2):
    """MobileNetV2, in its floating form."""


mobilenet_v2 = quantizable_builder(
    "mobilenet_v2", "MobileNet_V2_QuantizedWeights", "MobileNet_V2_Weights", QuantizableMobileNetV2
)

__getattr__ = lazy_weights(__name__)
