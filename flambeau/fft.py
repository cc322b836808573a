"""Discrete Fourier transforms: torch.fft. Declared in ops/fourier.py."""

from .ops.core.declare import NAMESPACES

globals().update(NAMESPACES["fft"])
__all__ = sorted(NAMESPACES["fft"])
