"""FullyShardedDataParallel and its options under the name that PyTorch gives their module."""

from .options import *  # noqa: F403
from .options import __all__ as _options
from .wrapper import FullyShardedDataParallel

__all__ = ["FullyShardedDataParallel", *_options]
