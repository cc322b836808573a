"""Forward mode: tensors that carry a tangent, the derivative of what is computed from them along it.

The engine has no second set of rules for this. A dual tensor begins a graph; `unpack_dual` asks that graph
for its vjp as a function of the cotangent, which is linear, and differentiates it: u -> u @ J has the
derivative v -> J @ v. So every operator with a derivative has a tangent, also a user's Function, and
computing under no_grad loses it. A tangent costs about three forward passes.

Source: Townsend, "A new trick for calculating Jacobian vector products", 2017.
"""

import collections

from ..ops import public as fl
from .differentiate import grad
from .grad_mode import enable_grad

__all__ = [
    "UnpackedDualTensor",
    "dual_level",
    "enter_dual_level",
    "exit_dual_level",
    "make_dual",
    "unpack_dual",
]

_levels = []  # for each open level its duals: (where the graph begins, tangent)

UnpackedDualTensor = collections.namedtuple("UnpackedDualTensor", "primal tangent")
UnpackedDualTensor.__doc__ = "What `unpack_dual` gives: the tensor, and its tangent or None."


def enter_dual_level():
    """Open a level, within which duals can be made; give its number."""
    if _levels:
        raise RuntimeError(
            "enter_dual_level: a level is open, and levels do not nest. Close it first."
        )
    _levels.append([])
    return len(_levels) - 1


def exit_dual_level(*, level=None):
    """Close the innermost level: its duals have no tangent any more."""
    if not _levels:
        raise RuntimeError("exit_dual_level: no level is open.")
    if level is not None and level != len(_levels) - 1:
        raise RuntimeError(
            f"exit_dual_level: level {level} is not the innermost, {len(_levels) - 1}. Close that "
            "one first."
        )
    _levels.pop()


class dual_level:
    """A level by context: `with dual_level(): ...`."""

    def __enter__(self):
        return enter_dual_level()

    def __exit__(self, *exception):
        exit_dual_level()


def _duals(level):
    if not _levels or (level is not None and not 0 <= level < len(_levels)):
        return None
    return _levels[-1 if level is None else level]


def make_dual(tensor, tangent, *, level=None):
    """`tensor` with a tangent: what is computed from it has the derivative along that tangent.

    Raises:
        RuntimeError: no level is open, or the two differ in shape.
        ValueError: either is not floating or complex.
    """
    duals = _duals(level)
    if duals is None:
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
    with enable_grad():
        dual = tensor.view_as(tensor) if tensor.requires_grad else tensor.detach().requires_grad_()
    duals.append((dual, tangent))
    return dual


def unpack_dual(tensor, *, level=None):
    """(primal, tangent) of a tensor; the tangent is None if it does not depend on a dual."""
    duals = _duals(level)
    if not duals or not tensor.requires_grad:
        return UnpackedDualTensor(tensor, None)
    for dual, tangent in duals:
        if tensor is dual:
            return UnpackedDualTensor(dual.detach(), tangent)
    starts = [dual for dual, _ in duals]
    with enable_grad():
        cotangent = fl.zeros_like(tensor).requires_grad_()
        pulled = grad(tensor, starts, cotangent, create_graph=True, allow_unused=True)
        pairs = [(p, t) for p, (_, t) in zip(pulled, duals, strict=True) if p is not None]
        if not pairs:
            return UnpackedDualTensor(tensor, None)
        recorded = [(p, t) for p, t in pairs if p.requires_grad]
        if not recorded:
            return UnpackedDualTensor(tensor.detach(), fl.zeros_like(tensor))
        again = any(t.requires_grad for _, t in pairs) or any(d.grad_fn is not None for d in starts)
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
    return UnpackedDualTensor(tensor if again else tensor.detach(), tangent)
