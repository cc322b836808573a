"""Programs as graphs: traced with symbols, changed as data, run or written as Python again.

Read: node.py, graph.py, proxy.py, tracer.py, graph_module.py, interpreter.py. May import: floors 1 to 6.

    symbolic_trace(module)     a GraphModule: the module's forward as a Graph of Nodes, and a module itself
    Interpreter(gm).run(x)     node by node, each step to be taken over by a subclass
    replace_pattern(gm, ...)   one shape of graph for another
"""

from ..nn.lazy_names import listed, table_of_contents

__getattr__, __dir__, __all__ = table_of_contents(
    __name__,
    {
        ".graph": "CodeGen Graph",
        ".graph_module": "GraphModule",
        ".interpreter": "Interpreter Transformer",
        ".node": "Node has_side_effect map_arg",
        ".proxy": "Proxy",
        ".subgraph_rewriter": "replace_pattern",
        ".tracer": "PH ProxyableClassMeta Tracer symbolic_trace wrap",
    },
    submodules=(
        "config", "experimental", "graph", "graph_module", "immutable_collections", "interpreter", "node",
        "operator_schemas", "passes", "proxy", "subgraph_rewriter", "tensor_type", "traceback", "tracer", "_symbolic_trace", "_compatibility",
    ),
)  # fmt: skip
listed(__name__)
