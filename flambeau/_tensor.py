"""What PyTorch's torch._tensor has and programs use: Tensor, and how tensors of subclasses are rebuilt."""

from .serialization.unpickler import _rebuild_from_type_v2
from .tensor import Tensor

__all__ = ["Tensor", "_rebuild_from_type_v2"]
