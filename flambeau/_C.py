"""The few names of PyTorch's native module that programs use, above all those with subclasses of Tensor."""

from ._core import Tensor as TensorBase
from ._core import _disabled_torch_function_impl
from .ops.join import broadcast_shapes
from .overrides import DisableTorchFunction, DisableTorchFunctionSubclass

has_lapack = True


def _infer_size(first, second):
    """The sizes that tensors of these two sizes broadcast to."""
    return broadcast_shapes(first, second)


__all__ = [
    "DisableTorchFunction",
    "DisableTorchFunctionSubclass",
    "TensorBase",
    "_disabled_torch_function_impl",
    "_infer_size",
    "has_lapack",
]
