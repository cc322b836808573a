"""Quantization of traced models: names that refuse."""

from ...refusals import refusals
from . import _REASON

_NAMES = "convert_fx convert_to_reference_fx fuse_fx prepare_fx prepare_qat_fx"
globals().update(refusals(_NAMES, _REASON, "quantize_fx.", module=__name__))
__all__ = _NAMES.split()
