"""Tracer and symbolic_trace: a program run once with symbols, which gives its graph."""

import builtins
import inspect
import math
import operator
from types import FunctionType

import flambeau
from flambeau.nn import Module, Parameter

from .graph import Graph
from .graph_module import GraphModule
from .node import base_types
from .proxy import Attribute, ParameterProxy, TraceError, TracerBase, first_proxy

__all__ = ["PH", "ProxyableClassMeta", "Tracer", "symbolic_trace", "wrap"]


class PHBase:
    """In concrete_args: this argument is a placeholder after all."""

    def __repr__(self):
        return "PH"


PH = PHBase()
_wrapped = {}  # (id of globals, name) -> (globals, name): functions that tracing does not enter
_wrapped_methods = []
_tracing = [0]


def is_fx_tracing():
    """Whether a program is being traced."""
    return _tracing[0] > 0


def wrap(fn_or_name):
    """Makes a function of the calling module, by itself or by name, a node that tracing does not enter.

    Called at the top of a module, or as a decorator of one of its functions.

    Raises:
        NotImplementedError: it is not called at the top of a module.
        RuntimeError: the argument is neither.
    """
    if callable(fn_or_name):
        name = fn_or_name.__name__
    elif isinstance(fn_or_name, str):
        name = fn_or_name
    else:
        raise RuntimeError(
            f"fx.wrap: takes a function or its name, not {type(fn_or_name).__name__}."
        )
    frame = inspect.currentframe().f_back
    if frame.f_code.co_name != "<module>":
        raise NotImplementedError("fx.wrap: must be called at the top of a module.")
    _wrapped[id(frame.f_globals), name] = frame.f_globals, name
    return fn_or_name


def _as_node(function):
    """`function`, which becomes a node where a symbol is among its arguments."""

    def wrapped(*args, **kwargs):
        symbol = first_proxy((args, kwargs))
        if symbol is None:
            return function(*args, **kwargs)
        return symbol.tracer.create_proxy("call_function", function, args, kwargs)

    wrapped.__wrapped__ = function
    wrapped.__name__ = getattr(function, "__name__", "wrapped")
    return wrapped


class _Patches:
    """Attributes and globals that are changed for as long as a program is traced."""

    def __init__(self):
        self._undo = []

    def set(self, owner, name, value):
        if isinstance(owner, dict):
            missing = name not in owner
            old = owner.get(name)
            owner[name] = value
            self._undo.append(
                lambda: owner.pop(name, None) if missing else owner.__setitem__(name, old)
            )
        else:
            old = getattr(owner, name)
            setattr(owner, name, value)
            self._undo.append(lambda: setattr(owner, name, old))

    def undo(self):
        while self._undo:
            self._undo.pop()()


