"""torch.export: a program as one graph, recorded through the operators' door; torch.onnx stands on it.

Read: recorder.py (calls become nodes), sizes.py (sizes that stay symbols), capture.py (two runs, to see which
sizes are free), dims.py, program.py (ExportedProgram).
"""

import importlib

_HOMES = {
    **dict.fromkeys(("Dim", "dims"), "dims"),
    "SpecializationError": "capture",
}

__all__ = [*_HOMES]


def __getattr__(name):
    if name in _HOMES:
        return getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
