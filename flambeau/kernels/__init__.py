"""Scalar expressions to machine code. No tensor is known here: shapes, dtypes and loops only.

Read: expression.py and language.py (what is written), types.py, analysis.py, derive.py and rules.py (derivatives),
lower.py with maths/, expansions.py, complexes.py, rare.py and helpers.py (each node to instructions), emit.py
(their text), schedules/ (the loops), targets/, cache.py, ahead.py with background.py,
interpret/.
May import: the standard library, the core's dtypes; numpy and llvmlite inside functions. Must not import: ops, tensor.
See it: python -m flambeau.kernels "x / (1 + exp(-x))" prints expression, derivative, IR, assembly.
"""

from .language import *  # noqa: F403
from .language import __all__  # noqa: F401

_LAZY = {"Map": "schedules.map", "Reduce": "schedules.reduce", "Rows": "schedules.rows"}


def __getattr__(name):
    if name in _LAZY:
        from importlib import import_module

        return getattr(import_module("." + _LAZY[name], __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
