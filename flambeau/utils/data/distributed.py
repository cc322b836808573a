"""DistributedSampler under the name that PyTorch gives its module."""

from .sampler import DistributedSampler

__all__ = ["DistributedSampler"]
