"""ShuffleNet v2 for quantisation."""

from .. import shufflenetv2 as _model
from .._api import lazy_weights
from ._float import Quantizable, quantizable_builder

__all__ = [
    "QuantizableShuffleNetV2",
    "shufflenet_v2_x0_5",
    "shufflenet_v2_x1_0",
    "shufflenet_v2_x1_5",
    "shufflenet_v2_x2_0",
]


class QuantizableShuffleNetV2(Quantizable, _model.ShuffleNetV2):
    """ShuffleNetV2, in its floating form."""


def _variant(size, widths):
    stem = f"ShuffleNet_V2_{size.upper()}"
    return quantizable_builder(
        f"shufflenet_v2_{size}",
        f"{stem}_QuantizedWeights",
        f"{stem}_Weights",
        QuantizableShuffleNetV2,
        [4, 8, 4],
        widths,
    )


shufflenet_v2_x0_5, shufflenet_v2_x1_0, shufflenet_v2_x1_5, shufflenet_v2_x2_0 = (
    _variant(size, widths) for size, widths in _model.WIDTHS.items()
)

__getattr__ = lazy_weights(__name__)
