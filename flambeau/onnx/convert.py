"""A recorded program as an ONNX model: each node by its rule."""

import flambeau

from ..export.recorder import name_of, short_name
from ..export.sizes import sym_size
from ..fx import Node
from ..fx.node import map_aggregate
from .builder import Builder, Value, kind_of, onnx_package, tensor_proto
from .errors import UnsupportedOperatorError
from .rules import load

__all__ = ["convert"]

_SIZE_RULES = {
    "add": lambda g, a, b: g.op("Add", a, b),
    "sub": lambda g, a, b: g.op("Sub", a, b),
    "mul": lambda g, a, b: g.op("Mul", a, b),
    "mod": lambda g, a, b: g.op("Mod", a, b),
    "pow": lambda g, a, b: g.op("Pow", a, b),
    "neg": lambda g, a: g.op("Neg", a),
}


def convert(captured, *, opset, input_names=None, output_names=None, axis_names=None, custom=None, export_params=True,
            custom_opsets=None):  # fmt: skip
    """An onnx.ModelProto of a Captured graph.

    Args:
        opset (int): the version of ONNX's operators.
        input_names, output_names (list of str, optional): of the first inputs and results.
        axis_names (dict): place of an input -> {dim: name} of its dynamic dims; outputs by name likewise.
        custom (dict): operator's name -> symbolic function of the caller.
        export_params (bool): whether parameters go into the file; else they are inputs.
        custom_opsets (dict): domain -> version, 1 where it is not named.

    Raises:
        UnsupportedOperatorError: an operator has no rule.
    """
    conversion = _Conversion(captured, opset, custom or {}, export_params)
    return conversion.model(input_names, output_names, axis_names or {}, custom_opsets or {})


