"""A program's operators as a graph that can be run again.

    graph = trace(function, x, y)
    print(graph)          # %2 = add(%0, %1)
    graph.run(x, y)       # the same operators on other tensors

What is recorded are the calls that the program makes: operators, methods, properties and subscripts of
tensors, each by the function that __torch_function__ would be given. Python's own control flow is
followed once, as it went; numbers read from tensors (item(), bool()) are constants of the graph.
"""

from .. import _core
from ..overrides import TorchFunctionMode, resolve_name

__all__ = ["Graph", "Node", "trace"]


class Node:
    """One value of a graph: an input, a constant tensor, or what one call gave.

    Attributes:
        kind (str): "input", "constant" or "call".
        target: the function that is called; of a constant the tensor itself.
        args, kwargs: of the call, with nodes where tensors stood.
        value: the example that tracing saw.
    """

    def __init__(self, index, kind, target=None, args=(), kwargs=None, value=None):
        self.index, self.kind, self.target = index, kind, target
        self.args, self.kwargs, self.value = args, kwargs or {}, value

    @property
    def name(self):
        """The operator's name: "add", "__getitem__", "T.__get__"."""
        if self.kind != "call":
            return self.kind
        known = resolve_name(self.target)
        if known is not None:
            return known.removeprefix("torch.").removeprefix("Tensor.")
        return getattr(self.target, "__name__", repr(self.target))

    def __repr__(self):
        return f"%{self.index}"


def _replaced(value, change):
    """A value with every tensor or node in its lists, tuples and dicts changed."""
    if isinstance(value, (_core.Tensor, Node)):
        return change(value)
    if isinstance(value, slice):
        return slice(*(_replaced(v, change) for v in (value.start, value.stop, value.step)))
    if isinstance(value, (tuple, list)):
        items = [_replaced(v, change) for v in value]
        return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
    if isinstance(value, dict):
        return {key: _replaced(v, change) for key, v in value.items()}
    return value


class Graph:
    """Nodes in the order of their calls, and what of them the traced function returned."""

    def __init__(self):
        self.nodes, self.inputs, self.outputs = [], [], None

    def add(self, kind, **node):
        """A new node at the end."""
        made = Node(len(self.nodes), kind, **node)
        self.nodes.append(made)
        if kind == "input":
            self.inputs.append(made)
        return made

    def run(self, *inputs):
        """What the recorded calls give for other inputs.

        Raises TypeError for another number of them than was traced.
        """
        if len(inputs) != len(self.inputs):
            raise TypeError(
                f"Graph.run: takes {len(self.inputs)} inputs, as was traced, but got {len(inputs)}."
            )
        values = {}
        given = iter(inputs)
        for node in self.nodes:
            if node.kind == "input":
                values[node.index] = next(given)
            elif node.kind == "constant":
                values[node.index] = node.target
            else:
                args, kwargs = (
                    _replaced(part, lambda n: values[n.index]) for part in (node.args, node.kwargs)
                )
                values[node.index] = node.target(*args, **kwargs)
        return _replaced(self.outputs, lambda n: values[n.index])

    __call__ = run

    def __str__(self):
        lines = []
        for node in self.nodes:
            if node.kind != "call":
                tensor = node.value
                dtype = str(tensor.dtype).removeprefix("torch.")
                lines.append(f"%{node.index} = {node.kind}  # {dtype} {tuple(tensor.shape)}")
                continue
            given = [repr(a) for a in node.args] + [f"{k}={v!r}" for k, v in node.kwargs.items()]
            lines.append(f"%{node.index} = {node.name}({', '.join(given)})")
        return "\n".join([*lines, f"return {self.outputs!r}"])


class _Recorder(TorchFunctionMode):
    def __init__(self):
        self.graph = Graph()
        self.known = {}  # id of a tensor -> (the tensor, its node)

    def node_of(self, tensor):
        found = self.known.get(id(tensor))
        if found is not None:
            return found[1]
        node = self.graph.add("constant", target=tensor, value=tensor)
        self.known[id(tensor)] = tensor, node
        return node

    def know(self, value, node):
        """Gives the tensors of a result their nodes: its own, or those of its items."""
        if isinstance(value, _core.Tensor):
            self.known[id(value)] = value, node
        elif isinstance(value, (tuple, list)):
            for place, item in enumerate(value):
                if isinstance(item, (_core.Tensor, tuple, list)):
                    part = self.graph.add("call", target=_item, args=(node, place), value=item)
                    self.know(item, part)

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        made = isinstance(result, _core.Tensor) or (
            isinstance(result, (tuple, list)) and any(isinstance(r, _core.Tensor) for r in result)
        )
        writes = getattr(func, "__name__", "") in ("__setitem__", "__set__", "backward")
        if made or writes:
            nodes = [_replaced(part, self.node_of) for part in (args, kwargs)]
            node = self.graph.add("call", target=func, args=nodes[0], kwargs=nodes[1], value=result)
            self.know(result, node)
        return result


def _item(values, place):
    return values[place]


def trace(function, *inputs):
    """The `Graph` of the operators that function(*inputs) calls.

    Args:
        function: anything that can be called; a module's parameters become constants.
        inputs (Tensor): examples.

    Returns:
        Graph: run(*others) calls the same operators.

    Raises:
        TypeError: an input is no tensor.

    Example:
        >>> graph = torch.utils.tracing.trace(lambda x: (x + 1).relu(), torch.ones(2))
        >>> graph.run(torch.tensor([-3.0, 2.0]))
        tensor([0., 3.])
    """
    recorder = _Recorder()
    for place, value in enumerate(inputs):
        if not isinstance(value, _core.Tensor):
            raise TypeError(
                f"trace: input {place} must be a Tensor, not {type(value).__name__}. Bind other "
                "arguments with functools.partial."
            )
        recorder.known[id(value)] = value, recorder.graph.add("input", value=value)
    with recorder:
        result = function(*inputs)
    recorder.graph.outputs = _replaced(result, recorder.node_of)
    return recorder.graph
