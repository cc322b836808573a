"""Special functions: torch.special. Declared in ops/ (maths.py, polynomials.py, bessel.py and others)."""

from .ops.declare import NAMESPACES

globals().update(NAMESPACES["special"])
__all__ = sorted(NAMESPACES["special"])
