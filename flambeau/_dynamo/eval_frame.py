"""OptimizedModule, the type of what torch.compile makes of a module."""

from ..compiled.api import OptimizedModule

__all__ = ["OptimizedModule", "is_dynamo_supported"]


def is_dynamo_supported():
    """Whether functions can be compiled: True."""
    return True
