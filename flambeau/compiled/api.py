"""torch.compile."""

import functools

import flambeau
from flambeau import _core

from ..compiler import get_default_backend
from . import stance

__all__ = ["OptimizedModule", "compile", "explain"]

_MODES = (None, "default", "reduce-overhead", "max-autotune", "max-autotune-no-cudagraphs", "lite")
BACKENDS = ("inductor", "eager", "aot_eager")


def compile(
    model=None, *, fullgraph=False, dynamic=None, backend=None, mode=None, options=None, name=None,
    disable=False, recompile_limit=None, isolate_recompiles=False, shapes_spec=None,
):  # fmt: skip
    """A function or module that runs as few kernels instead of one for each operator.

    The first call with arguments of new dtypes, ranks or modes is an eager call that is recorded; later ones run what
    was made of it, whatever their sizes. Pointwise operators, and reductions over the last dim with what stands around
    them, become one kernel each, forward and backward. Results are the same bits as in eager mode. A bool read from a tensor is expected to be the same each time; where it is not, the function itself runs.
    What cannot be followed (another number read from a tensor, a change of Python values that outlive the call)
    leaves the function as it is: torch._dynamo.explain and FLAMBEAU_LOG=compile tell of it.

    Args:
        model (callable or Module): left out where this is a decorator.
        fullgraph (bool): whether what cannot be compiled raises.
        dynamic (bool, optional): False makes a program for each size; else one serves all sizes that it can.
        backend (str): "inductor", which stands for flambeau's own compiler, or "eager" and "aot_eager": nothing is
            compiled.
        mode (str), options (dict): how much time PyTorch's compiler may take, and what it may try. They change
            nothing here, where one way serves all; names that are unknown are refused.
        name (str): what messages call it; its own name without.
        disable (bool): whether the model is left as it is.
        recompile_limit (int): how many programs are made of it, 32 without; calls that none fits then run as they are.
        isolate_recompiles (bool), shapes_spec: not supported.

    Returns:
        A Module that holds a module as `_orig_mod`; of another callable a callable with its name and signature.

    Raises:
        torch._dynamo.exc.Unsupported: at a call, where fullgraph is set and something cannot be compiled.
        NotImplementedError: isolate_recompiles or shapes_spec is given, or backend is a function.
        RuntimeError: mode is none of PyTorch's, mode and options are both given, an option is unknown, or there is no
            such backend.
        TypeError: another argument is of none of the types above.

    Example:
        >>> @torch.compile
        ... def gelu(x):
        ...     return 0.5 * x * (1 + torch.tanh(0.79788456 * (x + 0.044715 * x**3)))
        >>> gelu(torch.tensor([1.0, -1.0]))
        tensor([ 0.8412, -0.1588])
    """
    _check_types(
        fullgraph=fullgraph, dynamic=dynamic, disable=disable, recompile_limit=recompile_limit, name=name
    )  # fmt: skip
    if mode is not None and options is not None:
        raise RuntimeError("compile: mode and options exclude each other; give one of them.")
    if mode not in _MODES:
        raise RuntimeError(f"compile: mode is {mode!r}; it must be one of {', '.join(_MODES[1:])}.")
    if options is not None and not isinstance(options, dict):
        raise TypeError(f"compile: options must be a dict, not {type(options).__name__}.")
    if options:
        from .._inductor.config import check_options

        check_options(options)
    for given, argument in (
        (isolate_recompiles, "isolate_recompiles"),
        (shapes_spec, "shapes_spec"),
    ):
        if given:
            raise NotImplementedError(f"compile: {argument} is not supported. Leave it out.")
    backend = _backend(backend)
    if model is None:
        return lambda found: compile(
            found, fullgraph=fullgraph, dynamic=dynamic, backend=backend, mode=mode, options=options, name=name,
            disable=disable, recompile_limit=recompile_limit,
        )  # fmt: skip
    if not callable(model):
        raise TypeError(f"compile: takes a function or a Module, not {type(model).__name__}.")
    if disable or getattr(model, "__code__", None) in stance.disabled:
        return model
    compiled = None
    if backend == "inductor":
        from .wrapper import (
            Compiled,
        )  # the compiler is loaded for its first function, not for the names here

        compiled = Compiled(model, fullgraph, dynamic is False, recompile_limit, name)
    if isinstance(model, flambeau.nn.Module):
        return OptimizedModule(model, compiled)
    return model if compiled is None else _function(model, compiled)


_TYPES = {"recompile_limit": (int, "an int"), "name": (str, "a str")}  # of others: bool


