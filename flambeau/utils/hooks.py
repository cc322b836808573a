"""Handles of hooks."""

from ..nn.modules.hooks import RemovableHandle

__all__ = ["RemovableHandle"]
