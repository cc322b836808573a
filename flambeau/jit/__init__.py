"""torch.jit for programs that run as Python: scripting and tracing give back what they are given.

Results are the same. What would need a compiled program (saving, loading it) raises
NotImplementedError; use torch.save with a state dict.
Read: this file; types.py (types of values), compiler_names.py (what compilers are made of, refused),
file_check.py (looking for lines in a text), annotations.py and frontend.py (names that libraries import).
"""

import builtins
import contextlib
import importlib
import typing
from typing import Final

from .. import _core
from ..futures import Future
from ..lazy_modules import without_inner as _without_inner
from ..nn import Module
from ..nn.parameter import is_lazy

__all__ = [
    "Attribute", "CompilationUnit", "Error", "Final", "Future", "ScriptFunction", "ScriptModule", "ScriptWarning",
    "TracerWarning", "annotate", "enable_onednn_fusion", "export", "export_opnames", "fork", "freeze", "fuser", "ignore",
    "interface", "is_scripting", "is_tracing", "isinstance", "load", "onednn_fusion_enabled", "optimize_for_inference",
    "optimized_execution", "run_frozen_optimizations", "save", "script", "script_if_tracing", "script_method",
    "set_fusion_strategy", "set_module", "strict_fusion", "trace", "trace_module", "unused", "wait",
]  # fmt: skip


class ScriptModule(Module):
    """The type of compiled modules. Here none is ever compiled; a subclass is an ordinary module."""


RecursiveScriptModule = ScriptModule


class ScriptFunction:
    """The type of compiled functions. Here none is ever compiled."""

    def __init__(self, *args, **kwargs):
        raise NotImplementedError("jit.ScriptFunction: flambeau compiles no functions.")


class TracerWarning(Warning):
    """What PyTorch warns of while it traces; never given here."""


class ScriptWarning(Warning):
    """What PyTorch warns of while it compiles; never given here."""


class Error(Exception):
    """The type of errors of compiled programs; none is ever raised."""


class CompilationUnit:
    """The type of compiled source. Without source it holds nothing; source is not compiled."""

    def __init__(self, lang=None, _frames_up=0):
        if lang is not None:
            raise NotImplementedError(
                "jit.CompilationUnit: flambeau compiles no TorchScript source."
            )

    def __getattr__(self, name):
        raise AttributeError(f"jit.CompilationUnit: it holds no function {name!r}.")


# ------------------------------------------------------------------------------------- what gives back


def is_scripting():
    """Whether the code is being compiled: False."""
    return False


def is_tracing():
    """Whether the code is being traced: False."""
    return False


def _deprecated(name):
    _core._warn(
        f"jit.{name}: is deprecated. Use torch.compile or torch.export.", DeprecationWarning
    )


def script(obj=None, optimize=None, _frames_up=0, _rcb=None, example_inputs=None):
    """`obj` itself, which runs as the Python that it is.

    Raises:
        RuntimeError: obj is a module whose parameters have no shape yet.
    """
    _deprecated("script")
    if builtins.isinstance(obj, Module):
        for name, held in [*obj.named_parameters(), *obj.named_buffers()]:
            if is_lazy(held):
                raise RuntimeError(
                    f"jit.script: {name} has no shape yet, so there is nothing to compile. Call the "
                    "module once (run a forward pass), then script it."
                )
    return script if obj is None else obj


def trace(
    func, example_inputs=None, optimize=None, check_trace=True, check_inputs=None, check_tolerance=1e-05,
    strict=True, _force_outplace=False, _module_class=None, _compilation_unit=None, example_kwarg_inputs=None,
    _store_inputs=True,
):  # fmt: skip
    """`func` itself, called once with the example inputs; its branches stay branches, so there is nothing to check."""
    _deprecated("trace")
    if example_inputs is not None or example_kwarg_inputs is not None:
        args = () if example_inputs is None else example_inputs
        args = args if builtins.isinstance(args, (tuple, list)) else (args,)
        func(*args, **(example_kwarg_inputs or {}))
    return func


def trace_module(
    mod, inputs, optimize=None, check_trace=True, check_inputs=None, check_tolerance=1e-05, strict=True,
    _force_outplace=False, _module_class=None, _compilation_unit=None, example_inputs_is_kwarg=False,
    _store_inputs=True,
):  # fmt: skip
    """`mod` itself."""
    return mod


