"""ZeroRedundancyOptimizer under the name that PyTorch gives its module."""

from .zero_redundancy import ZeroRedundancyOptimizer

__all__ = ["ZeroRedundancyOptimizer"]