class Tracer(TracerBase):
    """Runs a module or function with symbols for its arguments and records a Graph.

    Args:
        autowrap_modules (tuple of modules): whose functions become nodes, if called by their global names.
        autowrap_functions (tuple of callables): that become nodes likewise.
        param_shapes_constant (bool): whether the shapes of parameters are numbers, not symbols.

    Raises:
        TraceError: by trace(), where the program branches or loops on a symbol.
    """

    def __init__(
        self, autowrap_modules=(math,), autowrap_functions=(), param_shapes_constant=False
    ):
        super().__init__()
        self._autowrap_search = list(autowrap_modules)
        self._autowrap_functions = [
            function
            for module in autowrap_modules
            for name, function in vars(module).items()
            if not name.startswith("_") and callable(function)
        ] + list(autowrap_functions)
        self.param_shapes_constant = param_shapes_constant
        self.submodule_paths = None
        self.root_module_name = ""
        self._qualname_counter = {}

    # -- what a subclass may decide

    def is_leaf_module(self, m, module_qualified_name):
        """Whether calls of `m` are nodes; by default, of torch.nn's own layers but Sequential."""
        home = type(m).__module__
        own = home.startswith(("flambeau.nn", "torch.nn"))
        return own and not isinstance(m, flambeau.nn.Sequential)

    def path_of_module(self, mod):
        """The name of a submodule of the root."""
        path = self.submodule_paths.get(mod) if self.submodule_paths else None
        if path is None:
            path = next((name for name, m in self.root.named_modules() if m is mod), None)
        if path is None:
            raise NameError(
                f"fx: a {type(mod).__name__} is called that is no submodule of what is traced."
            )
        return path

    def call_module(self, m, forward, args, kwargs):
        """What a call of a submodule does: a node if it is a leaf, else its forward is traced."""
        path = self.path_of_module(m)
        if self.is_leaf_module(m, path):
            return self.create_proxy("call_module", path, args, kwargs)
        return forward(*args, **kwargs)

    def getattr(self, attr, attr_val, parameter_proxy_cache):
        """What reading an attribute of a module gives: symbols for parameters, values for the rest."""
        kinds = [(Parameter, self.root.named_parameters)]
        if self.proxy_buffer_attributes:
            kinds.append((flambeau.Tensor, self.root.named_buffers))
        for kind, named in kinds:
            if not isinstance(attr_val, kind):
                continue
            name = next((n for n, p in named(remove_duplicate=False) if p is attr_val), None)
            if name is None:
                continue
            if name not in parameter_proxy_cache:
                factory = None
                if self.param_shapes_constant:
                    factory = lambda node, n=name: ParameterProxy(self, node, n, attr_val)
                parameter_proxy_cache[name] = self.create_proxy(
                    "get_attr", name, (), {}, proxy_factory_fn=factory
                )
            return parameter_proxy_cache[name]
        return attr_val

    def get_fresh_qualname(self, prefix):
        """A name for an attribute that the root does not have yet: prefix0, prefix1 ..."""
        i = self._qualname_counter.get(prefix, 0)
        while hasattr(self.root, f"{prefix}{i}"):
            i += 1
        self._qualname_counter[prefix] = i
        return f"{prefix}{i}"

    def create_arg(self, a):
        """As in TracerBase; parameters, buffers, modules and tensors of the root become get_attr nodes."""
        if isinstance(a, Parameter):
            name = next(
                (n for n, p in self.root.named_parameters(remove_duplicate=False) if p is a), None
            )
            if name is None:
                raise NameError("fx: a parameter is used that is not one of what is traced.")
            return self.create_node("get_attr", name, (), {})
        if isinstance(a, flambeau.Tensor):
            name = next(
                (n for n, b in self.root.named_buffers(remove_duplicate=False) if b is a), None
            )
            return self.create_node(
                "get_attr", name or self._constant(a, "_tensor_constant"), (), {}
            )
        if isinstance(a, Module):
            name = next((n for n, m in self.root.named_modules() if m is a), None)
            return self.create_node("get_attr", name or self._constant(a, "_module"), (), {})
        if hasattr(type(a), "_fields") or isinstance(
            a, (*base_types, type(None), tuple, list, dict)
        ):
            return super().create_arg(a)
        try:
            return super().create_arg(a)
        except NotImplementedError:
            # An object of the program's own: a constant of the module.
            return self.create_node(
                "get_attr", self._constant(a, f"_{type(a).__name__}_constant"), (), {}
            )

    def _constant(self, value, prefix):
        key = id(value)
        if key not in self._constants:
            name = self.get_fresh_qualname(prefix)
            self._constants[key] = name, value  # kept alive, so that its id stays its own
            setattr(self.root, name, value)
        return self._constants[key][0]

    # -- tracing

    def trace(self, root, concrete_args=None):
        """The graph of a module's forward, or of a function.

        Args:
            root (Module or callable): what is traced.
            concrete_args (dict, optional): values for some arguments, instead of symbols.
        """
        self._constants = {}
        if isinstance(root, Module):
            self.root = root
            fn = type(root).forward
            self.submodule_paths = {module: name for name, module in root.named_modules()}
            self.root_module_name = type(root).__name__
        else:
            self.root, fn = Module(), root
        self.graph = Graph(tracer_cls=type(self))
        fn, args, keyword = self.create_args_for_root(fn, isinstance(root, Module), concrete_args)
        patches, cache = _Patches(), {}
        _tracing[0] += 1
        try:
            self._patch(patches, cache, getattr(inspect.unwrap(fn), "__globals__", {}))
            result = fn(*args, **keyword)
        finally:
            patches.undo()
            _tracing[0] -= 1
        annotation = getattr(inspect.unwrap(fn), "__annotations__", {}).get("return")
        self.create_node("output", "output", (self.create_arg(result),), {}, type_expr=annotation)
        self.submodule_paths = None
        return self.graph

    def _patch(self, patches, cache, names):
        call, getattribute = Module.__call__, Module.__getattr__

        def traced_call(module, *args, **kwargs):
            def forward(*args, **kwargs):
                return call(module, *args, **kwargs)

            for function in self._autowrap_functions:
                self._wrap_global(
                    patches, getattr(type(module).forward, "__globals__", {}), function
                )
            return self.call_module(module, forward, args, kwargs)

        def traced_getattr(module, name):
            return self.getattr(name, getattribute(module, name), cache)

        patches.set(Module, "__call__", traced_call)
        patches.set(Module, "__getattr__", traced_getattr)
        for where, name in _wrapped.values():
            function = where.get(name, getattr(builtins, name, None))
            if function is not None:
                patches.set(where, name, _as_node(function))
        for owner, name in _wrapped_methods:
            patches.set(owner, name, _method_node(getattr(owner, name), name))
        for module in self._autowrap_search:
            for name, function in list(vars(module).items()):
                if not name.startswith("_") and callable(function):
                    patches.set(vars(module), name, _as_node(function))
        for function in self._autowrap_functions:
            self._wrap_global(patches, names, function)

    def _wrap_global(self, patches, names, function):
        for name, value in list(names.items()):
            if value is function:
                patches.set(names, name, _as_node(function))

    def create_args_for_root(self, root_fn, is_module, concrete_args=None):
        """(function, its arguments in order): symbols, or what concrete_args has.

        `*args` and `**kwargs` are one symbol each; the function is changed so that it takes them as such.
        """
        concrete = dict(concrete_args or {})
        function = inspect.unwrap(root_fn)
        parameters = list(inspect.signature(function).parameters.values())
        parameters = parameters[1:] if is_module else parameters
        values = {}
        for p in parameters:
            if p.name in concrete and concrete[p.name] is not PH:
                values[p.name] = self._concrete(p.name, concrete.pop(p.name))
                continue
            concrete.pop(p.name, None)
            stars = {p.VAR_POSITIONAL: "*", p.VAR_KEYWORD: "**"}.get(p.kind, "")
            default = () if p.default is p.empty else (p.default,)
            kind = None if p.annotation is p.empty else p.annotation
            values[p.name] = self.create_proxy(
                "placeholder", stars + p.name, default, {}, type_expr=kind
            )
        if concrete:
            raise ValueError(f"fx: concrete_args has {sorted(concrete)}, which are no arguments.")
        front = [self.root] if is_module else []
        if any(p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in parameters):
            ordered = sorted(parameters, key=lambda p: _ORDER[p.kind])
            args = [*front, *(values[p.name] for p in ordered)]
            return _without_stars(function, len(args)), args, {}
        keyword = {p.name: values.pop(p.name) for p in parameters if p.kind == p.KEYWORD_ONLY}
        return root_fn, [*front, *values.values()], keyword

    def _concrete(self, name, value):
        """A fixed argument: still a parameter of the graph, checked when it is run."""
        from ..utils._pytree import tree_any

        if tree_any(lambda leaf: leaf is PH, value):
            raise NotImplementedError(f"fx: concrete_args[{name!r}] holds PH within a container.")
        symbol = self.create_proxy("placeholder", name, (value,) if value is None else (), {})
        if isinstance(value, (bool, int, float, str, type(None))):
            message = f"{name} has been traced as {value!r}; the graph holds for no other value"
            same = operator.is_ if value is None else operator.eq
            same = self.create_proxy("call_function", same, (symbol, value), {})
            self.create_proxy("call_function", flambeau._assert, (same, message), {})
        return value


