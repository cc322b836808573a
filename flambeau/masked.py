"""torch.masked: reductions over what a mask selects. Declared in ops/masked.py."""

from .ops import masked as _declared  # noqa: F401 (declares the operators)
from .ops.core.declare import NAMESPACES

globals().update(NAMESPACES["masked"])
__all__ = sorted(NAMESPACES["masked"])
