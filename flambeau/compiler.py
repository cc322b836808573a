"""torch.compiler: what a program says to the compiler; the compiler itself is flambeau/compiled."""

import contextlib
import functools
import inspect
from types import SimpleNamespace

__all__ = [
    "allow_in_graph", "assume_constant_result", "compile", "config", "cudagraph_mark_step_begin", "disable",
    "is_compiling", "is_dynamo_compiling", "is_exporting", "list_backends", "load_cache_artifacts",
    "nested_compile_region", "reset", "save_cache_artifacts", "set_enable_guard_collectives", "set_stance",
    "substitute_in_graph", "wrap_numpy",
]  # fmt: skip

config = SimpleNamespace(job_id=None, dynamic_sources="", force_disable_caches=False)


def is_compiling():
    """Whether the running call is being recorded by torch.compile."""
    from sys import modules

    wrapper = modules.get(f"{__package__}.compiled.wrapper")
    return wrapper is not None and wrapper.is_tracing()


is_dynamo_compiling = is_compiling


def is_exporting():
    """Whether the program is being exported by PyTorch's compiler: False."""
    return False


def disable(fn=None, recursive=True, *, reason=None):
    """The function itself, which is not compiled from now on, nor what calls it. A decorator, with or without arguments.

    Args:
        recursive (bool): False lets a compiler compile what it calls, which may be done or not; here it stays as it is.
        reason (str, optional): for whoever reads the program.
    """
    if fn is None:
        return functools.partial(disable, reason=reason)
    from .compiled import stance

    function = inspect.unwrap(getattr(fn, "_torchdynamo_orig_callable", fn))
    code = getattr(getattr(function, "__func__", function), "__code__", None)
    if code is not None:
        stance.disabled.add(code)
    return getattr(fn, "_torchdynamo_orig_callable", fn)


def allow_in_graph(fn):
    """The function itself."""
    return fn


def cudagraph_mark_step_begin():
    """Nothing."""


def reset():
    """Forgets the programs of all compiled functions; their kernels stay on disk."""
    from sys import modules

    wrapper = modules.get(f"{__package__}.compiled.wrapper")
    for compiled in list(wrapper.every) if wrapper else ():
        compiled.forget()


def compile(*args, **kwargs):
    """torch.compile."""
    import flambeau

    return flambeau.compile(*args, **kwargs)


def assume_constant_result(fn):
    """The function itself."""
    return fn


def nested_compile_region(fn=None, *, options=None, max_reuse_entries=8, reuse_hash_fn=None):
    """The function itself; the options are for a compiler's cache. Works as a decorator, with arguments and without."""
    return (lambda f: f) if fn is None else fn


_backend = ["inductor"]  # PyTorch's name, which stands for flambeau's own compiler


def get_default_backend():
    """What set_default_backend was last told."""
    return _backend[0]


def set_default_backend(backend):
    """Notes the backend that torch.compile is to use; None: the default again."""
    if not (backend is None or isinstance(backend, str) or callable(backend)):
        raise TypeError(
            f"set_default_backend: takes a name, a callable or None, not {type(backend).__name__}."
        )
    _backend[0] = "inductor" if backend is None else backend


def load_compiled_function(file, *, f_globals=None, external_data=None):
    """Not offered."""
    raise NotImplementedError(
        "compiler.load_compiled_function: files of compiled functions hold machine code of PyTorch's compiler."
    )


def keep_portable_guards_unsafe(guard_entries):
    """Which guards of a compiled function to keep: [True] * all. Nothing is compiled, so none are ever asked."""
    return [True for _ in guard_entries]


def keep_tensor_guards_unsafe(guard_entries, keep_parameters=False):
    """Which guards to keep: those of tensors (guard_type "TENSOR_MATCH"), parameters among them if wished."""
    return [
        entry.guard_type == "TENSOR_MATCH"
        and (keep_parameters or "Parameter" not in type(entry.value).__name__)
        for entry in guard_entries
    ]


def skip_all_guards_unsafe(guard_entries):
    """Which guards to keep: none."""
    return [False for _ in guard_entries]


def skip_guard_on_globals_unsafe(guard_entries):
    """Which guards to keep: those of what is no global."""
    return [not entry.is_global for entry in guard_entries]


def skip_guard_on_all_nn_modules_unsafe(guard_entries):
    """Which guards to keep: those of what is no module."""
    return [not (entry.orig_guard.source.is_unspecialized_nn_module()) for entry in guard_entries]


def skip_guard_on_inbuilt_nn_modules_unsafe(guard_entries):
    """Which guards to keep: those of what is no module of torch.nn."""
    return [
        not entry.orig_guard.source.is_unspecialized_builtin_nn_module() for entry in guard_entries
    ]


def substitute_in_graph(original_fn, *, can_constant_fold_through=False, skip_signature_check=False,
                        is_embedded_type=False):  # fmt: skip
    """A decorator that gives the function back: `original_fn` is what runs."""
    return lambda fn: fn


def list_backends(exclude_tags=("debug", "experimental")):
    """The names of compilers: "inductor" stands for flambeau's own; debug ones compile nothing."""
    return ["inductor"] if "debug" in exclude_tags else ["aot_eager", "eager", "inductor"]


class set_stance(contextlib.ContextDecorator):
    """How compiling is wished for, from the call on; as a context or a decorator, until its end.

    "default"; "force_eager": compiled functions run as they are; "eager_on_recompile" and "fail_on_recompile": calls
    that no program fits run as they are, or raise; "eager_then_compile": the first call of its kind runs as it is.
    skip_guard_eval_unsafe: Python values are no longer compared with those that a program was made for.

    Raises:
        RuntimeError: the stance is none of these, or a backend is forced at another stance than "default".
        NotImplementedError: force_backend names a compiler other than "eager".
    """

    def __init__(self, stance="default", *, skip_guard_eval_unsafe=False, force_backend=None):
        from .compiled import stance as now

        if stance not in now.NAMES:
            raise RuntimeError(
                f"set_stance: stance is {stance!r}; it must be one of {', '.join(now.NAMES)}."
            )
        if force_backend is not None and stance != "default":
            raise RuntimeError(
                f"set_stance: force_backend goes with stance 'default', not {stance!r}."
            )
        if force_backend not in (None, "eager"):
            raise NotImplementedError(
                f"set_stance: force_backend={force_backend!r}: there is no other compiler than flambeau's own."
            )
        self._before = now.name, now.skip_guards
        self._wanted = (
            "force_eager" if force_backend == "eager" else stance,
            bool(skip_guard_eval_unsafe),
        )
        now.change(*self._wanted)

    def __enter__(self):
        from .compiled import stance as now

        now.change(*self._wanted)
        return self

    def __exit__(self, *exception):
        from .compiled import stance as now

        now.change(*self._before)

    def __call__(self, function):
        self.__exit__()  # a decorator: only while the function runs
        return super().__call__(function)


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