def _check_types(**given):
    for argument, value in given.items():
        wanted, word = _TYPES.get(argument, (bool, "True or False"))
        flag = wanted is bool and type(value) is int and value in (0, 1)
        if not (value is None or isinstance(value, wanted) or flag):
            raise TypeError(f"compile: {argument} must be {word}, not {value!r}.")


def _backend(backend):
    backend = get_default_backend() if backend is None else backend
    if isinstance(backend, str) and backend in BACKENDS:
        return backend
    if callable(backend):
        raise NotImplementedError(
            "compile: backend is a function, but flambeau hands its graphs to no other compiler. Leave backend out."
        )
    from .._dynamo.exc import InvalidBackend

    raise InvalidBackend(
        f"compile: there is no backend {backend!r}; those known are {', '.join(BACKENDS)}."
    )


def _function(function, compiled):
    run = compiled.callable()
    functools.update_wrapper(run, function, updated=())
    run._torchdynamo_orig_callable = function
    run._compiled = compiled
    return run


class OptimizedModule(flambeau.nn.Module):
    """What torch.compile makes of a module, which it holds as `_orig_mod` and whose attributes it shows."""

    _own = frozenset(["_orig_mod", "_compiled", "_run"])

    def __init__(self, module, compiled=None):
        super().__init__()
        self.__dict__["_compiled"] = compiled
        self.__dict__["_run"] = None if compiled is None else compiled.callable()
        self._orig_mod = module

    @property
    def training(self):
        """The held module's."""
        return self._orig_mod.training

    @training.setter
    def training(self, value):
        if "_orig_mod" in self.__dict__:  # not yet there while Module.__init__ runs
            self._orig_mod.training = value

    def __call__(self, *args, **kwargs):
        run, hooks = self._run, self.__dict__.get("_module_hooks")
        if run is None or hooks is not None and (hooks.forward or hooks.forward_pre):
            return super().__call__(*args, **kwargs)
        return run(*args, **kwargs)

    __call__ = functools.update_wrapper(_core._module_call(__call__, "_run"), __call__)

    def forward(self, *args, **kwargs):
        return (self._run or self._orig_mod)(*args, **kwargs)

    def __getattr__(self, name):
        if name == "_orig_mod":
            raise AttributeError(name)
        return getattr(self._orig_mod, name)

    def __setattr__(self, name, value):
        if name in self._own or "_orig_mod" not in self.__dict__:
            super().__setattr__(name, value)
        else:
            setattr(self._orig_mod, name, value)

    def __getitem__(self, index):
        return self._orig_mod[index]

    def __iter__(self):
        return iter(self._orig_mod)

    def __reduce__(self):
        return compile, (self._orig_mod,)

    def __deepcopy__(self, memo):
        import copy

        return compile(copy.deepcopy(self._orig_mod, memo))


class ExplainOutput:
    """What torch._dynamo.explain gives.

    Attributes:
        graph_count, graph_break_count, op_count (int).
        break_reasons (list): each with `reason` and `user_stack`.
        graphs (list): the programs' Python. ops_per_graph (list of lists), out_guards (list): what is guarded.
    """

    def __init__(self, programs, breaks):
        self.graphs = [p.source for p in programs]
        self.graph_count, self.graph_break_count = len(programs), len(breaks)
        self.op_count = sum(p.joined + p.operators for p in programs)
        self.ops_per_graph = [[n.function for n in p.nodes] for p in programs]
        self.break_reasons = list(breaks)
        self.out_guards, self.compile_times = [], ""

    def __str__(self):
        lines = [
            f"Graph Count: {self.graph_count}", f"Graph Break Count: {self.graph_break_count}",
            f"Op Count: {self.op_count}", "Break Reasons:",
        ]  # fmt: skip
        for k, reason in enumerate(self.break_reasons, 1):
            lines += [
                f"  Break Reason {k}:",
                f"    Reason: {reason.reason}",
                f"    User Stack: {reason.source}",
            ]
        return "\n".join(lines)

    __repr__ = __str__


def explain(f, *extra_args, **extra_kwargs):
    """A function that calls f with its arguments and tells what compiling makes of the call.

    Example:
        >>> print(torch._dynamo.explain(lambda x: x.exp() + 1)(torch.ones(2)))
        Graph Count: 1
        Graph Break Count: 0
        Op Count: 2
        Break Reasons:
    """
    from .report import watch
    from .wrapper import Compiled

    def inner(*args, **kwargs):
        function = getattr(f, "_torchdynamo_orig_callable", getattr(f, "_orig_mod", f))
        with watch() as seen:
            Compiled(function)(*args, **kwargs)
        return ExplainOutput(seen.programs, seen.breaks)

    return inner(*extra_args, **extra_kwargs) if extra_args or extra_kwargs else inner
