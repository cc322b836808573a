"""MobileNet v3 for quantisation."""

from .. import mobilenetv3 as _model
from .._api import lazy_weights
from ._float import Quantizable, quantizable_builder

__all__ = ["QuantizableMobileNetV3", "mobilenet_v3_large"]


class QuantizableMobileNetV3(Quantizable, _model.MobileNetV3):
    """MobileNetV3, in its floating form."""


def _large(**arguments):
    return QuantizableMobileNetV3(*_model._mobilenet_v3_conf("mobilenet_v3_large"), **arguments)


mobilenet_v3_large = quantizable_builder(
    "mobilenet_v3_large",
    "MobileNet_V3_Large_QuantizedWeights",
    "MobileNet_V3_Large_Weights",
    _large,
)

__getattr__ = lazy_weights(__name__)
