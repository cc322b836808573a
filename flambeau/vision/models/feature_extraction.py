"""Models that give what they make on the way, by names of modules and operators; see flambeau.fx.

body = create_feature_extractor(resnet18(), {"layer2": "fine", "layer4": "coarse"})
body(images)["coarse"]
"""

import re

from ... import _core, fx

__all__ = ["create_feature_extractor", "get_graph_node_names"]


class LeafModuleAwareTracer(fx.Tracer):
    """A tracer that does not enter modules of the types leaf_modules."""

    def __init__(self, *args, leaf_modules=(), **kwargs):
        super().__init__(*args, **kwargs)
        self.leaf_modules = tuple(leaf_modules)

    def is_leaf_module(self, m, module_qualified_name):
        return isinstance(m, self.leaf_modules) or super().is_leaf_module(m, module_qualified_name)


class NodePathTracer(LeafModuleAwareTracer):
    """A tracer that names each node by the modules that it stands in.

    node_to_qualname: a leaf module by its path, an operator by that of its module and its own name; the second
    and later ones of a name have _1, _2 ... behind it.
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.current_module_qualname = ""
        self.node_to_qualname = {}
        self._counts = {}

    def call_module(self, m, forward, args, kwargs):
        outside = self.current_module_qualname
        self.current_module_qualname = self.path_of_module(m)
        try:
            return super().call_module(m, forward, args, kwargs)
        finally:
            self.current_module_qualname = outside

    def create_proxy(self, kind, target, args, kwargs, name=None, type_expr=None, *rest, **further):
        proxy = super().create_proxy(kind, target, args, kwargs, name, type_expr, *rest, **further)
        self.node_to_qualname[proxy.node] = self._qualname(proxy.node)
        return proxy

    def _qualname(self, node):
        name = self.current_module_qualname
        if node.op != "call_module":
            name += "." * bool(name) + re.sub(r"_\d+$", "", str(node))
        count = self._counts[name] = self._counts.get(name, -1) + 1
        return f"{name}_{count}" if count else name


def _traced(model, training, tracer_kwargs, concrete_args):
    model.train(training)
    tracer = NodePathTracer(**(tracer_kwargs or {}))
    graph = tracer.trace(model, concrete_args)
    return graph, tracer


_DIFFERENT = "feature_extraction: {model} has other nodes in training than in evaluation; name them for each."


def _both(model, tracer_kwargs, concrete_args, quiet):
    """The graphs and tracers of training and of evaluation; the model is left as it was."""
    was_training = model.training
    try:
        both = [
            _traced(model, training, tracer_kwargs, concrete_args) for training in (True, False)
        ]
    finally:
        model.train(was_training)
    names = [list(tracer.node_to_qualname.values()) for _, tracer in both]
    if names[0] != names[1] and not quiet:
        _core._warn(_DIFFERENT.format(model=type(model).__name__))
    return both, names


def get_graph_node_names(
    model, tracer_kwargs=None, suppress_diff_warning=False, concrete_args=None
):
    """The names of all nodes of a model, in their order: (in training, in evaluation).

    tracer_kwargs: for the tracer; its leaf_modules are types that are not entered. concrete_args: values of
    arguments, as in fx. A warning says where the two differ.
    """
    _, names = _both(model, tracer_kwargs, concrete_args, suppress_diff_warning)
    return tuple(names)


class DualGraphModule(fx.GraphModule):
    """A graph for training and one for evaluation, over the modules that either uses."""

    def __init__(self, root, train_graph, eval_graph, class_name="DualGraphModule"):
        targets = {
            node.target: _reached(root, node.target)
            for graph in (train_graph, eval_graph)
            for node in graph.nodes
            if node.op in ("call_module", "get_attr")
        }
        super().__init__(targets, train_graph, class_name)
        self.train_graph = train_graph
        self.eval_graph = eval_graph
        self.training = root.training
        self.graph = train_graph if self.training else eval_graph

    def train(self, mode=True):
        if self.training != mode:
            self.graph = self.train_graph if mode else self.eval_graph
        return super().train(mode)


def _reached(root, path):
    for name in path.split("."):
        root = getattr(root, name)
    return root


def _wanted(nodes):
    return dict(nodes) if isinstance(nodes, dict) else {str(node): str(node) for node in nodes}


def _cut(model, graph, tracer, wanted):
    """The graph that gives a dict of the wanted nodes and computes nothing else.

    A name of a module means the last node in it.
    """
    found = {}
    for query in wanted:
        inside = [
            node
            for node, name in tracer.node_to_qualname.items()
            if name == query or name.startswith(query + ".")
        ]
        if not inside:
            raise ValueError(
                f"create_feature_extractor: {type(model).__name__} has no node {query!r}; get_graph_node_names() names "
                "all, and modules stand for their last node."
            )
        found[wanted[query]] = inside[-1]
    for node in [node for node in graph.nodes if node.op == "output"]:
        graph.erase_node(node)
    with graph.inserting_after(next(iter(reversed(graph.nodes)))):
        graph.output(found)
    graph.eliminate_dead_code()
    return graph


def create_feature_extractor(
    model, return_nodes=None, train_return_nodes=None, eval_return_nodes=None, tracer_kwargs=None,
    suppress_diff_warning=False, concrete_args=None,
):  # fmt: skip
    """A module that gives a dict of what `model` makes at the nodes return_nodes.

    return_nodes: names (get_graph_node_names), or a dict of them to keys of the result; a module's name stands for
    its last node. train_return_nodes, eval_return_nodes: both in their place, where they differ. The parameters are
    the model's own; those that no result needs are left out. ValueError: there is no such node.
    """
    if (return_nodes is None) == (train_return_nodes is None) or (train_return_nodes is None) != (
        eval_return_nodes is None
    ):
        raise ValueError(
            "create_feature_extractor: give return_nodes, or both train_return_nodes and eval_return_nodes."
        )
    wanted = (
        [_wanted(return_nodes)] * 2
        if return_nodes is not None
        else [_wanted(train_return_nodes), _wanted(eval_return_nodes)]
    )
    both, _ = _both(model, tracer_kwargs, concrete_args, suppress_diff_warning)
    root = both[0][1].root
    train_graph, eval_graph = (_cut(model, *traced, own) for traced, own in zip(both, wanted))
    return DualGraphModule(root, train_graph, eval_graph, type(model).__name__)
