"""Compiled modules for phones: refused, as no module is compiled here."""

from ..refusals import refusals

_NAMES = "generate_mobile_module_lints optimize_for_mobile"
globals().update(
    refusals(
        _NAMES, "No module is compiled here. onnx.export writes a model that other runtimes take.",
        "utils.mobile_optimizer.", module=__name__,
    )
)  # fmt: skip
__all__ = _NAMES.split()
