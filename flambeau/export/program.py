"""export() and ExportedProgram."""

import collections

import flambeau

from ..fx import Graph, GraphModule, Node
from ..utils import _pytree as pytree
from .capture import capture
from .dims import dynamic_dims
from .signature import (
    ConstantArgument,
    ExportGraphSignature,
    InputKind,
    InputSpec,
    OutputKind,
    OutputSpec,
    SymIntArgument,
    TensorArgument,
)

__all__ = ["ExportedModule", "ExportedProgram", "export"]

ValueRanges = collections.namedtuple("ValueRanges", "lower upper")
CallSpec = collections.namedtuple("CallSpec", "in_spec out_spec")


def export(mod, args, kwargs=None, *, dynamic_shapes=None, strict=False, preserve_module_call_signature=(),
           prefer_deferred_runtime_asserts_over_guards=False):  # fmt: skip
    """A module as one graph of operators.

    The module is run with the example in the mode it is in, and a second time with other values and sizes, to see
    that the graph holds for them.

    Args:
        mod (Module).
        args (tuple), kwargs (dict): the example.
        dynamic_shapes (dict or sequence): for each argument {dim: Dim}, those sizes that may change.
        strict (bool): without a difference: there is one way to record.

    Returns:
        ExportedProgram: its graph calls flambeau's operators, not those of ATen.

    Raises:
        ValueError: mod is no Module.
        RuntimeError: a number is read from a tensor, or a free size is used as one.

    Example:
        >>> from flambeau.export import Dim, export
        >>> model = flambeau.nn.Linear(3, 2)
        >>> program = export(model, (flambeau.ones(2, 3),), dynamic_shapes=({0: Dim("batch")},))
        >>> program.module()(flambeau.ones(5, 3)).shape
        torch.Size([5, 2])
    """
    if not isinstance(mod, flambeau.nn.Module):
        raise ValueError(
            f"export: mod must be a Module, not {type(mod).__name__}. Put the function into a forward()."
        )
    if preserve_module_call_signature:
        raise NotImplementedError("export: preserve_module_call_signature is not offered.")
    if prefer_deferred_runtime_asserts_over_guards:
        raise NotImplementedError(
            "export: prefer_deferred_runtime_asserts_over_guards is not offered."
        )
    args, kwargs = tuple(args), dict(kwargs or {})
    named = {} if dynamic_shapes is None else dynamic_dims(mod, args, kwargs, dynamic_shapes)
    bounds = {
        place: {d: (dim.min, dim.max) for d, dim in dims.items()} for place, dims in named.items()
    }
    captured = capture(mod, args, kwargs, dynamic=bounds, reads=_refuse_read, keep_parameters=True)
    parameters = {name for name, _ in mod.named_parameters(remove_duplicate=False)}
    buffers = {name for name, _ in mod.named_buffers(remove_duplicate=False)}
    kinds = {
        name: InputKind.PARAMETER if name in parameters
        else InputKind.BUFFER if name in buffers else InputKind.CONSTANT_TENSOR
        for name in captured.attributes
    }  # fmt: skip
    kept = set(mod.state_dict())
    return ExportedProgram(captured.graph, captured.attributes, kinds, kept, captured.in_spec, captured.out_spec,
                           captured.leaves, named)  # fmt: skip


def _refuse_read(name, source):
    raise RuntimeError(
        f"export: {name} at {source} reads a number from a tensor, so that the graph would hold for this example "
        "alone. Compute with tensors there (torch.where), or leave it out of what is exported."
    )


