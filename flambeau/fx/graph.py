"""Graph, a list of Nodes in the order in which they run; and how it is written as Python."""

import builtins
import contextlib
import inspect
import keyword
import math
import re
from dataclasses import dataclass, field

import flambeau

from .node import INPLACE, OPERATORS, Node, map_arg, qualified_name

__all__ = ["CodeGen", "Graph", "PythonCode"]


def _snake_case(name):
    """LinearLayer -> linear_layer; conv2d stays."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


class _Namespace:
    """Names that are taken, and the objects they are given to."""

    _reserved = (
        frozenset({"self", "torch", "device", "inf", "nan", "NoneType"})
        | set(keyword.kwlist)
        | set(dir(builtins))
    )

    def __init__(self):
        self._used, self._by_object = set(), {}

    def create_name(self, candidate, obj=None):
        """A free identifier, as much like `candidate` as can be; remembered for `obj`."""
        if obj is not None and obj in self._by_object:
            return self._by_object[obj]
        candidate = re.sub(r"\W+", "_", candidate) or "_unnamed"
        if candidate[0].isdigit():
            candidate = "_" + candidate
        match = re.fullmatch(r"(.*)_(\d+)", candidate)
        base, number = (match[1], int(match[2])) if match else (candidate, 0)
        while candidate in self._used or candidate in self._reserved:
            number += 1
            candidate = f"{base}_{number}"
        self._used.add(candidate)
        if obj is not None:
            self._by_object[obj] = candidate
        return candidate


class _NodeList:
    """The nodes of a graph, as a sequence that may change while it is walked."""

    def __init__(self, graph, forward=True):
        self.graph, self.forward = graph, forward

    def __len__(self):
        return self.graph._len

    def __iter__(self):
        step = "_next" if self.forward else "_prev"
        root = self.graph._root
        node = getattr(root, step)
        while node is not root:
            if not node._erased:
                yield node
            node = getattr(node, step)

    def __reversed__(self):
        return _NodeList(self.graph, not self.forward)


@dataclass
class PythonCode:
    """A graph as Python: the source of a function `forward`, and the globals it needs."""

    src: str
    globals: dict
    _lineno_map: dict = field(default_factory=dict)


class CodeGen:
    """Writes a graph as a function. Subclasses may change how arguments come in and results go out."""

    def gen_fn_def(self, free_vars, maybe_return_annotation):
        """The line that begins the function."""
        if not free_vars or free_vars[0] != "self":
            free_vars.insert(0, "self")
        return f"def forward({', '.join(free_vars)}){maybe_return_annotation}:"

    def generate_output(self, output_args):
        """The line that ends it."""
        return f"return {output_args}"

    def process_inputs(self, *args):
        """Arguments of the function as the placeholders' values."""
        return args

    def process_outputs(self, outputs):
        """The output node's value as the function's result."""
        return outputs

    def additional_globals(self):
        """(name, object) of further globals."""
        return []

    def _gen_python_code(self, nodes, root_module, namespace, **_):
        return _Writer(self, list(nodes), root_module, namespace).write()


