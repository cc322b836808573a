"""Forward mode: tensors that carry a tangent, the derivative of what is computed from them along it.

The engine has no second set of rules for this. A dual tensor begins a graph; `unpack_dual` asks that graph
for its vjp as a function of the cotangent, which is linear, and differentiates it: u -> u @ J has the
derivative v -> J @ v. So every operator with a derivative has a tangent, and computing under no_grad
loses it. A tangent costs about three forward passes. A user's Function with a jvp (forward_function.py)
begins a dual anew with what jvp gives.

Source: Townsend, "A new trick for calculating Jacobian vector products", 2017.
"""

import collections
import threading
import weakref

from .. import _core
from ..ops.core import operators as fl
from .differentiate import grad
from .function import Function
from .function import forward_levels as _levels
from .grad_mode import _Switch, enable_grad

__all__ = [
    "UnpackedDualTensor",
    "dual_level",
    "enter_dual_level",
    "exit_dual_level",
    "make_dual",
    "unpack_dual",
]

# _levels has for each open level weak references to the nodes where its duals begin.
_current_level = -1  # the number of the innermost open level

_pulling = threading.local()  # .now: whether unpack_dual walks through the graph

_switch = threading.local()  # .off: whether tangents are out of use

UnpackedDualTensor = collections.namedtuple("UnpackedDualTensor", "primal tangent")
UnpackedDualTensor.__doc__ = "What `unpack_dual` gives: the tensor, and its tangent or None."


def enter_dual_level():
    """Open a level, within which duals can be made; give its number."""
    if _levels:
        raise RuntimeError(
            "enter_dual_level: a level is open, and levels do not nest. Close it first."
        )
    global _current_level
    _levels.append([])
    _current_level = len(_levels) - 1
    return _current_level


def exit_dual_level(*, level=None):
    """Close the innermost level: its duals have no tangent any more."""
    if not _levels:
        raise RuntimeError("exit_dual_level: no level is open.")
    if level is not None and level != len(_levels) - 1:
        raise RuntimeError(
            f"exit_dual_level: level {level} is not the innermost, {len(_levels) - 1}. Close that "
            "one first."
        )
    global _current_level
    _levels.pop()
    _current_level = len(_levels) - 1


def _is_fwd_grad_enabled():
    """Whether tensors have tangents in this thread: what _set_fwd_grad_enabled() was last told."""
    return not getattr(_switch, "off", False)


class _set_fwd_grad_enabled(_Switch):
    """With False tensors have no tangents, by context, decorator or call."""

    _told = _switch


class dual_level:
    """A level by context: `with dual_level(): ...`."""

    def __enter__(self):
        return enter_dual_level()

    def __exit__(self, *exception):
        exit_dual_level()


def _begin(node, start, tangent):
    node.start, node.tangent = start, tangent
    _levels[-1].append(weakref.ref(node))


class _Begin(Function):
    """The node of a dual. It holds the tangent, and the tensor at which vjps end: they live as long as it is used."""

    @staticmethod
    def forward(ctx, start, tangent):
        _begin(ctx, start, tangent)
        return start.detach()

    @staticmethod
    def backward(ctx, grad_output):
        return grad_output, None


class _BeginInPlace(Function):
    """The same for a tensor that a Function with a jvp has written: it becomes the dual of `start`."""

    @staticmethod
    def forward(ctx, written, start, tangent):
        ctx.mark_dirty(written)
        _begin(ctx, start, tangent)
        return written

    @staticmethod
    def backward(ctx, grad_output):
        return None, grad_output, None


class _Wall(Function):
    """What lies before a dual: gradients pass, but the duals there have no part in its tangent."""

    @staticmethod
    def forward(ctx, tensor):
        return tensor.detach()

    @staticmethod
    def backward(ctx, grad_output):
        return None if getattr(_pulling, "now", False) else grad_output


def begin_dual(primal, tangent, written=None):
    """A dual of `primal`, whose own tangent, if it has one, is forgotten; `written`: the tensor that becomes it."""
    with enable_grad():
        start = _Wall.apply(primal) if primal.requires_grad else primal.detach().requires_grad_()
        if written is None:
            return _Begin.apply(start, tangent)
        return _BeginInPlace.apply(written, start, tangent)


