"""Inception v3 for quantisation."""

from .. import inception as _model
from .._api import lazy_weights
from ._float import Quantizable, quantizable_builder

__all__ = ["QuantizableInception3", "inception_v3"]


class QuantizableInception3(Quantizable, _model.Inception3):
    """Inception3, in its floating form."""


inception_v3 = quantizable_builder(
    "inception_v3",
    "Inception_V3_QuantizedWeights",
    "Inception_V3_Weights",
    QuantizableInception3,
    prepare=_model.prepare,
    finish=_model._finish,
)

__getattr__ = lazy_weights(__name__)
