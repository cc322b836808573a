"""torch.cpp: modules of PyTorch's C++ library. There are none, as flambeau's core has no modules."""

from .refusals import refused

__all__ = ["ModuleWrapper"]

ModuleWrapper = refused(
    "cpp.ModuleWrapper", "flambeau's core has no modules; they are Python classes."
)
