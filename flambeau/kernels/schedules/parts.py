"""A map as a chain of small maps, for derivatives of high order.

Each derivative of a fused derivative is a few times larger and reads one tensor more; as a chain of
small maps, each with a small derivative of its own, orders cost what they do in a graph of simple operators.
Where a part ends its value is stored: only nodes that have the dtype of the whole will do.
"""

from ..analysis import infer
from ..expression import input as symbol
from ..expression import inputs_of, node, substitute, topological
from ..types import DtypeError

LARGEST = 1  # operations of a part, unless what it needs must stay inside the kernel

# Bits, whole numbers and truth values need the dtype they have inside the kernel.
_KEPT_INSIDE = frozenset(
    "const index eq ne lt le gt ge and or xor not shl shr cast bitcast lookup floor_div "
    "trunc_div logb significand scalb real imag abs make_complex sign signbit".split()
)


def split(root, n_in, limit, keep=0):
    """[(expression, places), ...]: maps of at most `limit` inputs each; the last one gives `root`.

    Places are inputs of `root`, or n_in + k for what the k-th part computed. Inputs in the mask `keep` are
    conditions.
    """
    storable = _storable(root, n_in, keep)
    order = topological([root])
    uses = {}
    for n in order:
        for a in n.args:
            uses[id(a)] = uses.get(id(a), 0) + 1
    parts, inside, sizes = [], {}, {}
    for n in order:
        if n.op == "input":
            inside[id(n)], sizes[id(n)] = n, 0
            continue
        made = node(n.op, *[inside[id(a)] for a in n.args], attr=n.attr) if n.args else n
        reads, size = inputs_of([made]), 1 + sum(sizes[id(a)] for a in n.args)
        if len(reads) > limit:
            raise NotImplementedError(f"derivative: a {n.op} needs {len(reads)} tensors at once.")
        ends = uses.get(id(n), 0) > 1 or size >= LARGEST or len(reads) > 2
        if n is root or (ends and reads and n.op not in _KEPT_INSIDE and storable(n)):
            places = {id(symbol(j)): symbol(k) for k, j in enumerate(reads)}
            parts.append((substitute([made], places)[0], reads))
            made, size = symbol(n_in + len(parts) - 1), 0
        inside[id(n)], sizes[id(n)] = made, size
    return parts


def _storable(root, n_in, keep):
    """Whether a node has the dtype of the whole, for complex inputs if there can be such."""
    for dtype in ("complex128", "float64"):
        try:
            found = infer([root], ["bool" if keep >> j & 1 else dtype for j in range(n_in)])
        except (DtypeError, TypeError, KeyError):
            continue
        return lambda n: found[id(n)] == (dtype, False)
    return lambda n: False
