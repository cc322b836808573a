"""Names that programs import from torch.fx.experimental: optimization, proxy_tensor, symbolic_shapes."""

import importlib


def __getattr__(name):
    if name in ("optimization", "proxy_tensor", "symbolic_shapes"):
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