class ExportedProgram:
    """A program as a graph, with its parameters.

    Attributes:
        graph_module (GraphModule): takes parameters, buffers, constants, then the program's tensors; gives a list.
        graph_signature (ExportGraphSignature): what each of them is.
        state_dict (dict), constants (dict): the tensors by name.
        range_constraints (dict): name of a dim -> its bounds.
        example_inputs: (args, kwargs).
    """

    def __init__(self, graph, attributes, kinds, kept, in_spec, out_spec, leaves, dims):
        self._graph, self._attributes, self._kinds, self._kept = graph, attributes, kinds, kept
        self.call_spec = CallSpec(in_spec, out_spec)
        self._leaves, self._dims = leaves, dims
        self._lifted = None

    # -- what it consists of

    @property
    def state_dict(self):
        """Parameters and persistent buffers."""
        return {
            name: tensor.detach() if self._kinds[name] is InputKind.BUFFER else tensor
            for name, tensor in self._attributes.items()
            if self._kinds[name] is InputKind.PARAMETER or (self._kinds[name] is InputKind.BUFFER and name in self._kept)
        }  # fmt: skip

    @property
    def constants(self):
        """Tensors that are neither: those that the program made, and buffers that are not saved."""
        saved = self.state_dict
        return {name: tensor for name, tensor in self._attributes.items() if name not in saved}

    @property
    def example_inputs(self):
        return pytree.tree_unflatten(self._leaves, self.call_spec.in_spec)

    @property
    def range_constraints(self):
        dims = [dim for dims in self._dims.values() for dim in dims.values()]
        return {dim.__name__: ValueRanges(dim.min, dim.max) for dim in dims}

    @property
    def dialect(self):
        """Whose operators the graph calls: "FLAMBEAU"."""
        return "FLAMBEAU"

    def parameters(self):
        """The parameters."""
        return (t for _, t in self.named_parameters())

    def named_parameters(self):
        """(name, parameter)."""
        return (
            (n, t) for n, t in self._attributes.items() if self._kinds[n] is InputKind.PARAMETER
        )

    def buffers(self):
        """The buffers."""
        return (t for _, t in self.named_buffers())

    def named_buffers(self):
        """(name, buffer)."""
        return ((n, t) for n, t in self._attributes.items() if self._kinds[n] is InputKind.BUFFER)

    @property
    def tensor_constants(self):
        return self.constants

    # -- the graph

    @property
    def graph_module(self):
        if self._lifted is None:
            self._lifted = self._lift()
        return self._lifted[0]

    @property
    def graph(self):
        return self.graph_module.graph

    @property
    def graph_signature(self):
        self.graph_module  # noqa: B018 (makes both)
        return self._lifted[1]

    def _lift(self):
        """(GraphModule with parameters as inputs, its signature)."""
        graph, nodes, specs, inputs = Graph(), {}, [], {}
        prefix = {
            InputKind.PARAMETER: "p_",
            InputKind.BUFFER: "b_",
            InputKind.CONSTANT_TENSOR: "c_",
        }
        for name, kind in self._kinds.items():
            node = inputs[name] = graph.placeholder(
                prefix[kind] + name.lstrip("_").replace(".", "_")
            )
            node.meta["val"] = flambeau.empty_like(self._attributes[name], device="meta")
            persistent = name in self._kept if kind is InputKind.BUFFER else None
            specs.append(InputSpec(kind, TensorArgument(node.name), name, persistent))
        for node in self._graph.nodes:
            if node.op == "get_attr":
                nodes[node] = inputs[node.target]
                continue
            nodes[node] = graph.node_copy(node, nodes.__getitem__)
        placeholders = iter([nodes[n] for n in self._graph.nodes if n.op == "placeholder"])
        for leaf in self._leaves:
            tensor = isinstance(leaf, flambeau.Tensor)
            arg = TensorArgument(next(placeholders).name) if tensor else ConstantArgument("", leaf)
            specs.append(InputSpec(InputKind.USER_INPUT, arg, None))
        outputs = [
            OutputSpec(OutputKind.USER_OUTPUT, _argument(value))
            for value in graph.output_node().args[0]
        ]
        return GraphModule({}, graph), ExportGraphSignature(specs, outputs)

    def module(self, check_guards=True):
        """The program as a module with its parameters, called as the original is.

        Args:
            check_guards (bool): whether arguments are compared with what was exported.
        """
        return ExportedModule(self, check_guards)

    def __call__(self, *args, **kwargs):
        raise RuntimeError("ExportedProgram: can't be called. Call program.module()(...).")

    def run_decompositions(self, decomp_table=None):
        """Not offered."""
        raise NotImplementedError(
            "ExportedProgram.run_decompositions: the graph calls flambeau's operators, which are not taken apart into "
            "those of ATen."
        )

    def __str__(self):
        return f"ExportedProgram:\n{self.graph_module.code}\nGraph signature: {self.graph_signature}\nRange constraints: {self.range_constraints}"

    def __deepcopy__(self, memo):
        import io

        from .files import load, save

        file = io.BytesIO()
        save(self, file)
        file.seek(0)
        return load(file)


