"""torch.onnx: models written as ONNX; needs the extra flambeau[onnx].

Read: exporter.py (what export() does), ../export/ (how a program becomes a graph), convert.py (graph to model),
rules/ (each operator), builder.py.
"""

import enum
import importlib

_HOMES = {
    **dict.fromkeys(("export", "is_in_onnx_export"), "exporter"),
    **dict.fromkeys(("OnnxExporterError", "UnsupportedOperatorError", "CheckerError"), "errors"),
    **dict.fromkeys(("register_custom_op_symbolic", "unregister_custom_op_symbolic"), "symbolic"),
    "ONNXProgram": "program",
}
__all__ = ["OperatorExportTypes", "TrainingMode", "producer_name", "producer_version", "select_model_mode_for_export",
           *_HOMES]  # fmt: skip

producer_name, producer_version = "pytorch", "2.13.0"


class TrainingMode(enum.Enum):
    """In which mode a model is exported: evaluation, as it is, training."""

    EVAL = 0
    PRESERVE = 1
    TRAINING = 2


class OperatorExportTypes(enum.IntEnum):
    """What may stand in a model; only ONNX is offered."""

    ONNX = 0
    ONNX_ATEN = 1
    ONNX_ATEN_FALLBACK = 2
    ONNX_FALLTHROUGH = 3


def select_model_mode_for_export(model, mode):
    """A context in which the model is in the mode that a TrainingMode names."""
    from .exporter import _mode

    return _mode(model, {0: False, 1: None, 2: True}[TrainingMode(mode).value])


def __getattr__(name):
    if name in _HOMES:
        return getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
    if name == "errors":
        return importlib.import_module(".errors", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
