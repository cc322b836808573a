"""Operators of detection and blocks of vision models, with torchvision's names."""

import importlib

_FILES = {
    "misc": "Conv2dNormActivation Conv3dNormActivation FrozenBatchNorm2d MLP Permute SqueezeExcitation",
    "stochastic_depth": "StochasticDepth stochastic_depth",
}
_HOME = {name: file for file, names in _FILES.items() for name in names.split()}

__all__ = sorted(_HOME)


def __getattr__(name):
    if name in _HOME:
        return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return __all__
