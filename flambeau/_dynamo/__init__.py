"""Names of torch._dynamo that programs and libraries touch; the compiler is flambeau/compiled."""

from types import SimpleNamespace

from ..compiler import allow_in_graph, assume_constant_result, disable, is_compiling, reset
from . import config, exc
from .eval_frame import OptimizedModule, is_dynamo_supported

__all__ = [
    "OptimizedModule",
    "allow_in_graph",
    "assume_constant_result", "config", "disable", "disallow_in_graph", "exc", "explain", "external_utils", "graph_break",
    "is_compiling", "is_dynamo_supported", "list_backends", "mark_dynamic", "mark_static", "mark_static_address", "maybe_mark_dynamic",
    "optimize", "reset", "run",
]  # fmt: skip

external_utils = SimpleNamespace(is_compiling=is_compiling)


def list_backends(exclude_tags=("debug", "experimental")):
    """The names of torch.compile's backends; those that compile nothing only without "debug" in exclude_tags."""
    return ["inductor"] if "debug" in exclude_tags else ["aot_eager", "eager", "inductor"]


def mark_static_address(t, guard=False):
    """Nothing: no address is kept."""


def disallow_in_graph(fn):
    """The function itself."""
    return fn


def graph_break(msg=""):
    """Leaves the compiled function that is being recorded as it is."""
    from ..compiled.trace import break_here

    break_here(f"graph_break({msg!r})" if msg else "graph_break()")


def explain(f, *extra_args, **extra_kwargs):
    """What compiling makes of f: see flambeau.compiled.api.explain."""
    from ..compiled.api import explain as answer

    return answer(f, *extra_args, **extra_kwargs)


def mark_dynamic(t, index, **_):
    """Nothing: every size may change."""


maybe_mark_dynamic = mark_dynamic


def mark_static(t, index=None):
    """Nothing: one program serves all sizes."""


def optimize(backend=None, *, nopython=False, disable=False, dynamic=None):
    """torch.compile as a decorator, by its older name."""
    from .. import compile

    return compile(backend=backend, fullgraph=nopython, disable=disable, dynamic=dynamic)


def run(fn=None):
    """The function itself."""
    return (lambda f: f) if fn is None else fn
