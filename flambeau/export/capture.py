"""A program as one graph: recorded once with the example, and where sizes may change once more with others."""

import flambeau

from ..fx.node import map_arg
from ..utils import _pytree as pytree
from .recorder import Recorder, name_of
from .recurrence import recurrences_as_one
from .sizes import sym_size

__all__ = ["Captured", "SpecializationError", "capture"]


class SpecializationError(RuntimeError):
    """A size that should be free has been used as a number, so that the graph holds for that size only."""


class Captured:
    """What capture() gives.

    Attributes:
        graph (fx.Graph): placeholders for the tensors among the arguments, get_attr for parameters, buffers and
            constants; its output is a list of the results' leaves.
        attributes (dict): name -> tensor of each get_attr.
        inputs (list): one entry for each placeholder: its name.
        in_spec, out_spec (TreeSpec): of (args, kwargs) and of the results.
        leaves (list): the arguments' leaves; tensors as the example's.
        numbers_read (bool): whether the program read numbers from tensors that depend on inputs.
    Nodes have meta: "val", a tensor on meta like the example's; "dynamic", the dims that change.
    """

    def __init__(self, graph, attributes, inputs, in_spec, out_spec, leaves, numbers_read):
        self.graph, self.attributes, self.inputs = graph, attributes, inputs
        self.in_spec, self.out_spec, self.leaves = in_spec, out_spec, leaves
        self.numbers_read = numbers_read


def capture(program, args, kwargs=None, *, names=None, dynamic=None, leaf=None, reads=None,
            keep_parameters=False):  # fmt: skip
    """The graph of program(*args, **kwargs).

    Args:
        program (Module or callable).
        args (tuple), kwargs (dict): an example; tensors in nested lists, tuples and dicts become inputs, all else
            is a constant of the graph.
        names (list of str, optional): of the inputs.
        dynamic (dict, optional): place of an input -> {dim: (smallest, largest size)}, those that may change.
        leaf (callable): function -> bool, whether it becomes one node; by default each.
        reads (callable): told (operator, source line) when a number is read from a tensor.
        keep_parameters (bool): whether what is computed of parameters and buffers alone is recorded, too; else it is
            computed once and a constant.

    Raises:
        SpecializationError: a dynamic size was used as a number.
    """
    dynamic = {place: dims for place, dims in (dynamic or {}).items() if dims}
    leaves, in_spec = pytree.tree_flatten((tuple(args), dict(kwargs or {})))
    names = names or _names(program, args, kwargs or {})
    options = dict(
        names=names, in_spec=in_spec, leaf=leaf, reads=reads, keep_parameters=keep_parameters
    )
    captured = _record(program, leaves, symbolic=bool(dynamic), **options)
    if not dynamic:
        if (
            captured.numbers_read
        ):  # then other values may give another graph, and the caller has been told
            for node in captured.graph.nodes:
                node.meta["dynamic"] = frozenset()
            return captured
        others = [_rolled(v) if isinstance(v, flambeau.Tensor) else v for v in leaves]
        return _settled(
            captured, _record(program, others, symbolic=False, **(options | {"reads": None}))
        )
    problem = None
    for change in _CHANGES:
        try:
            others = _resized(leaves, dynamic, change)
            again = _record(program, others, symbolic=True, **(options | {"reads": None}))
        except Exception as error:  # the program does not take these sizes
            problem = problem or error
            continue
        try:
            return _settled(captured, again)
        except SpecializationError as error:
            if not isinstance(problem, SpecializationError):
                problem = error
    if isinstance(problem, SpecializationError):
        raise problem
    raise SpecializationError(
        "export: the program fails with other sizes of its dynamic dims, so they are not free. It said: "
        f"{type(problem).__name__}: {problem}"
    ) from problem


