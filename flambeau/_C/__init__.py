"""The names of PyTorch's native module that programs use: for subclasses of Tensor, and for what the engine does."""

import weakref

from .. import _core
from .._core import Tensor as TensorBase
from .._core import _disabled_torch_function_impl, is_grad_enabled
from ..ops.join import broadcast_shapes
from ..overrides import DisableTorchFunction, DisableTorchFunctionSubclass
from . import _autograd, _functions, _nn

__all__ = [
    "DisableTorchFunction",
    "DisableTorchFunctionSubclass",
    "TensorBase",
    "_autograd",
    "_current_autograd_node",
    "_current_graph_task_execution_order",
    "_current_graph_task_id",
    "_disabled_torch_function_impl",
    "_functions",
    "_infer_size",
    "_nn",
    "_will_engine_execute_node",
    "has_lapack",
    "is_grad_enabled",
]

has_lapack = True


def _infer_size(first, second):
    """The sizes that tensors of these two sizes broadcast to."""
    return broadcast_shapes(first, second)


_current_autograd_node = _core._running_node
_current_graph_task_id = _core._current_backward
_current_graph_task_execution_order = _core._order_of_execution


def _will_engine_execute_node(node):
    """Whether the backward that runs in this thread calls `node`; asked from a hook."""
    if not isinstance(node, _core.Node):
        raise RuntimeError(
            f"_will_engine_execute_node: expects a grad_fn, not {type(node).__name__}."
        )
    return _core._will_run(node)


class _WeakTensorRef:
    """Tells whether a tensor is still there."""

    def __init__(self, tensor):
        self._reference = weakref.ref(tensor)

    def expired(self):
        """Whether the tensor is gone."""
        return self._reference() is None
