"""Architecture optimization: torch.ao. Its quantization exists by name: what computes in floats works, the rest refuses."""

from ..lazy_modules import lazy_modules

__all__ = ["nn", "quantization"]


__getattr__, __dir__ = lazy_modules(__name__, __all__)