class _Writer:
    """One pass over a graph that writes it."""

    def __init__(self, codegen, nodes, root, namespace):
        self.codegen, self.nodes, self.root, self.namespace = codegen, nodes, root, namespace
        self.globals, self.body, self.parameters = {}, [], []
        self.annotation = ""
        for name, value in codegen.additional_globals():
            self.globals[name] = value

    def write(self):
        last_use = {}
        for node in reversed(self.nodes):
            for used in node.all_input_nodes:
                last_use.setdefault(used, node)
        dies = {}
        for used, user in last_use.items():
            dies.setdefault(user, []).append(used)
        for node in self.nodes:
            line = getattr(self, node.op)(node)
            if line is None:
                continue
            names = [n.name for n in reversed(dies.get(node, ())) if n.op != "output"]
            if not node.users and node.op not in ("placeholder", "output"):
                names.append(node.name)
            if names and node.op not in ("placeholder", "output"):
                line += f";  {' = '.join(names)} = None"
            self.body.append(line)
        if not self.body:
            self.body.append("pass")
        head = self.codegen.gen_fn_def(self.parameters, self.annotation)
        lines = "".join(f"    {part}\n" for line in self.body for part in line.split("\n"))
        return PythonCode(f"\n\n\n{head}\n{lines}", self.globals)

    # -- nodes

    def placeholder(self, node):
        default = "" if not node.args else f" = {self.argument(node.args[0])}"
        kind = self.type_of(node)
        self.parameters.append(f"{node.target}{kind}{default}")
        raw = node.target.replace("*", "")
        return None if raw == node.name else f"{node.name} = {raw}"

    def get_attr(self, node):
        return f"{node.name}{self.type_of(node)} = {self.path(node.target)}"

    def call_module(self, node):
        return f"{node.name}{self.type_of(node)} = {self.path(node.target)}({self.arguments(node.args, node.kwargs)})"

    def call_method(self, node):
        owner, rest = self.argument(node.args[0]), node.args[1:]
        owner = owner if isinstance(node.args[0], Node) else f"({owner})"
        return f"{node.name}{self.type_of(node)} = {owner}.{node.target}({self.arguments(rest, node.kwargs)})"

    def call_function(self, node):
        target, args = node.target, node.args
        if target in OPERATORS and not node.kwargs:
            text = OPERATORS[target].format(*(self.operand(a) for a in args))
            return f"{node.name}{self.type_of(node)} = {text}"
        if target in INPLACE and not node.kwargs:
            text = INPLACE[target].format(*(self.operand(a) for a in args))
            return f"{text};  {node.name}{self.type_of(node)} = {self.operand(args[0])}"
        if (
            target is getattr
            and len(args) == 2
            and isinstance(args[1], str)
            and args[1].isidentifier()
        ):
            return f"{node.name}{self.type_of(node)} = {self.operand(args[0])}.{args[1]}"
        return f"{node.name}{self.type_of(node)} = {self.name_of(target)}({self.arguments(args, node.kwargs)})"

    def output(self, node):
        if node.type is not None:
            self.annotation = f" -> {self.annotation_text(node.type)}"
        return self.codegen.generate_output(self.argument(node.args[0]))

    # -- pieces

    def type_of(self, node):
        return "" if node.type is None else f" : {self.annotation_text(node.type)}"

    def annotation_text(self, kind):
        return self.name_of(kind) if isinstance(kind, type) else self.add_global("annotation", kind)

    def path(self, target):
        text = self.root
        for part in target.split("."):
            plain = part.isidentifier() and not keyword.iskeyword(part)
            text = f"{text}.{part}" if plain else f'getattr({text}, "{part}")'
        return text

    def arguments(self, args, kwargs):
        parts = [self.argument(a) for a in args]
        return ", ".join(parts + [f"{k} = {self.argument(v)}" for k, v in kwargs.items()])

    def operand(self, a):
        text = self.argument(a)
        return (
            f"({text})" if isinstance(a, (int, float, complex)) and text.startswith("-") else text
        )

    def add_global(self, hint, obj):
        """A global name for `obj`."""
        for name, known in self.globals.items():
            if known is obj:
                return name
        name = self.namespace.create_name(hint, None)
        self.globals[name] = obj
        return name

    def name_of(self, obj):
        """How the code calls a function or a type: by its path in torch, or by a global."""
        name = qualified_name(obj)
        if name.startswith("builtins."):
            return name.removeprefix("builtins.")
        if name.startswith("torch."):
            found = flambeau
            for part in name.split(".")[1:]:
                found = getattr(found, part, None)
            if found is obj:
                self.globals["torch"] = flambeau
                return name
        return self.add_global(name.replace(".", "_").replace("<lambda>", "function"), obj)

    def argument(self, a):
        """A value as the source of an expression."""
        if isinstance(a, Node):
            return a.name
        if isinstance(a, tuple) and hasattr(a, "_fields"):
            return f"{self.name_of(type(a))}({', '.join(map(self.argument, a))})"
        if isinstance(a, (tuple, flambeau.Size)):
            return f"({', '.join(map(self.argument, a))}{',' * (len(a) == 1)})"
        if isinstance(a, list):
            return f"[{', '.join(map(self.argument, a))}]"
        if isinstance(a, dict):
            return (
                f"{{{', '.join(f'{self.argument(k)}: {self.argument(v)}' for k, v in a.items())}}}"
            )
        if isinstance(a, slice):
            return f"slice({', '.join(map(self.argument, (a.start, a.stop, a.step)))})"
        if isinstance(a, float) and not math.isfinite(a):
            return f"float('{a}')"
        if isinstance(a, (flambeau.dtype, flambeau.memory_format, flambeau.layout)):
            self.globals["torch"] = flambeau
            return str(a)
        if isinstance(a, flambeau.device):
            self.globals["torch"] = flambeau
            return f"torch.{a!r}"
        if (
            isinstance(a, (str, int, float, complex, bytes, range, type(None), type(...)))
            and type(a).__module__ == "builtins"
        ):
            return repr(a)
        if callable(a):
            return self.name_of(a)
        return self.add_global(f"_{type(a).__name__}", a)


