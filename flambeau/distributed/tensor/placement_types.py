"""Placements under the name that PyTorch gives their module."""

from .placements import Partial, Placement, Replicate, Shard

__all__ = ["Partial", "Placement", "Replicate", "Shard"]
