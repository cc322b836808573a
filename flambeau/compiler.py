"""torch.compiler: the model itself is what runs, so there is nothing to switch off."""

import contextlib
from types import SimpleNamespace

__all__ = [
    "allow_in_graph", "assume_constant_result", "compile", "config", "cudagraph_mark_step_begin", "disable",
    "is_compiling", "is_dynamo_compiling", "is_exporting", "list_backends", "load_cache_artifacts",
    "nested_compile_region", "reset", "save_cache_artifacts", "set_enable_guard_collectives", "set_stance",
    "substitute_in_graph", "wrap_numpy",
]  # fmt: skip

config = SimpleNamespace(job_id=None, dynamic_sources="", force_disable_caches=False)


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


def compile(*args, **kwargs):
    """torch.compile: the model itself."""
    import flambeau

    return flambeau.compile(*args, **kwargs)


def assume_constant_result(fn):
    """The function itself."""
    return fn


nested_compile_region = assume_constant_result


def substitute_in_graph(original_fn, *, can_constant_fold_through=False, skip_signature_check=False,
                        is_embedded_type=False):  # fmt: skip
    """A decorator that gives the function back: `original_fn` is what runs."""
    return lambda fn: fn


def list_backends(exclude_tags=("debug", "experimental")):
    """The names of compilers: none."""
    return []


class set_stance(contextlib.ContextDecorator):
    """Notes how compiling is wished for; a function or a context."""

    def __init__(self, stance="default", *, skip_guard_eval_unsafe=False, force_backend=None):
        known = (
            "default",
            "force_eager",
            "eager_on_recompile",
            "fail_on_recompile",
            "eager_then_compile",
        )
        if stance not in known:
            raise RuntimeError(
                f"set_stance: stance is {stance!r}; it must be one of {', '.join(known)}."
            )

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        return None


def set_enable_guard_collectives(enabled):
    """Notes the wish; gives what it was: False."""
    return False


def save_cache_artifacts():
    """None: no compiled model is kept."""
    return None


def load_cache_artifacts(serialized_artifacts):
    """Not offered."""
    raise NotImplementedError("compiler.load_cache_artifacts: no compiled model is kept.")


def wrap_numpy(fn):
    """A function of arrays as one of tensors.

    Example:
        >>> from flambeau.compiler import wrap_numpy
        >>> wrap_numpy(lambda a: a.cumsum())(flambeau.ones(3))
        tensor([1., 2., 3.])
    """
    import functools

    import numpy as np

    import flambeau

    from .utils._pytree import tree_map_only

    @functools.wraps(fn)
    def wrapped(*args, **kwargs):
        args, kwargs = tree_map_only(flambeau.Tensor, lambda t: t.numpy(), (args, kwargs))
        return tree_map_only(np.ndarray, flambeau.from_numpy, fn(*args, **kwargs))

    return wrapped
