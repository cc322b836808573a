"""ChannelShuffle under the module that programs import them from."""

from .vision import ChannelShuffle

__all__ = ["ChannelShuffle"]