def _duals(level):
    """The nodes of the duals of a level that are still in use; None if there is no such level."""
    if not _levels or (level is not None and not 0 <= level < len(_levels)):
        return None
    nodes = [reference() for reference in _levels[-1 if level is None else level]]
    return [node for node in nodes if node is not None]


def make_dual(tensor, tangent, *, level=None):
    """`tensor` with a tangent: what is computed from it has the derivative along that tangent.

    The dual shares the memory of `tensor`, and may be written in place.

    Raises:
        RuntimeError: no level is open, the two differ in shape, or the tangent has a tangent itself.
        ValueError: either is not floating or complex.
    """
    if _duals(level) is None:
        raise RuntimeError("make_dual: no level is open. Call it inside `with dual_level():`.")
    for name, value in (("primal", tensor), ("tangent", tangent)):
        if not (value.dtype.is_floating_point or value.dtype.is_complex):
            raise ValueError(
                f"make_dual: {name} is {value.dtype}, but it must be floating or complex. Convert "
                "it with .float()."
            )
    if tuple(tensor.shape) != tuple(tangent.shape):
        raise RuntimeError(
            f"make_dual: tangent {tuple(tangent.shape)} must have the shape of the primal, "
            f"{tuple(tensor.shape)}."
        )
    if tangent.requires_grad and unpack_dual(tangent, level=level).tangent is not None:
        raise RuntimeError(
            "make_dual: the tangent has a tangent at the same level. Take unpack_dual(tangent).primal."
        )
    if _core._in_vmap() and (_core._is_batched(tensor) or _core._is_batched(tangent)):
        from ..ops.batching.values import full, joint_levels

        levels = joint_levels(tensor, tangent)
        return _core._batch(begin_dual(full(tensor, levels), full(tangent, levels)), levels)
    return begin_dual(tensor, tangent)


def unpack_dual(tensor, *, level=None):
    """(primal, tangent) of a tensor; the tangent is None if it does not depend on a dual."""
    if _core._is_batched(tensor):  # what has the graph is the tensor of all slices
        from ..ops.batching.values import outward

        value, levels = _core._unbatch(tensor)
        primal, tangent = unpack_dual(value, level=level)
        return UnpackedDualTensor(
            outward(primal, levels), None if tangent is None else outward(tangent, levels)
        )
    duals = _duals(level)
    if not duals or not tensor.requires_grad or not _is_fwd_grad_enabled():
        return UnpackedDualTensor(tensor, None)
    for node in duals:
        if tensor.grad_fn is node:
            start = node.start
            return UnpackedDualTensor(start.detach() if start.is_leaf else start, node.tangent)
    starts = [node.start for node in duals]
    tangents = [node.tangent for node in duals]
    with enable_grad():
        cotangent = fl.zeros_like(tensor).requires_grad_()
        _pulling.now = True
        try:
            pulled = grad(tensor, starts, cotangent, create_graph=True, allow_unused=True)
        finally:
            _pulling.now = False
        pairs = [(p, t) for p, t in zip(pulled, tangents, strict=True) if p is not None]
        if not pairs:
            return UnpackedDualTensor(tensor, None)
        recorded = [(p, t) for p, t in pairs if p.requires_grad]
        if not recorded:
            return UnpackedDualTensor(tensor.detach(), fl.zeros_like(tensor))
        again = any(t.requires_grad for _, t in pairs) or any(s.grad_fn is not None for s in starts)
        (tangent,) = grad(
            [p for p, _ in recorded],
            cotangent,
            [t for _, t in recorded],
            create_graph=again,
            retain_graph=True,
            allow_unused=True,
        )
    if tangent is None:
        tangent = fl.zeros_like(tensor)
    elif any(_core._storage_id(tangent) == _core._storage_id(t) for t in tangents):
        tangent = tangent.clone()  # a jvp may write to it
    return UnpackedDualTensor(tensor if again else tensor.detach(), tangent)
