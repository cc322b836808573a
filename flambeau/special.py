"""Special functions: torch.special. Declared in ops/ (maths.py, polynomials.py and others)."""

from .ops.core.declare import NAMESPACES

globals().update(NAMESPACES["special"])
__all__ = sorted(NAMESPACES["special"])