def freeze(mod, preserved_attrs=None, optimize_numerics=True):
    """`mod` itself, in evaluation mode as freeze() expects it."""
    if mod.training:
        raise RuntimeError("jit.freeze: the module is training. Call eval() first.")
    return mod


def optimize_for_inference(mod, other_methods=None):
    """`mod` itself."""
    return mod


def run_frozen_optimizations(mod, optimize_numerics=True, preserved_methods=None):
    """Nothing: the module runs as it is."""


def ignore(drop=False, **kwargs):
    """The function itself; used as @ignore and as @ignore(drop=True)."""
    return drop if callable(drop) else lambda fn: fn


def unused(fn):
    """The function itself."""
    return fn


def export(fn):
    """The function itself."""
    return fn


def interface(obj):
    """The class itself."""
    return obj


def script_if_tracing(fn):
    """The function itself."""
    return fn


def script_method(fn):
    """The method itself."""
    return fn


_script_if_tracing = script_if_tracing


def _overload(func):
    """Notes a signature for compilers; the function defined last is the one that runs."""
    return func


_overload_method = _drop = _overload


def isinstance(obj, target_type):
    """isinstance, also of a list of types, and of annotations such as List[int], by their containers."""
    kinds = target_type if builtins.isinstance(target_type, (tuple, list)) else (target_type,)
    return builtins.isinstance(obj, tuple(typing.get_origin(k) or k for k in kinds))


def annotate(the_type, the_value):
    """`the_value`; the type is a remark for compilers."""
    return the_value


class Attribute:
    """A value with its type, as a remark for compilers; modules hold the value."""

    def __new__(cls, value, type):
        return value


def set_module(obj, mod):
    """Sets __module__ of a function or class."""
    if not builtins.isinstance(mod, str):
        raise TypeError(f"jit.set_module: mod must be a str, not {type(mod).__name__}.")
    obj.__module__ = mod


def fork(func, *args, **kwargs):
    """A Future of func(*args, **kwargs), which is computed at once; what it raises, wait() raises."""
    made = Future()
    try:
        made.set_result(func(*args, **kwargs))
    except Exception as error:
        made.set_exception(error)
    return made


def wait(future):
    """The value of what fork() gave."""
    return future.wait()


_fork, _wait = fork, wait


# -------------------------------------------------------------------------------- switches of compilers


def set_fusion_strategy(strategy):
    """Notes nothing: gives the strategy back, which has no effect."""
    return strategy


def enable_onednn_fusion(enabled):
    """Nothing: there is no oneDNN."""


def onednn_fusion_enabled():
    """Whether graphs are fused by oneDNN: False."""
    return False


@contextlib.contextmanager
def optimized_execution(should_optimize):
    """A context that changes nothing: no graph is executed."""
    yield


@contextlib.contextmanager
def fuser(name):
    """A context that changes nothing: no graph is fused. `name` is "fuser0" to "fuser3"."""
    if name not in ("fuser0", "fuser1", "fuser2", "fuser3"):
        raise Exception(f"jit.fuser: {name!r} is none of 'fuser0', 'fuser1', 'fuser2', 'fuser3'.")
    yield


class strict_fusion:
    """A context in which a compiler would complain of what it cannot fuse; nothing is compiled here."""

    def __init__(self):
        """Takes nothing."""

    def __enter__(self):
        pass

    def __exit__(self, type, value, tb):
        pass


# ---------------------------------------------------------------------------------------------- refused


def save(m, f, _extra_files=None):
    """Raises NotImplementedError."""
    raise NotImplementedError(
        "jit.save: flambeau has no compiled programs. Save a state dict with torch.save."
    )


def load(f, map_location=None, _extra_files=None, _restore_shapes=False):
    """Raises NotImplementedError."""
    raise NotImplementedError(
        "jit.load: flambeau cannot run TorchScript files. Load a state dict with torch.load."
    )


def export_opnames(m):
    """Raises NotImplementedError."""
    raise NotImplementedError(
        "jit.export_opnames: flambeau has no compiled programs. fx.symbolic_trace(m) shows what a module calls."
    )


def __getattr__(name):
    if name in ("annotations", "frontend"):
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return _without_inner(globals(), "annotations frontend".split())
