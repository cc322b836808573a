"""Fused layers of quantization: names that refuse. torch.ao.quantization.fuse_modules fuses for evaluation."""

from ..refusals import refusals

_NAMES = """
    BNReLU2d BNReLU3d ConvBn1d ConvBn2d ConvBn3d ConvBnReLU1d ConvBnReLU2d ConvBnReLU3d ConvReLU1d ConvReLU2d
    ConvReLU3d LinearBn1d LinearReLU
"""
globals().update(
    refusals(
        _NAMES,
        "No layers of quantization are here. Use nn.Sequential, and torch.ao.quantization.fuse_modules to fuse.",
        "nn.intrinsic.",
        module=__name__,
    )
)
__all__ = _NAMES.split()
