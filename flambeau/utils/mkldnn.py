"""Modules in oneDNN's layout: refused, as oneDNN is not used here."""

from ..refusals import refusals

_NAMES = "MkldnnBatchNorm MkldnnConv1d MkldnnConv2d MkldnnConv3d MkldnnLinear MkldnnPrelu to_mkldnn"
globals().update(
    refusals(
        _NAMES,
        "oneDNN is not used here. Compute with the module as it is.",
        "utils.mkldnn.",
        module=__name__,
    )
)
__all__ = _NAMES.split()
