"""Planners under the name that PyTorch gives their module."""

from .planners import DefaultLoadPlanner, DefaultSavePlanner

__all__ = ["DefaultLoadPlanner", "DefaultSavePlanner"]
