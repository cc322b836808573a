"""What the engine keeps for backward, by PyTorch's private names."""

from ..autograd.graph import _saved_tensors_hooks_is_enabled
from ..autograd.saved_values import SavedTensor

__all__ = ["SavedTensor", "_saved_tensors_hooks_is_enabled"]
