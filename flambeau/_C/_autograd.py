"""What the engine keeps for backward, by PyTorch's private names."""

from .._core import SavedTensor
from ..autograd.graph import _saved_tensors_hooks_is_enabled

__all__ = ["SavedTensor", "_saved_tensors_hooks_is_enabled"]
