"""ShapeProp: the shapes and dtypes of a graph's values, noted at each node."""

from typing import NamedTuple

import flambeau

from ..interpreter import Interpreter
from ..node import map_aggregate

__all__ = ["ShapeProp", "TensorMetadata"]


class TensorMetadata(NamedTuple):
    """What is noted of a tensor."""

    shape: tuple
    dtype: flambeau.dtype
    requires_grad: bool
    stride: tuple
    memory_format: flambeau.memory_format | None
    is_quantized: bool
    qparams: dict


def _noted(t):
    formats = (flambeau.contiguous_format, flambeau.channels_last, flambeau.channels_last_3d)
    dims = {flambeau.channels_last: 4, flambeau.channels_last_3d: 5}
    known = (
        f for f in formats if dims.get(f, t.dim()) == t.dim() and t.is_contiguous(memory_format=f)
    )
    return TensorMetadata(
        t.shape, t.dtype, t.requires_grad, t.stride(), next(known, None), False, {}
    )


class ShapeProp(Interpreter):
    """Runs the graph once and sets node.meta["tensor_meta"] and node.meta["type"].

    Example:
        >>> from flambeau.fx import symbolic_trace
        >>> from flambeau.fx.passes.shape_prop import ShapeProp
        >>> gm = symbolic_trace(lambda x: flambeau.relu(x).sum(0))
        >>> _ = ShapeProp(gm).propagate(flambeau.ones(2, 3))
        >>> [tuple(n.meta["tensor_meta"].shape) for n in gm.graph.nodes]
        [(2, 3), (2, 3), (3,), (3,)]
    """

    def __init__(self, gm, fake_mode=None):
        super().__init__(gm)
        if fake_mode is not None:
            raise NotImplementedError(
                "ShapeProp: fake_mode; tensors of the meta device need no memory."
            )

    def run_node(self, n):
        result = super().run_node(n)
        found = []

        def note(value):
            if not isinstance(value, flambeau.Tensor):
                return value
            found.append(value)
            return _noted(value)

        meta = map_aggregate(result, note)
        if found:
            n.meta["tensor_meta"] = meta
        n.meta["type"] = type(result)
        return result

    def propagate(self, *args):
        """Runs the graph for `args` and gives its result."""
        return super().run(*args)
