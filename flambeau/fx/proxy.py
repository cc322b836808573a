"""Proxy, a symbol that stands for a value while a program is traced: what is done to it becomes nodes."""

import dis
import inspect
import operator
import os
from operator import attrgetter

from ..overrides import is_tensor_method_or_property
from .immutable_collections import immutable_dict, immutable_list
from .node import Node, base_types, magic_methods, reflectable

__all__ = [
    "Attribute",
    "GraphAppendingTracer",
    "ParameterProxy",
    "Proxy",
    "TraceError",
    "TracerBase",
]


_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


class TraceError(ValueError):
    """The program asks for a value that tracing does not have."""


class TracerBase:
    """What turns calls into nodes of `graph`."""

    graph = None
    record_stack_traces = False
    check_mutable_operations = False
    trace_asserts = False
    proxy_buffer_attributes = False
    param_shapes_constant = False

    def create_node(self, kind, target, args, kwargs, name=None, type_expr=None):
        """Appends a node to the graph."""
        return self.graph.create_node(kind, target, args, kwargs, name, type_expr)

    def proxy(self, node):
        """The symbol for a node."""
        return Proxy(node, self)

    def create_proxy(
        self, kind, target, args, kwargs, name=None, type_expr=None, proxy_factory_fn=None
    ):
        """Appends a node whose arguments may hold symbols; gives the symbol for its result."""
        args, kwargs = self.create_arg(args), self.create_arg(kwargs)
        node = self.create_node(kind, target, args, kwargs, name, type_expr)
        if self.record_stack_traces:
            node.stack_trace = _calling_line()
        return proxy_factory_fn(node) if proxy_factory_fn else self.proxy(node)

    def create_arg(self, a):
        """A value as an argument of nodes: symbols become nodes, containers are walked.

        Raises:
            NotImplementedError: nodes do not hold values of this type.
        """
        if isinstance(a, Proxy):
            return a.node
        if hasattr(a, "__fx_create_arg__"):
            return a.__fx_create_arg__(self)
        if isinstance(a, tuple):
            items = [self.create_arg(x) for x in a]
            return type(a)(*items) if hasattr(a, "_fields") else type(a)(items)
        if isinstance(a, list):
            return immutable_list(self.create_arg(x) for x in a)
        if isinstance(a, dict):
            return immutable_dict((self._key(k), self.create_arg(v)) for k, v in a.items())
        if isinstance(a, slice):
            return slice(self.create_arg(a.start), self.create_arg(a.stop), self.create_arg(a.step))
        if isinstance(a, range):
            return range(*(self.create_arg(x) for x in (a.start, a.stop, a.step)))
        if isinstance(a, (*base_types, Node)) or a is None or a is ... or callable(a):
            return a
        raise NotImplementedError(f"fx: a node holds no argument of type {type(a).__name__}.")

    def _key(self, key):
        if isinstance(key, Proxy):
            raise TraceError(f"fx: {key} is a key of a dict; keys must be known while tracing.")
        return key

    def to_bool(self, obj):
        """bool(symbol): what a test of it would need."""
        raise TraceError(
            f"fx: the program branches on {obj}, whose value tracing does not have. Keep the branch in a "
            "module that is a leaf or in a function given to wrap(), or pass the value in concrete_args."
        )

    def iter(self, obj):
        """iter(symbol): possible where it is unpacked into a known number of names."""
        count = _unpacked(inspect.currentframe())
        if count is None:
            raise TraceError(
                f"fx: the program loops over {obj}, whose length tracing does not have. Only unpacking into "
                "a fixed number of names is possible."
            )
        return (obj[i] for i in range(count))

    def keys(self, obj):
        """symbol.keys(): the names that `**symbol` would pass on."""
        return Attribute(obj, "keys")()


def _unpacked(frame):
    """How many names the line that asked for iter() unpacks into; None if it does not."""
    while frame is not None and frame.f_globals.get("__name__") == __name__:
        frame = frame.f_back
    if frame is None:
        return None
    for instruction in dis.get_instructions(frame.f_code):
        if instruction.offset == frame.f_lasti:
            return instruction.argval if instruction.opname == "UNPACK_SEQUENCE" else None
    return None


def _calling_line():
    """The innermost line outside of flambeau, as a traceback shows it."""
    import traceback

    frames = [f for f in traceback.extract_stack() if not f.filename.startswith(_PACKAGE)]
    return "".join(traceback.format_list(frames[-1:])).rstrip()


class GraphAppendingTracer(TracerBase):
    """Appends to a graph without tracing a program."""

    def __init__(self, graph):
        self.graph = graph


