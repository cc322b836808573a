"""Fold and Unfold under the module that programs import them from."""

from .vision import Fold, Unfold

__all__ = ["Fold", "Unfold"]