_CHANGES = (
    lambda n: 2 * n + 1 if n > 4 else n + 4,
    lambda n: 2 * n,
    lambda n: 3 * n,
    lambda n: n + 1,
    lambda n: max(n // 2, 1),
)


def _record(program, leaves, *, symbolic, names, in_spec, leaf, reads, keep_parameters):
    read = []

    def note(name, source):
        read.append(name)
        if reads is not None:
            reads(name, source)

    recorder = Recorder(symbolic, leaf or (lambda function: True), note, keep_parameters)
    module = program if isinstance(program, flambeau.nn.Module) else None
    attributes = {}
    if module is not None:
        for kind in (module.named_parameters, module.named_buffers):
            for name, tensor in kind(remove_duplicate=False):
                recorder.names.setdefault(id(tensor), name)
                attributes[name] = tensor
    kept = {} if module is None else {b: b.detach().clone() for b in module.buffers()}
    values = list(leaves)
    inputs = []
    for place, value in enumerate(values):
        if isinstance(value, flambeau.Tensor):
            node = recorder.graph.placeholder(names[place])
            inputs.append(node.target)
            values[place] = value.detach().clone()
            recorder.bind(values[place], node)
    args, kwargs = pytree.tree_unflatten(values, in_spec)
    try:
        with flambeau.no_grad(), recorder, recurrences_as_one(recorder):
            result = program(*args, **kwargs)
    finally:
        with flambeau.no_grad():
            for buffer, value in kept.items():
                buffer.copy_(value)
    results, out_spec = pytree.tree_flatten(result)
    if keep_parameters and module is not None:
        recorder.write_buffers(module)
    recorder.graph.output([recorder.arguments(value) for value in results])
    recorder.graph.eliminate_dead_code()
    attributes.update(recorder.constants)
    used = {node.target for node in recorder.graph.nodes if node.op == "get_attr"}
    attributes = {name: tensor for name, tensor in attributes.items() if name in used}
    return Captured(recorder.graph, attributes, inputs, in_spec, out_spec, leaves, bool(read))


def _names(program, args, kwargs):
    """A name for each leaf of (args, kwargs), from the program's signature where it has one."""
    import inspect

    call = program.forward if isinstance(program, flambeau.nn.Module) else program
    try:
        bound = inspect.signature(call).bind(*args, **kwargs)
        named = []
        for name, value in bound.arguments.items():
            kind = bound.signature.parameters[name].kind
            if kind is inspect.Parameter.VAR_POSITIONAL:
                named += [(f"{name}_{i}", v) for i, v in enumerate(value)]
            elif kind is inspect.Parameter.VAR_KEYWORD:
                named += list(value.items())
            else:
                named.append((name, value))
        by_value = {}
        for name, value in named:
            by_value.setdefault(id(value), []).append(name)
        in_order = [by_value[id(v)].pop(0) for v in (*args, *kwargs.values())]
    except (TypeError, ValueError, KeyError):
        in_order = [f"input_{i}" for i in range(len(args))] + list(kwargs)
    names = []
    for name, value in zip(in_order, (*args, *kwargs.values()), strict=True):
        leaves = pytree.tree_leaves(value)
        names += [name] if len(leaves) == 1 else [f"{name}_{i}" for i in range(len(leaves))]
    return names


def _resized(leaves, dynamic, change):
    """The example with its dynamic dims changed: its rows, over and over."""
    others = list(leaves)
    for place, dims in dynamic.items():
        tensor = others[place]
        for dim, (smallest, largest) in dims.items():
            old = tensor.size(dim)
            new = change(old)
            new = (
                max(new, smallest or 0)
                if largest is None
                else min(max(new, smallest or 0), largest)
            )
            if old == 0:
                raise ValueError(f"input {place} has no elements in dim {dim}")
            tensor = tensor.index_select(dim, flambeau.arange(new) % old)
        others[place] = tensor
    return [_rolled(v) if isinstance(v, flambeau.Tensor) else v for v in others]


def _rolled(tensor):
    """The same values at other places: still valid as indices, and another input all the same."""
    return tensor.flatten().roll(1).view(tensor.shape) if tensor.numel() > 1 else tensor


# ------------------------------------------------------------------------------- two graphs made one


def _settled(captured, again):
    """The first of two graphs, with sizes that did not change as numbers; both must be the same program."""
    pairs = {}
    first, second = list(captured.graph.nodes), list(again.graph.nodes)
    for one, two in zip(first, second, strict=False):
        if one.op != two.op or (one.op != "get_attr" and one.target != two.target):
            raise _differs(one, f"a second run with other sizes calls {_called(two)} there")
        pairs[one] = two
        if one.op == "get_attr":
            _compare_constants(one, captured.attributes[one.target], again.attributes[two.target])
        elif one.op == "call_function" and one.target is not sym_size:
            _compare(one, one.args, two.args, pairs)
            _compare(one, one.kwargs, two.kwargs, pairs)
        one.meta["dynamic"] = _changed(one.meta.get("val"), two.meta.get("val"))
    if len(first) != len(second):
        longer = max(first, second, key=len)
        raise _differs(
            longer[min(len(first), len(second))], "the number of steps depends on a size"
        )
    _fold(captured.graph, pairs)
    return captured


def _called(node):
    return name_of(node.target) if node.op == "call_function" else node.op


def _differs(node, why):
    return SpecializationError(
        f"export: {_called(node)}, at {node.meta.get('stack_trace', 'the results')}: {why}. A dynamic size was read as a "
        "plain number (int(), a loop, a branch, torch.tensor of it). Use the size itself, or make that dim static."
    )


def _compare_constants(node, one, two):
    same = one is two or (
        one.shape == two.shape and one.dtype == two.dtype and flambeau.equal(one, two)
    )
    if not same and not (one.is_floating_point() and one.shape == two.shape and
                         flambeau.allclose(one, two, equal_nan=True)):  # fmt: skip
        raise SpecializationError(
            f"export: a tensor {tuple(one.shape)} that is used at {node.meta.get('stack_trace')} is a constant to the "
            "recorder, but with other inputs it is another one: it was computed of inputs by ways that are not seen "
            "(NumPy, an autograd.Function), or of a size that was read as a number."
        )


def _compare(node, one, two, pairs):
    from ..fx import Node

    if isinstance(one, Node) or isinstance(two, Node):
        if pairs.get(one) is not two:
            raise _differs(node, "its arguments come from elsewhere with other sizes")
    elif isinstance(one, slice):
        for a, b in zip(
            (one.start, one.stop, one.step), (two.start, two.stop, two.step), strict=True
        ):
            _compare(node, a, b, pairs)
    elif isinstance(one, (tuple, list)):
        if len(one) != len(two):
            raise _differs(node, f"a list of {len(one)} has {len(two)} with other sizes")
        for a, b in zip(one, two, strict=True):
            _compare(node, a, b, pairs)
    elif isinstance(one, dict):
        for key in one:
            _compare(node, one[key], two[key], pairs)
    elif isinstance(one, flambeau.Generator) or one is two:
        return
    elif not (one == two or (one != one and two != two)):
        raise _differs(node, f"the number {one!r} is {two!r} with other sizes")


def _changed(one, two):
    """The dims of a value that differ in two runs; of a tuple of values one set each."""
    if isinstance(one, flambeau.Tensor):
        return frozenset(d for d, (a, b) in enumerate(zip(one.shape, two.shape)) if a != b)
    if isinstance(one, (tuple, list)):
        return [_changed(a, b) for a, b in zip(one, two)]
    return frozenset() if one == two else frozenset({0})


def _fold(graph, pairs):
    """Sizes that are the same in both runs become numbers, and so does what is computed of them alone."""
    values = {}
    for node in graph.nodes:
        if node.op != "call_function":
            continue
        if node.target is sym_size:
            if node.meta["val"] == pairs[node].meta["val"]:
                values[node] = node.meta["val"]
        elif isinstance(node.meta.get("val"), (int, float)):
            if all(used in values for used in node.all_input_nodes):
                values[node] = node.meta["val"]
    for node in graph.nodes:
        if node not in values and any(used in values for used in node.all_input_nodes):
            node.args = map_arg(node.args, lambda used: values.get(used, used))
            node.kwargs = map_arg(node.kwargs, lambda used: values.get(used, used))
    graph.eliminate_dead_code()
