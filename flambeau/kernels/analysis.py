"""What an expression is before it is compiled: the dtypes of its nodes, how wide and how long its code will be."""

from . import types
from .expression import topological
from .types import DTYPES, compute_dtype


def infer(roots, as_dtypes):
    """The (dtype, weak) of every node below `roots`, by id."""
    found = {}
    for n in topological(roots):
        found[id(n)] = inferred(n, as_dtypes, found)
    return found


def inferred(n, as_dtypes, found):
    """(dtype, weak) of a node, where those of its arguments are found already."""
    if n.op == "const":
        return types.weak_dtype(n.attr), True
    if n.op == "input":
        return compute_dtype(as_dtypes[n.attr]), False
    if n.op == "index":
        return "int64", False
    return types.signature(n, [found[id(a)] for a in n.args])[1:]


def lanes(roots, as_dtypes, target):
    """How many elements one vector holds: as many as fit of the widest dtype computed with.

    Maths functions outweigh the rest: where there are some, their dtypes decide.
    """
    widest = widest_call = 0
    found = infer(roots, as_dtypes)
    for n in topological(roots):
        dtype, weak = found[id(n)]
        if not weak and n.op != "index" and dtype != "bool":
            widest = max(widest, DTYPES[dtype].bits // 8)
            if n.op == "call":
                widest_call = max(widest_call, DTYPES[dtype].bits // 8)
    return target.vector_bytes // (widest_call or widest or 1)


def cost(roots):
    """A rough number of instructions of an element."""
    return sum(
        25 if n.op in ("call", "fmod", "remainder", "floor_div", "div") else 1
        for n in topological(roots)
        if n.op not in ("input", "const", "cast")  # most casts stay within a register
    )
