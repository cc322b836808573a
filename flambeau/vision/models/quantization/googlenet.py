"""GoogLeNet for quantisation."""

from .._api import lazy_weights
from ..googlenet import GoogLeNet, _finish, prepare
from ._float import Quantizable, quantizable_builder

__all__ = ["QuantizableGoogLeNet", "googlenet"]


class QuantizableGoogLeNet(Quantizable, GoogLeNet):
    """GoogLeNet, in its floating form."""


googlenet = quantizable_builder(
    "googlenet",
    "GoogLeNet_QuantizedWeights",
    "GoogLeNet_Weights",
    QuantizableGoogLeNet,
    prepare=prepare,
    finish=_finish,
)

__getattr__ = lazy_weights(__name__)
