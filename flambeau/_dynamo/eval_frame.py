"""OptimizedModule, the type of what torch.compile makes of a module."""

from ..compiled.api import OptimizedModule

__all__ = ["OptimizedModule"]
