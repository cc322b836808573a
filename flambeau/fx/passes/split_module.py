"""split_module: a graph cut into submodules."""

from ..graph import Graph
from ..graph_module import GraphModule
from ..node import map_arg

__all__ = ["split_module"]


def split_module(m, root_m, split_callback, qualname_map=None, keep_original_order=False,
                 keep_original_node_name=False, keep_original_input_name=True):  # fmt: skip
    """A GraphModule that calls submod_0, submod_1 ..., one for each number that split_callback gives.

    Args:
        m (GraphModule): cut, not changed.
        root_m (Module): that has the parameters and modules.
        split_callback: node -> int, the part that the node goes to. Parts must not need each other in a circle.
    """
    for name, value in (
        ("qualname_map", qualname_map),
        ("keep_original_node_name", keep_original_node_name),
    ):
        if value:
            raise NotImplementedError(f"split_module: {name} is not offered.")
    part_of, parts = {}, {}
    for node in m.graph.nodes:
        if node.op in ("placeholder", "output"):
            continue
        if node.op == "get_attr":
            continue  # copied into each part that uses it
        part_of[node] = split_callback(node)
        parts.setdefault(part_of[node], []).append(node)
    order = _in_order(parts, part_of)
    whole, env, modules = Graph(tracer_cls=m.graph._tracer_cls), {}, {}
    for node in m.graph.nodes:
        if node.op in ("placeholder", "get_attr"):
            env[node] = whole.node_copy(node, lambda n: env[n])
    for part in order:
        inner, inputs, outputs = _part(m, parts[part], part_of, part)
        name = f"submod_{part}"
        modules[name] = GraphModule(root_m, inner, name)
        call = whole.call_module(name, tuple(env[n] for n in inputs))
        if len(outputs) == 1:
            env[outputs[0]] = call
        else:
            import operator

            for i, n in enumerate(outputs):
                env[n] = whole.call_function(operator.getitem, (call, i))
    result = m.graph.output_node().args[0]
    whole.output(map_arg(result, lambda n: env[n]))
    whole.eliminate_dead_code()
    attributes = {n.target: _found(root_m, n.target)
                  for n in whole.nodes if n.op == "get_attr"}  # fmt: skip
    return GraphModule({**attributes, **modules}, whole, type(m).__name__)


def _found(module, target):
    for part in target.split("."):
        module = getattr(module, part)
    return module


def _in_order(parts, part_of):
    """The parts, each after those it takes values from."""
    needs = {
        part: {part_of[u] for n in nodes for u in n.all_input_nodes if u in part_of} - {part}
        for part, nodes in parts.items()
    }
    order = []
    while len(order) < len(parts):
        ready = [p for p in parts if p not in order and needs[p] <= set(order)]
        if not ready:
            raise RuntimeError("split_module: the parts need each other in a circle.")
        order += ready[:1]
    return order


def _part(m, nodes, part_of, part):
    inner, env, inputs = Graph(tracer_cls=m.graph._tracer_cls), {}, []
    mine = set(nodes)
    for node in nodes:
        for used in node.all_input_nodes:
            if used in env or used in mine:
                continue
            if used.op == "get_attr":
                env[used] = inner.get_attr(used.target)
            else:
                inputs.append(used)
                env[used] = inner.placeholder(used.name)
        env[node] = inner.node_copy(node, lambda n: env[n])
    outputs = [n for n in nodes if any(part_of.get(u) != part for u in n.users)]
    inner.output(env[outputs[0]] if len(outputs) == 1 else tuple(env[n] for n in outputs))
    return inner, inputs, outputs
