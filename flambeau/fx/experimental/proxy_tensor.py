"""Tracing through the operators: make_fx on export's recorder; the mode's names, to be asked about."""

__all__ = ["get_proxy_mode", "make_fx"]


def get_proxy_mode():
    """The mode of a running make_fx: None; it records through a function mode."""
    return None


def make_fx(f, decomposition_table=None, tracing_mode="real", **options):
    """A function that records f's operators for example arguments as a GraphModule.

    Args:
        f (callable).
        tracing_mode (str): "real"; sizes are those of the example.

    Raises NotImplementedError for decompositions, symbolic sizes and other options.

    Example:
        >>> from flambeau.fx.experimental.proxy_tensor import make_fx
        >>> graph = make_fx(lambda x: flambeau.relu(x) + 1)(flambeau.ones(2))
        >>> graph(flambeau.tensor([-1.0, 2.0]))
        tensor([1., 3.])
    """
    from ...export.capture import capture
    from ...utils import _pytree as pytree
    from ..graph_module import GraphModule

    if decomposition_table:
        raise NotImplementedError("make_fx: decomposition_table is not offered.")
    if tracing_mode not in ("real", "fake"):
        raise NotImplementedError(
            f"make_fx: tracing_mode={tracing_mode!r} is not offered; sizes are the example's."
        )
    given = [name for name, value in options.items() if value]
    if given:
        raise NotImplementedError(f"make_fx: {', '.join(given)} are not offered.")

    def traced(*args):
        captured = capture(f, args, keep_parameters=True)
        output = captured.graph.output_node()
        output.args = (pytree.tree_unflatten(list(output.args[0]), captured.out_spec),)
        return GraphModule(captured.attributes, captured.graph)

    return traced