class Proxy:
    """The symbol for a node's value. Operators, methods, attributes and torch functions of it are recorded.

    Args:
        node (Node): whose value it stands for.
        tracer (TracerBase, optional): that records.
    """

    def __init__(self, node, tracer=None):
        self.tracer = GraphAppendingTracer(node.graph) if tracer is None else tracer
        self.node = node

    def __repr__(self):
        return f"{type(self).__name__}({self.node.name})"

    def __getattr__(self, name):
        if name.startswith("__") and name.endswith("__"):  # what Python itself asks for
            raise AttributeError(name)
        return Attribute(self, name)

    def __deepcopy__(self, memo):
        return Proxy(self.node, self.tracer)

    def __getstate__(self):
        return self.__dict__

    def __setstate__(self, state):
        self.__dict__ = state

    def __call__(self, *args, **kwargs):
        return self.tracer.create_proxy("call_method", "__call__", (self, *args), kwargs)

    def __iter__(self):
        return self.tracer.iter(self)

    def __abs__(self):
        return self.tracer.create_proxy("call_function", abs, (self,), {})

    def __bool__(self):
        return self.tracer.to_bool(self)

    def __index__(self):
        return self.tracer.to_bool(self)

    def keys(self):
        """The keys of a symbol that is unpacked with **."""
        return self.tracer.keys(self)

    def __len__(self):
        raise RuntimeError(
            f"fx: len({self.node.name}) is not known while tracing. fx.wrap('len') at the top of the module "
            "makes it a node."
        )

    def __contains__(self, item):
        raise TraceError(
            f"fx: whether {self.node.name} contains something is not known while tracing."
        )

    __hash__ = object.__hash__

    @classmethod
    def __torch_function__(cls, orig_method, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        proxy = first_proxy((args, kwargs))
        tracer = None if proxy is None else proxy.tracer
        name = getattr(orig_method, "__name__", "")
        if is_tensor_method_or_property(orig_method) and not is_function(orig_method):
            return tracer.create_proxy("call_method", name, args, kwargs)
        return tracer.create_proxy("call_function", orig_method, args, kwargs, name=name or None)


def is_function(operator_):
    """Whether an operator is public as torch.<name>, besides being a method."""
    import flambeau

    return getattr(flambeau, getattr(operator_, "__name__", ""), None) is operator_


def first_proxy(a):
    """The first proxy in a, which is one, or a tuple, list, dict or slice of some; None where there is none."""
    if isinstance(a, Proxy):
        return a
    if isinstance(a, dict):
        a = a.values()
    elif isinstance(a, slice):
        a = (a.start, a.stop, a.step)
    elif not isinstance(a, (tuple, list)):
        return None
    return next((p for p in map(first_proxy, a) if p is not None), None)


class Attribute(Proxy):
    """symbol.name: a node only when it is used as a value; called, it is a method's call."""

    def __init__(self, root, attr):
        self.root, self.attr, self.tracer = root, attr, root.tracer
        self._node = None

    @property
    def node(self):
        """The node that reads the attribute."""
        if self._node is None:
            made = self.tracer.create_proxy("call_function", getattr, (self.root, self.attr), {})
            self._node = made.node
        return self._node

    def __call__(self, *args, **kwargs):
        return self.tracer.create_proxy("call_method", self.attr, (self.root, *args), kwargs)


class ParameterProxy(Proxy):
    """The symbol for a parameter, whose shape is known while tracing."""

    def __init__(self, tracer, node, name, param):
        super().__init__(node, tracer)
        self.param, self.name = param, name

    shape = property(attrgetter("param.shape"), doc="The parameter's shape.")
    ndim = property(attrgetter("param.ndim"), doc="Its number of dimensions.")

    def size(self, *args):
        """Its sizes."""
        return self.param.size(*args)

    def dim(self):
        """Its number of dimensions."""
        return self.param.dim()

    def numel(self):
        """Its number of elements."""
        return self.param.numel()

    nelement = numel


def _operator(name):
    function = getattr(operator, name)

    def method(*args):
        return args[0].tracer.create_proxy("call_function", function, args, {})

    return method


def _reflected(name):
    function = getattr(operator, name)

    def method(self, other):
        return self.tracer.create_proxy("call_function", function, (other, self), {})

    return method


for _name in magic_methods:
    setattr(Proxy, f"__{_name.strip('_')}__", _operator(_name))
for _name in reflectable:
    setattr(Proxy, f"__r{_name.strip('_')}__", _reflected(_name))