class Graph:
    """Nodes in order, each using only earlier ones.

    Args:
        owning_module (GraphModule, optional): whose parameters and modules the nodes name.
        tracer_cls (type, optional): the Tracer that made it.

    Example:
        >>> from flambeau.fx import Graph, GraphModule
        >>> graph = Graph()
        >>> x = graph.placeholder("x")
        >>> _ = graph.output(graph.call_function(flambeau.relu, (x,)))
        >>> print(graph)
        graph():
            %x : [num_users=1] = placeholder[target=x]
            %relu : [num_users=1] = call_function[target=torch.relu](args = (%x,), kwargs = {})
            return relu
    """

    def __init__(self, owning_module=None, tracer_cls=None, tracer_extras=None):
        self._root = Node(self, "", "output", "root", (), {})
        self._insert, self._len = self._root.prepend, 0
        self._graph_namespace = _Namespace()
        self.owning_module, self._tracer_cls, self._tracer_extras = (
            owning_module,
            tracer_cls,
            tracer_extras,
        )
        self._codegen = CodeGen()

    @property
    def nodes(self):
        """All nodes in order."""
        return _NodeList(self)

    def output_node(self):
        """The node that gives the result."""
        return next(node for node in reversed(self.nodes) if node.op == "output")

    def find_nodes(self, *, op, target=None, sort=True):
        """The nodes of one op, and of one target where it is given."""
        return [n for n in self.nodes if n.op == op and (target is None or n.target == target)]

    # -- making nodes

    def _name_for(self, target):
        name = getattr(target, "__name__", None) or str(target)
        if name.startswith("__") and name.endswith("__"):
            name = name[2:-2]
        return _snake_case(name)

    def create_node(self, op, target, args=None, kwargs=None, name=None, type_expr=None):
        """A new node where nodes are being put: at the end, or where inserting_before() says."""
        args, kwargs = args or (), kwargs or {}
        for used in _nodes_in((args, kwargs)):
            if used.graph is not self:
                raise RuntimeError(f"create_node: argument {used} is a node of another graph.")
        name = self._graph_namespace.create_name(
            name if name is not None else self._name_for(target)
        )
        node = Node(self, name, op, target, args, kwargs, type_expr)
        self._insert(node)
        self._len += 1
        return node

    def placeholder(self, name, type_expr=None, default_value=inspect.Signature.empty):
        """An input."""
        args = () if default_value is inspect.Signature.empty else (default_value,)
        return self.create_node("placeholder", name, args, type_expr=type_expr)

    def get_attr(self, qualified_name, type_expr=None):
        """A parameter, buffer or other attribute of the owning module."""
        return self.create_node("get_attr", qualified_name, type_expr=type_expr)

    def call_module(self, module_name, args=None, kwargs=None, type_expr=None):
        """A call of a submodule."""
        return self.create_node("call_module", module_name, args, kwargs, type_expr=type_expr)

    def call_method(self, method_name, args=None, kwargs=None, type_expr=None):
        """A call of a method of args[0]."""
        return self.create_node("call_method", method_name, args, kwargs, type_expr=type_expr)

    def call_function(self, the_function, args=None, kwargs=None, type_expr=None, name=None):
        """A call of a function."""
        return self.create_node("call_function", the_function, args, kwargs, name, type_expr)

    def output(self, result, type_expr=None):
        """The result."""
        return self.create_node("output", "output", (result,), type_expr=type_expr)

    def node_copy(self, node, arg_transform=lambda x: x):
        """A copy of another graph's node; arg_transform gives this graph's node for one of that."""
        args = map_arg(node.args, arg_transform)
        kwargs = map_arg(node.kwargs, arg_transform)
        copied = self.create_node(node.op, node.target, args, kwargs, node.name, node.type)
        copied.meta = dict(node.meta)
        return copied

    def graph_copy(self, g, val_map, return_output_node=False):
        """Copies all nodes of `g` but its output, whose value, as this graph has it, is given back.

        Args:
            val_map (dict of Node): nodes of `g` that stand for nodes here; filled with the rest.
        """
        for node in g.nodes:
            if node in val_map:
                continue
            if node.op == "output":
                value = map_arg(node.args[0], lambda n: val_map[n])
                return (value, node) if return_output_node else value
            val_map[node] = self.node_copy(node, lambda n: val_map[n])
        return None

    # -- changing

    def erase_node(self, to_erase):
        """Removes a node that nobody uses.

        Raises:
            RuntimeError: it has users.
        """
        if to_erase.users:
            raise RuntimeError(
                f"erase_node: {to_erase} still has {len(to_erase.users)} users: {list(to_erase.users)}."
            )
        if to_erase.graph is not self:
            raise RuntimeError(f"erase_node: {to_erase} is a node of another graph.")
        if to_erase._erased:
            return
        to_erase._remove_from_list()
        to_erase._erased = True
        to_erase._set((), {})
        self._len -= 1

    @contextlib.contextmanager
    def _inserting(self, insert):
        before, self._insert = self._insert, insert
        try:
            yield
        finally:
            self._insert = before

    def inserting_before(self, n=None):
        """A context in which new nodes are put before `n`; at the very beginning without it."""
        return self.inserting_after(self._root) if n is None else self._inserting(n.prepend)

    def inserting_after(self, n=None):
        """A context in which new nodes are put after `n`, in their order; at the end without it."""
        if n is None:
            return self.inserting_before(self._root)
        last = [n]

        def insert(node):
            last[0].append(node)
            last[0] = node

        return self._inserting(insert)

    def eliminate_dead_code(self, is_impure_node=None):
        """Erases nodes whose results nobody uses and that do nothing else; True if there were any."""
        impure = is_impure_node or Node.is_impure
        before = self._len
        for node in reversed(self.nodes):
            if not node.users and not impure(node):
                self.erase_node(node)
        return self._len < before

    def lint(self):
        """Checks that names are unique, arguments come first, and targets exist in the owning module.

        Raises:
            RuntimeError: what is wrong, and where.
        """
        seen, names = set(), set()
        for node in self.nodes:
            if node.graph is not self:
                raise RuntimeError(f"lint: {node} is a node of another graph.")
            for used in node.all_input_nodes:
                if used not in seen:
                    raise RuntimeError(f"lint: {node} uses {used} before it is there.")
            if node.name in names:
                raise RuntimeError(f"lint: two nodes are named {node.name}.")
            seen.add(node)
            names.add(node.name)
            if self.owning_module is not None and node.op in ("call_module", "get_attr"):
                self._check_target(node)

    def _check_target(self, node):
        owner = self.owning_module
        for part in node.target.split("."):
            if not hasattr(owner, part):
                raise RuntimeError(
                    f"lint: {node} names {node.target}, but its module has no {part}."
                )
            owner = getattr(owner, part)
        if node.op == "call_module" and not isinstance(owner, flambeau.nn.Module):
            raise RuntimeError(
                f"lint: {node} calls {node.target}, which is a {type(owner).__name__}."
            )

    # -- as text, as code

    def set_codegen(self, codegen):
        """Another CodeGen."""
        self._codegen = codegen

    def process_inputs(self, *args):
        """Arguments of the function as the placeholders' values."""
        return self._codegen.process_inputs(*args)

    def process_outputs(self, out):
        """The output's value as the function's result."""
        return self._codegen.process_outputs(out)

    def python_code(self, root_module="self", *, verbose=False, **options):
        """The graph as Python, a PythonCode.

        Args:
            root_module (str): the name of what parameters and modules are attributes of.
        """
        if verbose or any(options.values()):
            names = [name for name, value in {"verbose": verbose, **options}.items() if value]
            raise NotImplementedError(f"python_code: {', '.join(names)} is not offered.")
        namespace = _Namespace()
        namespace._used.update(node.name for node in self.nodes)
        namespace._used.update(
            n.target.replace("*", "") for n in self.nodes if n.op == "placeholder"
        )
        return self._codegen._gen_python_code(self.nodes, root_module, namespace)

    def __str__(self):
        lines = [node.format_node([]) for node in self.nodes]
        return "graph():" + "".join(f"\n    {line}" for line in lines)

    def print_tabular(self):
        """Prints the nodes as a table."""
        rows = [("opcode", "name", "target", "args", "kwargs")]
        rows += [tuple(map(str, (n.op, n.name, n.target, n.args, n.kwargs))) for n in self.nodes]
        widths = [max(len(row[i]) for row in rows) for i in range(5)]
        rows.insert(1, tuple("-" * w for w in widths))
        for row in rows:
            print("  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip())

    def __deepcopy__(self, memo):
        copied = Graph(tracer_cls=self._tracer_cls)
        copied._codegen = self._codegen
        memo[id(self)] = copied
        val_map = {}
        found = copied.graph_copy(self, val_map, return_output_node=True)
        if found is not None:
            value, old = found
            new = copied.output(value, old.type)
            new.meta = dict(old.meta)
        return copied

    def __reduce__(self):
        places = {node: _Place(i) for i, node in enumerate(self.nodes)}
        rows = [
            (
                n.op,
                n.target,
                map_arg(n.args, places.get),
                map_arg(n.kwargs, places.get),
                n.name,
                n.type,
            )
            for n in self.nodes
        ]
        return _graph_of, (rows, self._tracer_cls, self._codegen)


@dataclass(frozen=True)
class _Place:
    """The position of a node, in pickles."""

    index: int


def _graph_of(rows, tracer_cls, codegen):
    from .node import map_aggregate

    graph, nodes = Graph(tracer_cls=tracer_cls), []
    graph._codegen = codegen
    for op, target, args, kwargs, name, kind in rows:
        back = lambda a: nodes[a.index] if isinstance(a, _Place) else a
        args, kwargs = map_aggregate(args, back), map_aggregate(kwargs, back)
        nodes.append(graph.create_node(op, target, args, kwargs, name, kind))
    return graph


def _nodes_in(a):
    found = []
    map_arg(a, found.append)
    return found
