"""The few names of PyTorch's native module that programs with subclasses of Tensor use."""

from ._core import Tensor as TensorBase
from ._core import _disabled_torch_function_impl
from .overrides import DisableTorchFunction, DisableTorchFunctionSubclass

__all__ = [
    "DisableTorchFunction",
    "DisableTorchFunctionSubclass",
    "TensorBase",
    "_disabled_torch_function_impl",
]
