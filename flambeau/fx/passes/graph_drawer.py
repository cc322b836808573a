"""FxGraphDrawer: a graph as a picture, through pydot."""

__all__ = ["FxGraphDrawer"]


class FxGraphDrawer:
    """A GraphModule's nodes as boxes with arrows; get_dot_graph() is a pydot.Dot, which writes SVG and PNG.

    Raises:
        ImportError: pydot is not installed.
    """

    def __init__(self, graph_module, name, **options):
        wanted = [key for key, value in options.items() if value]
        if wanted:
            raise NotImplementedError(f"FxGraphDrawer: {', '.join(wanted)} is not offered.")
        try:
            import pydot
        except ImportError as error:
            raise ImportError("FxGraphDrawer needs pydot: pip install pydot") from error
        self._dot = pydot.Dot(name, rankdir="TB")
        for node in graph_module.graph.nodes:
            meta = node.meta.get("tensor_meta")
            shape = f"\\n{tuple(meta.shape)}" if hasattr(meta, "shape") else ""
            target = node._pretty_print_target(node.target)
            label = f'"{node.name}\\n{node.op} {target}{shape}"'
            self._dot.add_node(pydot.Node(node.name, label=label, shape="box"))
            for used in node.all_input_nodes:
                self._dot.add_edge(pydot.Edge(used.name, node.name))

    def get_dot_graph(self):
        """The picture."""
        return self._dot

    get_main_dot_graph = get_dot_graph
