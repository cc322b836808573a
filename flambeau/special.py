"""Special functions: torch.special. Declared in ops/ (maths.py, polynomials.py and others)."""

from .ops.core.declare import NAMESPACES as _NAMESPACES

globals().update(_NAMESPACES["special"])
__all__ = sorted(_NAMESPACES["special"])