def _argument(value):
    if not isinstance(value, Node):
        return ConstantArgument("", value)
    number = isinstance(value.meta.get("val"), (int, float))
    return (SymIntArgument if number else TensorArgument)(value.name)


class ExportedModule(GraphModule):
    """A program's graph as a module; its forward takes the tensors, its call the arguments of the original.

    Raises:
        TypeError: by the call, for arguments of another structure.
        RuntimeError: by the call, for another size, dtype or value than was exported.
    """

    def __init__(self, program, check=True):
        super().__init__(_tree_of(program), program._graph, "ExportedModule")
        self._program, self._check = program, check

    def __call__(self, *args, **kwargs):
        leaves, spec = pytree.tree_flatten((args, kwargs))
        program = self._program
        if spec != program.call_spec.in_spec:
            raise TypeError(
                f"ExportedModule: the arguments are {spec}, but {program.call_spec.in_spec} was exported."
            )
        if self._check:
            _check(leaves, program)
        tensors = [v for v in leaves if isinstance(v, flambeau.Tensor)]
        return pytree.tree_unflatten(list(super().__call__(*tensors)), program.call_spec.out_spec)

    def train(self, mode=True):
        """Not offered: the mode is part of what was exported."""
        raise NotImplementedError("ExportedModule.train: the mode is part of what was exported.")

    def eval(self):
        """Not offered: the mode is part of what was exported."""
        raise NotImplementedError("ExportedModule.eval: the mode is part of what was exported.")


def _tree_of(program):
    """A module that holds the program's tensors by their names."""
    root = flambeau.nn.Module()
    for name, tensor in program._attributes.items():
        *path, last = name.split(".")
        owner = root
        for part in path:
            if not hasattr(owner, part):
                owner.add_module(part, flambeau.nn.Module())
            owner = getattr(owner, part)
        if program._kinds[name] is InputKind.PARAMETER:
            owner.register_parameter(last, tensor)
        else:
            owner.register_buffer(last, tensor, persistent=name in program._kept)
    return root


def _check(leaves, program):
    sizes = {}
    for place, (value, example) in enumerate(zip(leaves, program._leaves)):
        if not isinstance(example, flambeau.Tensor):
            if value is not example and value != example:
                raise RuntimeError(
                    f"ExportedModule: argument {place} is {value!r}; it was exported as {example!r}."
                )
            continue
        if (
            not isinstance(value, flambeau.Tensor)
            or value.dtype != example.dtype
            or value.dim() != example.dim()
        ):
            raise RuntimeError(
                f"ExportedModule: argument {place} must be {example.dtype} with {example.dim()} dims, as it was exported."
            )
        free = program._dims.get(place, {})
        for dim, (size, known) in enumerate(zip(value.shape, example.shape)):
            named = free.get(dim)
            if named is None:
                fits, wanted = size == known, str(known)
            else:
                same = sizes.setdefault(named.__name__, size)
                fits = (
                    size == same and size >= named.min and (named.max is None or size <= named.max)
                )
                wanted = repr(named) if size == same else f"{same}, as {named.__name__} elsewhere"
            if not fits:
                raise RuntimeError(
                    f"ExportedModule: argument {place} has size {size} in dim {dim}; it must be {wanted}."
                )
