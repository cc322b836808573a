"""torch.quantization, the older name of torch.ao.quantization."""

from .ao import quantization as _home
from .ao.quantization import *  # noqa: F403

__all__ = [*_home.__all__]
