"""MobileNet v2 and v3 under one name."""

from .mobilenetv2 import QuantizableMobileNetV2, mobilenet_v2
from .mobilenetv3 import QuantizableMobileNetV3, mobilenet_v3_large

__all__ = ["QuantizableMobileNetV2", "QuantizableMobileNetV3", "mobilenet_v2", "mobilenet_v3_large"]
