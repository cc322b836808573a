"""torch.export: a program as one graph, recorded through the operators' door; torch.onnx stands on it.

Read: recorder.py (calls become nodes), sizes.py (sizes that stay symbols), capture.py (two runs, to see which
sizes are free), dims.py, program.py (ExportedProgram), signature.py, files.py.
"""

import importlib

from ..refusals import refused

_HOMES = {
    **dict.fromkeys(("Dim", "dims"), "dims"),
    **dict.fromkeys(("ExportedProgram", "export"), "program"),
    **dict.fromkeys(("load", "save"), "files"),
    **dict.fromkeys(
        ("ExportGraphSignature", "InputKind", "InputSpec", "OutputKind", "OutputSpec"), "signature"
    ),
    "SpecializationError": "capture",
}

_REFUSED = (
    "AdditionalInputs", "CustomDecompTable", "FlatArgsAdapter", "ModuleCallEntry", "ModuleCallSignature",
    "ShapesCollection", "UnflattenedModule", "default_decompositions", "draft_export", "register_dataclass", "unflatten",
)  # fmt: skip
_REASON = "Not offered: a graph has no modules and no decompositions."
_MODULES = ("decomp_utils", "dynamic_shapes", "exported_program")
__all__ = [*_HOMES]


def __getattr__(name):
    if name in _HOMES:
        return getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
    if name == "graph_signature":
        return importlib.import_module(".signature", __name__)
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    if name in _REFUSED:
        globals()[name] = made = refused(f"export.{name}", _REASON, module=__name__)
        return made
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
