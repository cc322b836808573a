"""Automatic differentiation, seen from Python: the engine itself is in csrc/autograd.

Read: grad_mode.py (recording on and off), function.py (operators with a backward of one's own), graph.py
and hooks.py, functional.py (Jacobians), forward_ad.py (tangents), gradcheck.py, anomaly_mode.py, variable.py (the old interface).
May import: _core, ops.
"""

import importlib

from ..lazy_modules import without_inner as _without_inner
from . import forward_ad, functional, graph
from .anomaly_mode import detect_anomaly, set_detect_anomaly
from .differentiate import backward, grad
from .function import Function
from .grad_mode import (
    enable_grad,
    inference_mode,
    no_grad,
    set_grad_enabled,
    set_multithreading_enabled,
)
from .gradcheck import gradcheck, gradgradcheck
from .memory_budget import memory_budget
from .saved_values import SavedTensor
from .variable import Variable

__all__ = [
    "Function",
    "SavedTensor",
    "Variable",
    "backward",
    "detect_anomaly",
    "enable_grad",
    "enforce_grad_layout_policy",
    "forward_ad",
    "functional",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "graph",
    "inference_mode",
    "memory_budget",
    "no_grad",
    "set_detect_anomaly",
    "set_grad_enabled",
    "set_multithreading_enabled",
]


class enforce_grad_layout_policy:
    """Whether gradients must lie in memory as their tensors do; from the call on, as a context until its end.

    False permits another layout. flambeau makes no use of the permission, so both are the same here.

    Args:
        enable (bool): whether they must.

    Raises:
        TypeError: enable is no bool.

    Example:
        >>> x = torch.zeros(2, 3).T.requires_grad_()
        >>> with torch.autograd.enforce_grad_layout_policy(True):
        ...     x.sum().backward()
        >>> x.grad.stride() == x.stride()
        True
    """

    def __init__(self, enable=True):
        if not isinstance(enable, bool):
            raise TypeError(
                f"enforce_grad_layout_policy: enable must be a bool, not {type(enable).__name__}."
            )

    def __enter__(self):
        return None

    def __exit__(self, *exception):
        return None


def _calculate_shape(output, grad, is_grads_batched):
    """The shapes that must be equal: of an output, and of the gradient that it is given; (B, dims) of nested ones."""
    if output.is_nested or grad.is_nested:
        import flambeau

        return tuple(
            flambeau.tensor([row.shape for row in t.unbind()]) if t.is_nested else t.shape
            for t in (output, grad)
        )
    return output.shape, grad.shape[1:] if is_grads_batched else grad.shape


def _profiler_enabled():
    """Whether a profile is running."""
    return importlib.import_module("flambeau.profiler.collect").running is not None


def __getattr__(name):
    if name == "torch":  # programs of 2017 took the package from here
        import flambeau

        return flambeau
    # from a higher floor, when it is asked for
    if name in ("profiler", "profiler_legacy", "profiler_util", "stochastic_function"):
        return importlib.import_module(f"{__name__}.{name}")
    if name == "NestedIOFunction":
        from .function import NestedIOFunction

        return NestedIOFunction
    if name == "detect_nan":
        return importlib.import_module("flambeau.utils.nonfinite").detect_nan
    if name == "kineto_available":
        return importlib.import_module("flambeau.profiler.collect").kineto_available
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return _without_inner(
        globals(),
        "anomaly_mode forward_ad function functional grad_mode gradcheck graph profiler profiler_legacy profiler_util variable".split(),
    )
