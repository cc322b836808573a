"""Operators in terms of others: torch._decomp. flambeau needs none, so the table holds what programs register."""

from collections import defaultdict

from ._ops import OpOverload, OpOverloadPacket

__all__ = [
    "core_aten_decompositions", "decomposition_table", "get_decompositions", "global_decomposition_table",
    "register_decomposition", "remove_decompositions",
]  # fmt: skip

global_decomposition_table = defaultdict(dict)
decomposition_table = global_decomposition_table["post_autograd"]


def _overloads(ops):
    """All overloads of operators, and of overloads themselves, singly or in nested lists."""
    for op in ops if isinstance(ops, (list, tuple, set)) else [ops]:
        if isinstance(op, (list, tuple, set)):
            yield from _overloads(op)
        elif isinstance(op, OpOverloadPacket):
            yield from (getattr(op, name) for name in op.overloads())
        elif isinstance(op, OpOverload):
            yield op
        else:
            raise TypeError(f"_decomp: takes torch.ops.aten.something, not {op!r}.")


def register_decomposition(aten_op, registry=None, *, type="post_autograd", unsafe=False):
    """Decorates a function that computes an operator (or several) by others; it stands in the registry from then on.

    Args:
        aten_op (OpOverload, OpOverloadPacket, or a list): a packet is all its overloads.
        registry (dict, optional): where; the table of `type` by default.
        type (str): "post_autograd", "pre_autograd" or "meta".
        unsafe (bool): the function stays as it is in any case.

    Raises:
        RuntimeError: one is registered already.
    """
    if type not in ("post_autograd", "pre_autograd", "meta"):
        raise AssertionError(
            f"register_decomposition: type is {type!r}; it must be 'post_autograd', 'pre_autograd' or 'meta'."
        )
    table = global_decomposition_table[type] if registry is None else registry

    def register(function):
        for op in _overloads(aten_op):
            if op in table:
                raise RuntimeError(f"register_decomposition: {op} is registered already.")
            table[op] = function
        return function

    return register


def get_decompositions(aten_ops, type="post_autograd"):
    """{overload: function} of those operators that one is registered for."""
    table = global_decomposition_table[type]
    return {op: table[op] for op in _overloads(list(aten_ops)) if op in table}


def remove_decompositions(decompositions, aten_ops):
    """Takes operators out of a dict of decompositions."""
    for op in _overloads(list(aten_ops)):
        decompositions.pop(op, None)


def core_aten_decompositions():
    """What PyTorch's exporter takes apart: nothing here, where every operator has its own kernel."""
    return {}
