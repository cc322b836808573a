"""PixelShuffle and PixelUnshuffle under the module that programs import them from."""

from .vision import PixelShuffle, PixelUnshuffle

__all__ = ["PixelShuffle", "PixelUnshuffle"]
