"""Interpreter, which runs a graph node by node; Transformer, which writes a new one on the way."""

from .graph import Graph
from .graph_module import GraphModule
from .node import map_arg
from .proxy import Proxy
from .tracer import Tracer

__all__ = ["Interpreter", "Transformer"]


class Interpreter:
    """Runs a GraphModule's nodes one by one. A subclass takes over run_node, or the method of one op.

    Args:
        module (Module): whose attributes nodes name.
        garbage_collect_values (bool): whether a value is let go after its last use.
        graph (Graph, optional): run instead of module.graph.

    Attributes:
        env (dict): the values of nodes so far.

    Example:
        >>> from flambeau.fx import Interpreter, symbolic_trace
        >>> gm = symbolic_trace(lambda x: flambeau.relu(x) + 1)
        >>> class Names(Interpreter):
        ...     def run_node(self, n):
        ...         print(n.name, end=" ")
        ...         return super().run_node(n)
        >>> Names(gm).run(flambeau.tensor(-1.0))
        x relu add output tensor(1.)
    """

    def __init__(self, module, garbage_collect_values=True, graph=None):
        self.module, self.submodules = module, dict(module.named_modules())
        self.graph = module.graph if graph is None else graph
        self.garbage_collect_values, self.name = garbage_collect_values, "Interpreter"
        self.env = {}
        self.extra_traceback = True
        self._dies = {}
        if garbage_collect_values:
            seen = set()
            for node in reversed(self.graph.nodes):
                for used in node.all_input_nodes:
                    if used not in seen:
                        seen.add(used)
                        self._dies.setdefault(node, []).append(used)

    def run(self, *args, initial_env=None, enable_io_processing=True):
        """The graph's result for `args`.

        Args:
            initial_env (dict, optional): values of nodes that are not run.
            enable_io_processing (bool): whether the graph's CodeGen treats arguments and result.
        """
        self.env = dict(initial_env or {})
        if enable_io_processing:
            args = self.graph.process_inputs(*args)
        self.args_iter = iter(args)
        for node in self.graph.nodes:
            if node in self.env:
                continue
            try:
                self.env[node] = self.run_node(node)
            except Exception as error:
                if self.extra_traceback and hasattr(error, "add_note"):
                    error.add_note(f"while running the node {node.format_node()}")
                raise
            for dead in self._dies.get(node, ()):
                self.env.pop(dead, None)
            if node.op == "output":
                value = self.env[node]
                return self.graph.process_outputs(value) if enable_io_processing else value
        return None

    def boxed_run(self, args_list):
        """run() of a list of arguments, which is emptied."""
        args = list(args_list)
        args_list.clear()
        return self.run(*args, enable_io_processing=False)

    def run_node(self, n):
        """One node's value."""
        args, kwargs = self.fetch_args_kwargs_from_env(n)
        return getattr(self, n.op)(n.target, args, kwargs)

    def placeholder(self, target, args, kwargs):
        """The next argument."""
        if target.startswith("**"):
            raise NotImplementedError("Interpreter: **kwargs as an input.")
        if target.startswith("*"):
            return list(self.args_iter)
        try:
            return next(self.args_iter)
        except StopIteration:
            if args:
                return args[0]
            raise RuntimeError(
                f"Interpreter: no argument is given for {target}, which has no default."
            ) from None

    def get_attr(self, target, args, kwargs):
        """An attribute of the module."""
        return self.fetch_attr(target)

    def call_function(self, target, args, kwargs):
        """target(*args, **kwargs)."""
        return target(*args, **kwargs)

    def call_method(self, target, args, kwargs):
        """args[0].target(*args[1:], **kwargs)."""
        return getattr(args[0], target)(*args[1:], **kwargs)

    def call_module(self, target, args, kwargs):
        """The submodule's call."""
        return self.fetch_attr(target)(*args, **kwargs)

    def output(self, target, args, kwargs):
        """The result."""
        return args[0]

    def fetch_attr(self, target):
        """What a path names in the module."""
        value = self.module
        for part in target.split("."):
            if not hasattr(value, part):
                raise RuntimeError(
                    f"Interpreter: {target} is not there; {type(value).__name__} has no {part}."
                )
            value = getattr(value, part)
        return value

    def fetch_args_kwargs_from_env(self, n):
        """A node's arguments with values in place of nodes."""
        return self.map_nodes_to_values(n.args, n), self.map_nodes_to_values(n.kwargs, n)

    def map_nodes_to_values(self, args, n):
        """Arguments with values in place of nodes."""

        def value(node):
            if node not in self.env:
                raise RuntimeError(f"Interpreter: {n} uses {node}, which has no value (yet).")
            return self.env[node]

        return map_arg(args, value)


class Transformer(Interpreter):
    """Runs a graph with symbols and so writes a new one; a subclass changes what each op becomes.

    Example:
        >>> from flambeau.fx import Transformer, symbolic_trace
        >>> class Gelu(Transformer):
        ...     def call_function(self, target, args, kwargs):
        ...         target = flambeau.nn.functional.gelu if target is flambeau.relu else target
        ...         return super().call_function(target, args, kwargs)
        >>> Gelu(symbolic_trace(lambda x: flambeau.relu(x))).transform().graph.nodes.__len__()
        3
    """

    def __init__(self, module):
        super().__init__(module)
        self.new_graph = Graph(tracer_cls=module.graph._tracer_cls)
        self.new_graph.set_codegen(module.graph._codegen)
        self.tracer = _Appending(self.new_graph, module)

    def placeholder(self, target, args, kwargs):
        node = self.new_graph.create_node("placeholder", target, args[:1])
        return Proxy(node, self.tracer)

    def get_attr(self, target, args, kwargs):
        return self.tracer.create_proxy("get_attr", target, args, kwargs)

    def call_module(self, target, args, kwargs):
        return self.tracer.create_proxy("call_module", target, args, kwargs)

    def call_function(self, target, args, kwargs):
        return self.tracer.create_proxy("call_function", target, args, kwargs)

    def transform(self):
        """The new GraphModule."""
        result = super().run(enable_io_processing=False)
        if result is not None:
            self.new_graph.output(map_proxies(result))
        return GraphModule(self.module, self.new_graph)


class _Appending(Tracer):
    def __init__(self, graph, root):
        super().__init__()
        self.graph, self.root, self._constants = graph, root, {}

    def is_leaf_module(self, m, module_qualified_name):
        return True


def map_proxies(value):
    """A value with nodes in place of symbols."""
    from .node import map_aggregate

    return map_aggregate(value, lambda x: x.node if isinstance(x, Proxy) else x)
