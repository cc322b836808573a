"""torch.onnx: models written as ONNX; needs the extra flambeau[onnx].

Read: exporter.py (what export() does), ../export/ (how a program becomes a graph), convert.py (graph to model),
rules/ (each operator), builder.py.
"""

import enum
import importlib

from ..refusals import refused

_HOMES = {
    **dict.fromkeys(("export", "is_in_onnx_export"), "exporter"),
    **dict.fromkeys(("OnnxExporterError", "UnsupportedOperatorError", "CheckerError"), "errors"),
    **dict.fromkeys(("register_custom_op_symbolic", "unregister_custom_op_symbolic"), "symbolic"),
    "ONNXProgram": "program",
}
__all__ = ["OperatorExportTypes", "TensorProtoDataType", "TrainingMode", "producer_name", "producer_version", "select_model_mode_for_export",
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


class TensorProtoDataType(enum.IntEnum):
    """The numbers by which ONNX knows dtypes."""

    UNDEFINED = 0
    FLOAT = 1
    UINT8 = 2
    INT8 = 3
    UINT16 = 4
    INT16 = 5
    INT32 = 6
    INT64 = 7
    STRING = 8
    BOOL = 9
    FLOAT16 = 10
    DOUBLE = 11
    UINT32 = 12
    UINT64 = 13
    COMPLEX64 = 14
    COMPLEX128 = 15
    BFLOAT16 = 16


def select_model_mode_for_export(model, mode):
    """A context in which the model is in the mode that a TrainingMode names."""
    from .exporter import _mode

    return _mode(model, {0: False, 1: None, 2: True}[TrainingMode(mode).value])


def __getattr__(name):
    if name in _HOMES:
        return getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
    if name in ("errors", "operators"):
        return importlib.import_module(f".{name}", __name__)
    if name in ("ExportableModule", "InputObserver"):
        return refused(
            f"onnx.{name}",
            "Not offered: pass the model and an example to export().",
            module=__name__,
        )
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
