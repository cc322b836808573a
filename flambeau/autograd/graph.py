"""The autograd graph from outside: its nodes, edges, hooks on what is saved."""

import contextlib
import threading
from collections import namedtuple

from .. import _core
from .hooks import RemovableHandle
from .mutation import allow_mutation_on_saved_tensors

__all__ = [
    "GradientEdge",
    "Node",
    "allow_mutation_on_saved_tensors",
    "disable_saved_tensors_hooks",
    "get_gradient_edge",
    "increment_version",
    "region_activation_memory_budget",
    "register_multi_grad_hook",
    "save_on_cpu",
    "saved_tensors_hooks",
    "set_override_stale_capture_stream",
    "set_warn_on_accumulate_grad_stream_mismatch",
]


class _AnyNode(type):
    """Every node of the graph is a Node, though none derives from it."""

    def __instancecheck__(cls, instance):
        return isinstance(instance, _core.Node)

    def __subclasscheck__(cls, subclass):
        return subclass is cls or issubclass(subclass, _core.Node)


class Node(metaclass=_AnyNode):
    """A node of the autograd graph: what grad_fn is, and what `next_functions` lead to.

    Its methods are those of grad_fn: name(), next_functions, metadata, register_hook(hook),
    register_prehook(hook).
    """


class GradientEdge(namedtuple("GradientEdge", "node output_nr ownership_token", defaults=(None,))):
    """Where the gradient of a tensor goes: an output of a node; ownership_token may keep something alive."""

    __slots__ = ()


def get_gradient_edge(tensor):
    """The edge that belongs to a tensor that requires grad."""
    return GradientEdge(*_core._gradient_edge(tensor))


def increment_version(tensor):
    """Count a write in place that the tensors (one, or several) did not see, as by foreign code."""
    tensors = (tensor,) if isinstance(tensor, _core.Tensor) else tensor
    for one in tensors:
        _core._bump_version(one)


def set_warn_on_accumulate_grad_stream_mismatch(enabled):
    """Nothing: all work of the CPU is in one stream, so none can differ."""


def set_override_stale_capture_stream(enabled):
    """Nothing: no stream is captured."""


def region_activation_memory_budget(budget):
    """A context that changes nothing: only a compiler that chooses what to compute again asks for a budget.

    Args:
        budget (float): from 0 to 1.

    Raises:
        ValueError: it is not. To save memory, see utils.checkpoint.
    """
    if not 0 <= budget <= 1:
        raise ValueError(
            f"region_activation_memory_budget: budget is {budget}; it must be from 0 to 1."
        )
    return contextlib.nullcontext()


_state = threading.local()


def _disabled():
    """The messages of the `disable_saved_tensors_hooks` in force in this thread, the innermost last."""
    if not hasattr(_state, "disabled"):
        _state.disabled, _state.pairs = [], 0
    return _state.disabled


def _saved_tensors_hooks_is_enabled():
    return not _disabled()


class saved_tensors_hooks:
    """While in force, what operators save for backward goes through pack_hook, and back through unpack_hook.

    pack_hook(tensor) returns anything; unpack_hook(that) must give a tensor of the same contents.
    """

    def __init__(self, pack_hook, unpack_hook):
        self.pack_hook = pack_hook
        self.unpack_hook = unpack_hook

    def __enter__(self):
        if _disabled():
            raise RuntimeError(_disabled()[-1])
        _core._push_saved_tensors_hooks(self.pack_hook, self.unpack_hook)
        _state.pairs += 1

    def __exit__(self, *exception):
        _core._pop_saved_tensors_hooks()
        _state.pairs -= 1


class save_on_cpu(saved_tensors_hooks):
    """Saved tensors wait in main memory and return to their device when backward needs them."""

    def __init__(self, pin_memory=False, device_type="cuda"):
        def pack(tensor):
            return tensor.device, tensor.to("cpu")

        def unpack(packed):
            device, tensor = packed
            return tensor.to(device)

        super().__init__(pack, unpack)


class disable_saved_tensors_hooks:
    """While in force, `saved_tensors_hooks` is an error with the given message."""

    def __init__(self, error_message):
        self.error_message = error_message

    def __enter__(self):
        disabled = _disabled()
        if _state.pairs and not disabled:
            raise RuntimeError(self.error_message)
        disabled.append(self.error_message)

    def __exit__(self, *exception):
        _disabled().pop()


class _Handles(RemovableHandle):
    def __init__(self, handles):
        self._handles = handles

    def remove(self):
        for handle in self._handles:
            handle.remove()


def register_multi_grad_hook(tensors, fn, *, mode="all"):
    """Call fn once in each backward, when the gradients of several tensors are there.

    mode="all": fn(list of gradients), None for those which that backward does not reach, after the last of
    them; mode="any": fn(gradient) at the first.
    """
    if mode not in ("all", "any"):
        raise ValueError(f"register_multi_grad_hook: mode is {mode!r}; it must be 'all' or 'any'.")
    tensors = tuple(tensors)
    nodes = [get_gradient_edge(tensor).node for tensor in tensors]
    lock, running = threading.Lock(), {}  # of each backward: [gradients, how many are to come]

    def hook_for(position):
        def any_hook(grad):
            backward = _core._current_backward()
            with lock:
                first = backward not in running
                running.clear()
                running[backward] = None
            if first:
                fn(grad)

        def all_hook(grad):
            backward = _core._current_backward()
            with lock:
                if backward not in running:
                    expected = sum(map(_core._will_reach, nodes))
                    running[backward] = [[None] * len(tensors), expected]
                state = running[backward]
                state[0][position] = grad
                state[1] -= 1
                if state[1]:
                    return
                del running[backward]
            fn(state[0])

        return any_hook if mode == "any" else all_hook

    return _Handles([tensor.register_hook(hook_for(i)) for i, tensor in enumerate(tensors)])