class _Conversion:
    def __init__(self, captured, opset, custom, export_params):
        self.captured, self.custom, self.export_params = captured, custom, export_params
        self.g = Builder(opset)
        self.values = {}
        self.parameters = []  # inputs, where parameters are not in the file
        self._attributes = {}  # id of a tensor -> its Value
        self.rules = load()

    def model(self, input_names, output_names, axis_names, custom_opsets):
        onnx = onnx_package()
        g, nodes = self.g, list(self.captured.graph.nodes)
        inputs, given = [], list(input_names or [])
        taken = set(given) | set(output_names or [])
        placeholders = [node for node in nodes if node.op == "placeholder"]
        for place, node in enumerate(placeholders):
            name = given[place] if place < len(given) else _free(node.name, taken)
            inputs.append(name)
            self.values[node] = _value(name, node)
        for node in nodes:
            if node.op == "get_attr":
                self.values[node] = self.attribute(node, taken)
            elif node.op == "call_function":
                self.values[node] = self.call(node)
        results = nodes[-1].args[0]
        outputs = []
        for place, result in enumerate(results):
            name = output_names[place] if output_names and place < len(output_names) else None
            outputs.append(
                self.result(result, name or _free(f"output_{place}" if place else "output", taken))
            )
        info = onnx.helper.make_tensor_value_info
        graph = onnx.helper.make_graph(
            g.nodes,
            "main_graph",
            [
                info(
                    name,
                    kind_of(node.meta["val"].dtype),
                    _shape(node.meta["val"], axis_names.get(name, {})),
                )
                for name, node in zip(inputs, placeholders)
            ]
            + self.parameters,
            [
                info(v.name, kind_of(v.dtype), _output_shape(v, axis_names.get(v.name)))
                for v in outputs
            ],
            g.initializers,
        )
        _drop_unused(graph)
        opsets = [onnx.helper.make_opsetid("", g.opset)]
        opsets += [
            onnx.helper.make_opsetid(domain, custom_opsets.get(domain, 1))
            for domain in sorted(g.domains)
        ]
        return onnx.helper.make_model(
            graph, opset_imports=opsets, producer_name="flambeau", producer_version=str(flambeau.version.flambeau),
            ir_version=min(10, onnx.IR_VERSION),
        )  # fmt: skip

    def attribute(self, node, taken):
        """A parameter, buffer or constant."""
        tensor = self.captured.attributes[node.target]
        known = self._attributes
        if id(tensor) in known:
            return known[id(tensor)]
        name = _free(node.target, taken)
        if self.export_params or node.target.startswith("_constant"):
            self.g.initializers.append(tensor_proto(tensor, name))
        else:
            info = onnx_package().helper.make_tensor_value_info
            self.parameters.append(info(name, kind_of(tensor.dtype), tuple(tensor.shape)))
        known[id(tensor)] = Value(name, tensor.dtype, tuple(tensor.shape))
        return known[id(tensor)]

    def call(self, node):
        g = self.g
        args = map_aggregate(node.args, lambda a: self.values[a] if isinstance(a, Node) else a)
        kwargs = {
            key: map_aggregate(v, lambda a: self.values[a] if isinstance(a, Node) else a)
            for key, v in node.kwargs.items()
        }
        if node.target is sym_size:
            return g.op("Shape", args[0], start=args[1], end=args[1] + 1, dtype=flambeau.int64)
        if isinstance(node.meta.get("val"), (int, float)):
            return self.number(node, args)
        name = short_name(node.target)
        if node.target is getattr:
            name, args = f"{args[1]}.__get__", args[:1]
        if name == "getitem" and isinstance(args[0], tuple):
            return args[0][args[1]]
        g.out = _value("", node)
        g.called = name if node.target is getattr else name_of(node.target)
        rule = self.custom.get(g.called) or self.custom.get(name) or self.rules.get(name)
        where = node.meta.get("stack_trace", "an unknown place")
        if rule is None:
            raise UnsupportedOperatorError(
                f"onnx.export: no rule writes {g.called} in ONNX, called at {where}. Write one with "
                "onnx.register_custom_op_symbolic, or compute it otherwise."
            )
        try:
            made = rule(g, *args, **kwargs)
        except NotImplementedError as error:
            raise NotImplementedError(f"{error} It is called at {where}.") from None
        except TypeError as error:
            raise NotImplementedError(
                f"onnx.export: {g.called}, called at {where}, has arguments that its rule does not know: {error}."
            ) from error
        return _described(made, g.out)

    def number(self, node, args):
        """What a program computes of sizes."""
        g, kind = self.g, flambeau.int64 if isinstance(node.meta["val"], int) else flambeau.float32
        name = node.target.__name__
        args = [a if isinstance(a, Value) else g.constant([a]) for a in args]
        if name == "floordiv" and kind == flambeau.int64:
            whole = g.op("Sub", args[0], g.op("Mod", *args))
            return g.op("Div", whole, args[1])
        if kind != flambeau.int64:
            args = [g.cast(a, kind) for a in args]
        if name == "truediv":
            return g.op("Div", *args)
        return _SIZE_RULES[name](g, *args)

    def result(self, value, name):
        """An output of the model under its name: a value may have only one."""
        if not isinstance(value, Node):
            if not isinstance(value, (bool, int, float)):
                raise NotImplementedError(
                    f"onnx.export: a result is {type(value).__name__}; results must be tensors."
                )
            made = self.g.constant(value)
        else:
            made = self.values[value]
        out = self.g.op("Identity", made)
        self.g.nodes[-1].output[0] = name
        return Value(name, made.dtype, made.shape, made.dynamic) if out else None


def _free(name, taken):
    while name in taken:
        name += "_"
    taken.add(name)
    return name


def _value(name, node):
    """The Value, or tuple of them, of a node, without a name yet."""

    def value(example, dynamic):
        if isinstance(example, flambeau.Tensor):
            return Value(name, example.dtype, tuple(example.shape), dynamic)
        if isinstance(example, (tuple, list)):
            return tuple(
                value(e, d) for e, d in zip(example, dynamic or [frozenset()] * len(example))
            )
        return None

    return value(node.meta.get("val"), node.meta.get("dynamic", frozenset()))


def _described(made, out):
    """What a rule gave, with what is known of the result."""
    if isinstance(out, tuple):
        return tuple(_described(m, o) for m, o in zip(made, out, strict=True))
    return Value(made.name, out.dtype if made.dtype is None else made.dtype, out.shape, out.dynamic)


def _shape(example, names):
    return [names.get(d, n) for d, n in enumerate(example.shape)]


def _output_shape(value, names):
    if value.shape is None:
        return None
    return [
        (names or {}).get(d, f"{value.name}_dim_{d}")
        if d in value.dynamic or d in (names or {})
        else n
        for d, n in enumerate(value.shape)
    ]


def _drop_unused(graph):
    """Nodes and initializers that nothing reads go."""
    needed = {output.name for output in graph.output}
    kept = []
    for node in reversed(graph.node):
        if any(name in needed for name in node.output):
            needed.update(node.input)
            kept.append(node)
    kept.reverse()
    del graph.node[:]
    graph.node.extend(kept)
    initializers = [i for i in graph.initializer if i.name in needed]
    del graph.initializer[:]
    graph.initializer.extend(initializers)
