"""Remarks that nodes of a graph are to carry: torch.fx.traceback. They are kept here for who asks.

`symbolic_trace` puts no remarks into its nodes; an Interpreter of one's own may, by get_current_meta().
"""

import contextlib
import functools
import traceback

__all__ = [
    "annotate", "annotate_fn", "format_stack", "get_current_meta", "has_preserved_node_meta", "preserve_node_meta",
    "set_current_meta", "set_stack_trace",
]  # fmt: skip

_state = {"meta": {}, "preserves": False}


@contextlib.contextmanager
def _with(**changes):
    before = dict(_state)
    _state.update(changes)
    try:
        yield
    finally:
        _state.update(before)


def preserve_node_meta(enable=True):
    """A block in which remarks are kept."""
    return _with(preserves=enable)


def has_preserved_node_meta():
    """Whether remarks are kept."""
    return _state["preserves"]


def set_current_meta(node, pass_name=""):
    """A block in which a node's remarks are the current ones, where remarks are kept."""
    if not _state["preserves"]:
        return contextlib.nullcontext()
    return _with(meta=dict(node.meta))


def get_current_meta():
    """The current remarks."""
    return _state["meta"]


def annotate(annotation_dict):
    """A block in which the current remarks have these under "custom", beside those of blocks around it."""
    custom = {**_state["meta"].get("custom", {}), **annotation_dict}
    return _with(meta={**_state["meta"], "custom": custom})


def annotate_fn(annotation_dict):
    """A decorator: the function runs inside `annotate`."""

    def decorate(function):
        @functools.wraps(function)
        def inside(*args, **kwargs):
            with annotate(annotation_dict):
                return function(*args, **kwargs)

        return inside

    return decorate


def set_stack_trace(stack):
    """Makes lines of text the current remark of where a node comes from, where remarks are kept."""
    if _state["preserves"] and stack:
        _state["meta"]["stack_trace"] = "".join(stack)


def format_stack():
    """Where the program is, as lines of text: the current remark, or Python's own stack."""
    if _state["preserves"]:
        return [_state["meta"].get("stack_trace", "")]
    return traceback.format_list(traceback.extract_stack()[:-1])
