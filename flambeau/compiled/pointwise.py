"""Operators as expressions of the kernel language, joined into one.

What an operator gives is rounded to its dtype before the next one reads it, as if it had been stored: so a joined
kernel computes the bits of the kernels it replaces, and no product of one operator is taken into a sum of the
next.
"""

import functools

from .. import _core
from ..kernels.expression import const, node, substitute, topological
from ..kernels.expression import input as symbol
from ..kernels.types import DTYPES, RANK, promote, promote_weak

__all__ = [
    "Applied",
    "FUSED_DTYPES",
    "Number",
    "apply",
    "compute_of",
    "is_one",
    "result_of",
    "suits",
]

FUSED_DTYPES = frozenset(
    "bool uint8 int8 int16 int32 int64 float16 bfloat16 float32 float64".split()
)


class Number:
    """A Python number as an operator hands it to a kernel: in the dtype that it computes in.

    As the number itself, int64 or float64, it would make all vectors of the kernel half as long.
    `is_unit`: it is the 1 that an operator's factor (alpha) is if not given, which kernels do without.
    """

    __slots__ = ("dtype", "is_unit", "value")

    def __init__(self, value, spec, i, compute):
        self.value = value
        self.is_unit = i == spec.unit and is_one(value)
        if spec.keep >> i & 1:
            self.dtype = {bool: "bool", int: "int64", float: "float64"}[type(value)]
        else:
            self.dtype = "float32" if compute in ("float16", "bfloat16") else compute

    def __eq__(self, other):
        return self.dtype == other.dtype and same_number(self.value, other.value)

    __hash__ = None


def is_one(value):
    """Whether a number (or whatever else an operand is) is an int or float of value 1."""
    return type(value) in (int, float) and value == 1


def same_number(a, b):
    """Whether two Python numbers are one: of one type, and zeros of one sign."""
    return type(a) is type(b) and a == b and str(a) == str(b)


@functools.cache
def suits(operator):
    """Whether an operator may be part of a joined kernel."""
    return not operator.spec.uses_index


def compute_of(spec, operands):
    """The dtype an operator computes in: `operands` are (dtype, ndim) of tensors, or Python numbers.

    None where it refuses them, or has to look at their values.
    """
    wide, zero, kinds = None, None, set()
    for i, operand in enumerate(operands[: spec.n_inputs]):
        if spec.keep >> i & 1:
            continue
        if isinstance(operand, tuple):
            dtype, ndim = operand
            if ndim:
                wide = dtype if wide is None else promote(wide, dtype)
            else:
                zero = dtype if zero is None else promote(zero, dtype)
        else:
            kinds.add({bool: "b", int: "i", float: "f"}[type(operand)])
    found = wide
    if zero is not None:
        if found is None:
            found = zero
        elif RANK[DTYPES[zero].kind] > RANK[DTYPES[found].kind]:
            found = zero if DTYPES[zero].kind != "f" or DTYPES[found].kind != "f" else found
    if found is None:
        return None
    for kind in kinds:
        found = promote_weak(found, kind)
    if DTYPES[found].kind != "f":
        if spec.compute == "counted":
            found = "int64" if found == "bool" else found
        elif spec.compute == "floating":
            found = str(_core.get_default_dtype()).partition(".")[2]
        elif spec.compute != "promoted":
            return None
        if spec.divisor >= 0 and DTYPES[found].kind != "f":
            return None
    return found


def result_of(spec, compute):
    """The dtype of its result."""
    return {"bool": "bool", "int64": "int64"}.get(spec.result, compute)


class Applied:
    """Expressions of `apply` that have been made before: a group is built several times."""

    def __init__(self):
        self._known = {}

    def __call__(self, spec, operands, compute, result):
        key = (id(spec), compute, result, *((id(e), dtype) for e, dtype in operands))
        found = self._known.get(key)
        if (
            found is None
        ):  # operands are kept: what is no part of the result would give its id to another
            found = self._known[key] = apply(spec, operands, compute, result), spec, operands
        return found[0]


def apply(spec, operands, compute, result):
    """The expression of spec's result, of operands given as (expression, dtype or None for a literal number)."""
    places, whole = {}, spec.map.expressions[0]
    for i, (expression, dtype) in enumerate(operands):
        if dtype is None and expression.op == "const" and is_one(expression.attr):
            whole = without_factor(whole, symbol(i))
        if spec.keep >> i & 1 and dtype is not None:
            places[id(symbol(i))] = expression
        elif dtype != compute:
            wanted = spec.computed_as(i, dtype or "float64", compute)
            places[id(symbol(i))] = node("cast", expression, attr=wanted)
        else:
            places[id(symbol(i))] = expression
    (whole,) = substitute([whole], places)
    return node("cast", const(whole), attr=result)


def without_factor(expression, factor):
    """`expression` where `factor` is 1: what it multiplies stands alone, so that a sum is no fma, which takes longer."""
    is_factor = lambda n: n is factor or (n.op == "conj" and n.args[0] is factor)
    new = {}
    for n in topological([expression]):
        if n.op == "mul" and any(map(is_factor, n.args)):
            (new[id(n)],) = [new[id(a)] for a in n.args if not is_factor(a)] or [factor]
        else:
            new[id(n)] = node(n.op, *[new[id(a)] for a in n.args], attr=n.attr) if n.args else n
    return new[id(expression)]
