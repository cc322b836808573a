"""torch._refs: PyTorch's operators written in Python, as references. Here the operators themselves answer."""

import flambeau

__all__ = []


def __getattr__(name):
    if name.startswith("__"):
        raise AttributeError(name)
    for space in (flambeau, flambeau.nn.functional, flambeau.special, flambeau.linalg):
        if hasattr(space, name):
            return getattr(space, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
