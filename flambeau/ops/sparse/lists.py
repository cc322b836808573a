"""Operators over lists of tensors, some of them sparse: one after another."""

from ... import _core
from .. import foreach  # noqa: F401  # declares the operators over lists
from ..core import operators as fl
from ..core.declare import NAMESPACES
from .reductions import norm
from .rules import rule


def _one_by_one(name, single):
    def each(tensors, *args, **kwargs):
        def pick(value, i):
            return value[i] if isinstance(value, (tuple, list)) else value

        results = [
            single(
                tensor,
                *(pick(arg, i) for arg in args),
                **{key: pick(value, i) for key, value in kwargs.items()},
            )
            for i, tensor in enumerate(tensors)
        ]
        return None if name.endswith("_") else tuple(results)

    rule(name)(each)


def _norm(tensor, ord=2, dtype=None):
    return (
        norm(tensor, ord, dtype=dtype)
        if _core._is_sparse(tensor)
        else fl.linalg.vector_norm(tensor, ord, dtype=dtype)
    )


_SINGLE = {"norm": _norm}

for _name in [name for name in NAMESPACES["torch"] if name.startswith("_foreach_")]:
    _short = _name.removeprefix("_foreach_")
    _function = _SINGLE.get(_short) or getattr(_core.Tensor, _short, None)
    if _function is not None:
        _one_by_one(_name, _function)
