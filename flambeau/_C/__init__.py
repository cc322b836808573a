"""The names of PyTorch's native module that programs use: for subclasses of Tensor, and for what the engine does."""

import importlib
import weakref

from .. import _core
from .._core import Tensor as TensorBase
from .._core import is_grad_enabled
from ..autograd import forward_ad
from ..autograd.grad_mode import is_multithreading_enabled
from ..modes import _disabled_torch_function_impl
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
    "_is_multithreading_enabled",
    "_nn",
    "_set_fwd_grad_enabled",
    "_will_engine_execute_node",
    "has_lapack",
    "has_mkldnn",
    "is_grad_enabled",
]

has_lapack, has_mkldnn = True, False


def _infer_size(first, second):
    """The sizes that tensors of these two sizes broadcast to."""
    return broadcast_shapes(first, second)


_current_autograd_node = _core._running_node
_current_graph_task_id = _core._current_backward
_is_multithreading_enabled = is_multithreading_enabled


def _current_graph_task_execution_order():
    """The nodes that the running backward will call, in order; asked from a hook."""
    order = _core._order_of_execution()
    if is_multithreading_enabled():
        raise RuntimeError(
            "_current_graph_task_execution_order: PyTorch knows the order with one thread only. Call "
            "backward inside `with autograd.set_multithreading_enabled(False):`."
        )
    return order


def _will_engine_execute_node(node):
    """Whether the backward that runs in this thread calls `node`; asked from a hook."""
    if not isinstance(node, _core.Node):
        raise RuntimeError(
            f"_will_engine_execute_node: expects a grad_fn, not {type(node).__name__}."
        )
    return _core._will_run(node)


def _set_fwd_grad_enabled(mode):
    """Let tensors have tangents, or not."""
    forward_ad._set_fwd_grad_enabled(mode)


class _WeakTensorRef:
    """Tells whether a tensor is still there."""

    def __init__(self, tensor):
        self._reference = weakref.ref(tensor)

    def expired(self):
        """Whether the tensor is gone."""
        return self._reference() is None


def __getattr__(name):
    if name in ("others", "probed"):  # asked for while it is being imported
        raise AttributeError(name)
    if name in ("_functorch", "_distributed_c10d", "_distributed_rpc"):
        return importlib.import_module(f".{name}", __name__)
    for module in (".probed", ".others"):
        found = vars(importlib.import_module(module, __name__))
        if name in found:
            return found[name]
    if not name.startswith("_"):  # most public names are known here, too
        package = importlib.import_module(__name__.rpartition(".")[0])
        if hasattr(package, name):
            return getattr(package, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
