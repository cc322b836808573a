"""Names of torch._inductor that programs touch. Nothing is compiled by it: kernels are flambeau's own."""

import importlib

from ..compiler import cudagraph_mark_step_begin

__all__ = ["cudagraph_mark_step_begin"]


def list_options():
    """The names of its options."""
    from . import config

    return sorted(config.OPTIONS)


def __getattr__(name):
    if name == "config":
        return importlib.import_module(f"{__name__}.config")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
