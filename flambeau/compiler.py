"""torch.compiler: the model itself is what runs, so there is nothing to switch off."""

__all__ = [
    "allow_in_graph", "cudagraph_mark_step_begin", "disable", "is_compiling", "is_dynamo_compiling",
    "is_exporting", "reset",
]  # fmt: skip


def is_compiling():
    """Whether the program is being compiled: False."""
    return False


is_dynamo_compiling = is_exporting = is_compiling


def disable(fn=None, recursive=True, *, reason=None):
    """The function itself. Works as a decorator, with arguments and without."""
    return (lambda f: f) if fn is None else fn


def allow_in_graph(fn):
    """The function itself."""
    return fn


def cudagraph_mark_step_begin():
    """Nothing."""


def reset():
    """Nothing: no compiled model is kept."""
