"""Quantized and fused layers: torch.ao.nn. See flambeau.nn.quantized and its neighbours."""

import importlib

__all__ = ["intrinsic", "qat", "quantizable", "quantized"]


def __getattr__(name):
    if name in __all__:
        return importlib.import_module(f"flambeau.nn.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
