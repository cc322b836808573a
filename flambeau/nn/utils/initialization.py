"""Modules whose parameters are not initialized."""

import inspect

from ..modules.module import Module


def skip_init(module_cls, *args, **kwargs):
    """module_cls(*args, **kwargs), whose parameters may hold anything."""
    if not issubclass(module_cls, Module):
        raise RuntimeError(f"skip_init: takes a subclass of nn.Module, not {module_cls}.")
    if "device" not in inspect.signature(module_cls).parameters:
        raise RuntimeError(
            f"skip_init: {module_cls.__name__} has no argument 'device', which it needs."
        )
    return module_cls(*args, **kwargs)
