"""FakeTensor, a tensor without bytes of PyTorch's compiler; here the meta device is what has none."""

from . import fake_tensor
from .fake_tensor import FakeTensor, FakeTensorMode

__all__ = ["FakeTensor", "FakeTensorMode", "fake_tensor"]