_ORDER = {  # as a code object has them
    kind: place
    for place, kind in enumerate(
        (
            inspect.Parameter.POSITIONAL_ONLY,
            inspect.Parameter.POSITIONAL_OR_KEYWORD,
            inspect.Parameter.KEYWORD_ONLY,
            inspect.Parameter.VAR_POSITIONAL,
            inspect.Parameter.VAR_KEYWORD,
        )
    )
}


def _without_stars(function, count):
    """The function with `count` positional arguments: *args and **kwargs are what is given there."""
    code = function.__code__
    flags = code.co_flags & ~(inspect.CO_VARARGS | inspect.CO_VARKEYWORDS)
    code = code.replace(
        co_argcount=count, co_posonlyargcount=0, co_kwonlyargcount=0, co_flags=flags
    )
    return FunctionType(code, function.__globals__, function.__name__, None, function.__closure__)


def _method_node(method, name):
    def wrapped(*args, **kwargs):
        symbol = first_proxy((args, kwargs))
        if symbol is None:
            return method(*args, **kwargs)
        return symbol.tracer.create_proxy("call_method", name, args, kwargs)

    return wrapped


class ProxyableClassMeta(type):
    """A class whose making becomes a node where a symbol is among the arguments of its constructor."""

    def __call__(cls, *args, **kwargs):
        symbol = first_proxy((args, kwargs))
        if symbol is not None and is_fx_tracing():
            return symbol.tracer.create_proxy("call_function", cls, args, kwargs)
        return super().__call__(*args, **kwargs)


def symbolic_trace(root, concrete_args=None):
    """A GraphModule of what a module's forward, or a function, does with symbols for its arguments.

    Args:
        root (Module or callable): what is traced.
        concrete_args (dict, optional): values for some of the arguments.

    Raises:
        TraceError: the program branches or loops on a symbol.

    Example:
        >>> from flambeau.fx import symbolic_trace
        >>> gm = symbolic_trace(lambda x: flambeau.relu(x + 1))
        >>> gm(flambeau.tensor([-3.0, 1.0]))
        tensor([0., 2.])
    """
    tracer = Tracer()
    graph = tracer.trace(root, concrete_args)
    name = type(root).__name__ if isinstance(root, Module) else root.__name__
    return GraphModule(tracer.root, graph, name if name.isidentifier() else "GraphModule")


_ = Attribute, TraceError  # the names that PyTorch has here, too
