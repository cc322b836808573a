"""Discrete Fourier transforms: torch.fft. Declared in ops/fourier.py."""

from . import _core
from .ops.core.declare import NAMESPACES as _NAMESPACES

globals().update(_NAMESPACES["fft"])
Tensor = _core.Tensor  # which programs take from here too
__all__ = sorted(_NAMESPACES["fft"])
