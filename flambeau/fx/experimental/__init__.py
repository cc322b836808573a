"""Names that programs import from torch.fx.experimental: optimization (convolutions with their norms)."""

import importlib


def __getattr__(name):
    if name == "optimization":
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
