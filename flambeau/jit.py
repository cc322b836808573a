"""torch.jit for programs that run as Python: scripting and tracing give back what they are given.

Results are the same. What would need a compiled program (saving, loading it) raises
NotImplementedError; use torch.save with a state dict.
"""

from .nn import Module
from .nn.parameter import is_lazy

__all__ = [
    "Final", "ScriptFunction", "ScriptModule", "annotate", "export", "fork", "freeze", "ignore",
    "interface", "is_scripting", "is_tracing", "load", "optimize_for_inference", "save", "script",
    "trace", "trace_module", "unused", "wait",
]  # fmt: skip

from typing import Final


class ScriptModule(Module):
    """The type of compiled modules. Here none is ever compiled; a subclass is an ordinary module."""


class ScriptFunction:
    """The type of compiled functions. Here none is ever compiled."""


class TracerWarning(Warning):
    """What PyTorch warns of while it traces; never given here."""


def is_scripting():
    """Whether the code is being compiled: False."""
    return False


def is_tracing():
    """Whether the code is being traced: False."""
    return False


def script(obj=None, *_, **__):
    """`obj` itself, which runs as the Python that it is.

    Raises:
        RuntimeError: obj is a module whose parameters have no shape yet.
    """
    if isinstance(obj, Module):
        for name, held in [*obj.named_parameters(), *obj.named_buffers()]:
            if is_lazy(held):
                raise RuntimeError(
                    f"jit.script: {name} has no shape yet, so there is nothing to compile. Call the "
                    "module once (run a forward pass), then script it."
                )
    return script if obj is None else obj


def trace(func, example_inputs=None, *_, example_kwarg_inputs=None, **__):
    """`func` itself, called once with the example inputs; its branches stay branches."""
    if example_inputs is not None or example_kwarg_inputs is not None:
        args = () if example_inputs is None else example_inputs
        args = args if isinstance(args, (tuple, list)) else (args,)
        func(*args, **(example_kwarg_inputs or {}))
    return func


def trace_module(mod, inputs, *_, **__):
    """`mod` itself."""
    return mod


def freeze(mod, *_, **__):
    """`mod` itself, in evaluation mode as freeze() expects it."""
    if mod.training:
        raise RuntimeError("jit.freeze: the module is training. Call eval() first.")
    return mod


def optimize_for_inference(mod, *_, **__):
    """`mod` itself."""
    return mod


def ignore(drop=False, **_):
    """The function itself; used as @ignore and as @ignore(drop=True)."""
    return drop if callable(drop) else lambda fn: fn


def unused(fn):
    """The function itself."""
    return fn


export = interface = unused


def script_if_tracing(fn):
    """The function itself."""
    return fn


_overload = _overload_method = script_if_tracing


def isinstance(obj, target_type):
    """isinstance, also of a list of types, and of annotations such as List[int], by their containers."""
    import builtins
    import typing

    kinds = target_type if builtins.isinstance(target_type, (tuple, list)) else (target_type,)
    return builtins.isinstance(obj, tuple(typing.get_origin(k) or k for k in kinds))


class Attribute:
    """A value with its type, as a remark for compilers; modules hold the value."""

    def __new__(cls, value, type):
        return value


class Error(RuntimeError):
    """The type of errors of compiled programs; none is ever raised."""


class CompilationUnit:
    """The type of compiled source. Here nothing is compiled."""

    def __init__(self, *_, **__):
        raise NotImplementedError("jit.CompilationUnit: flambeau compiles no TorchScript source.")


def set_fusion_strategy(strategy):
    """Notes nothing: gives the strategy back, which has no effect."""
    return strategy


def enable_onednn_fusion(enabled):
    """Nothing: there is no oneDNN."""


def onednn_fusion_enabled():
    """Whether graphs are fused by oneDNN: False."""
    return False


def annotate(the_type, the_value):
    """`the_value`; the type is a remark for compilers."""
    return the_value


def fork(func, *args, **kwargs):
    """func(*args, **kwargs), computed at once; wait() gives it."""
    return func(*args, **kwargs)


def wait(future):
    """What fork() gave."""
    return future


_fork, _wait = fork, wait


def save(m, f, *_, **__):
    """Raises NotImplementedError."""
    raise NotImplementedError(
        "jit.save: flambeau has no compiled programs. Save a state dict with torch.save."
    )


def load(f, *_, **__):
    """Raises NotImplementedError."""
    raise NotImplementedError(
        "jit.load: flambeau cannot run TorchScript files. Load a state dict with torch.load."
    )
