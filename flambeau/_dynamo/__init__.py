"""Names of torch._dynamo that programs and libraries touch. Nothing is compiled: functions run as they are."""

from types import SimpleNamespace

from ..compiler import allow_in_graph, assume_constant_result, disable, is_compiling, reset
from . import config
from .eval_frame import OptimizedModule

__all__ = [
    "OptimizedModule",
    "allow_in_graph",
    "assume_constant_result", "config", "disable", "disallow_in_graph", "external_utils", "graph_break",
    "is_compiling", "is_dynamo_supported", "mark_dynamic", "mark_static", "mark_static_address", "maybe_mark_dynamic",
    "optimize", "reset", "run",
]  # fmt: skip

external_utils = SimpleNamespace(is_compiling=is_compiling)


def is_dynamo_supported():
    """Whether functions can be compiled by tracing their bytecode: False."""
    return False


def mark_static_address(t, guard=False):
    """Nothing: no address is kept."""


def disallow_in_graph(fn):
    """The function itself."""
    return fn


def graph_break(msg=""):
    """Nothing: there is no graph to break."""


def mark_dynamic(t, index, **_):
    """Nothing: every size may change."""


maybe_mark_dynamic = mark_static = mark_dynamic


def optimize(*_, **__):
    """A decorator that gives the function back."""
    return lambda fn: fn


def run(fn=None):
    """The function itself."""
    return (lambda f: f) if fn is None else fn
