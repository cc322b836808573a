"""Dtypes and the promotion of kernel values.

A value is strong (it has a dtype) or weak (it comes from a Python number, and only its kind counts,
as in PyTorch: int32 + 1 stays int32, int32 + 1.5 becomes float32). Values of the narrow dtypes
(float16, bfloat16, float8 ...) are computed in float32, those of complex32 in complex64, so they never
appear as the dtype of a value.
"""

import functools
from typing import NamedTuple

from .. import _core


class DType(NamedTuple):
    """One dtype: `kind` is b, u, i, f or c; `bits` counts the memory of one real part."""

    name: str
    kind: str
    bits: int
    memory: str  # LLVM type in memory
    register: str  # LLVM type in arithmetic

    @property
    def itemsize(self):
        return self.bits // 8 * (2 if self.kind == "c" else 1)


DTYPES = {
    d.name: d
    for d in (
        DType("bool", "b", 8, "i8", "i1"),
        DType("uint8", "u", 8, "i8", "i8"),
        DType("int8", "i", 8, "i8", "i8"),
        DType("int16", "i", 16, "i16", "i16"),
        DType("int32", "i", 32, "i32", "i32"),
        DType("int64", "i", 64, "i64", "i64"),
        DType("uint16", "u", 16, "i16", "i16"),
        DType("uint32", "u", 32, "i32", "i32"),
        DType("uint64", "u", 64, "i64", "i64"),
        DType("float16", "f", 16, "i16", "float"),
        DType("bfloat16", "f", 16, "i16", "float"),
        DType("float32", "f", 32, "float", "float"),
        DType("float64", "f", 64, "double", "double"),
        DType("float8_e4m3fn", "f", 8, "i8", "float"),
        DType("float8_e5m2", "f", 8, "i8", "float"),
        DType("float8_e4m3fnuz", "f", 8, "i8", "float"),
        DType("float8_e5m2fnuz", "f", 8, "i8", "float"),
        DType("float8_e8m0fnu", "f", 8, "i8", "float"),
        DType("complex32", "c", 16, "i16", "float"),
        DType("complex64", "c", 32, "float", "float"),
        DType("complex128", "c", 64, "double", "double"),
    )
}

FLOAT8 = frozenset(name for name in DTYPES if name.startswith("float8"))
NARROW = FLOAT8 | {"float16", "bfloat16"}  # what is computed in float32
DEFAULT_FLOAT = "float32"
RANK = {"b": 0, "u": 1, "i": 1, "f": 2, "c": 3}


class DtypeError(TypeError, NotImplementedError):
    """An operation on a dtype that has none: a TypeError of the language, a RuntimeError of its operators.

    `reason` says the same of the operator that is made of it.
    """

    def __init__(self, message, reason=None):
        super().__init__(message)
        self.reason = reason or message


def compute_dtype(name):
    """The dtype in which values of `name` are computed."""
    if name in NARROW:
        return "float32"
    return "complex64" if name == "complex32" else name


_PARTS = {"complex32": "float16", "complex64": "float32", "complex128": "float64"}


def real_dtype(name):
    """The dtype of the parts of a complex dtype; a real dtype itself."""
    return _PARTS.get(name, name)


def complex_dtype(name):
    """The complex dtype whose parts are `name`, or hold it."""
    return {"float64": "complex128", "float16": "complex32"}.get(real_dtype(name), "complex64")


def float_dtype(name):
    """`name` if floating or complex, else the default float dtype."""
    return name if DTYPES[name].kind in "fc" else DEFAULT_FLOAT


@functools.cache
def promote(a, b):
    """The dtype of a strong value of dtype a with one of dtype b: that of the core's table for tensors."""
    if a == b:
        return a
    a, b = ("float32" if name in FLOAT8 else name for name in (a, b))
    return _core.promote_types(getattr(_core, a), getattr(_core, b)).name


def promote_weak(strong, kind):
    """The dtype of a strong value with a Python number of `kind` (b, i, f or c)."""
    d = DTYPES[strong]
    if RANK[d.kind] >= RANK[kind]:
        return strong
    if kind == "i":
        return "int64"
    if kind == "f":
        return DEFAULT_FLOAT
    return complex_dtype(strong) if d.kind == "f" else "complex64"


def promote_all(values):
    """(dtype, weak) of several (dtype, weak) values together."""
    strong = [dtype for dtype, weak in values if not weak]
    weak = [dtype for dtype, weak in values if weak]
    if not strong:
        result = weak[0]
        for dtype in weak[1:]:
            result = promote(result, dtype)
        return result, True
    result = strong[0]
    for dtype in strong[1:]:
        result = promote(result, dtype)
    for dtype in weak:
        kind = DTYPES[dtype].kind
        result = promote_weak(result, "i" if kind == "u" else kind)
    return result, False


def weak_dtype(value):
    """The widest dtype of a Python number's kind, in which weak values alone are computed."""
    return {bool: "bool", int: "int64", float: "float64", complex: "complex128"}[type(value)]


_SAME = frozenset(
    "add sub mul neg minimum maximum fmin fmax floor_div remainder fmod trunc_div fma "
    "floor ceil trunc round copysign guard clamp scalb logb significand sign sgn and or xor not shl shr conj".split()
)
_BITWISE = frozenset("and or xor not shl shr".split())
_COMPARE = frozenset("eq ne lt le gt ge".split())
_TO_REAL = frozenset("abs real imag".split())


def signature(n, arguments):
    """((dtype of each operand ...), dtype of the result, weak) for node `n`.

    `arguments` are the (dtype, weak) pairs of its arguments. Operands are converted to the given
    dtypes before the operation.
    """
    op = n.op
    if op in _SAME:
        dtype, weak = promote_all(arguments)
        kind = DTYPES[dtype].kind
        if op in ("fma", "copysign", "scalb") and kind in "bui":
            dtype = DEFAULT_FLOAT
        if op in _BITWISE and kind in "fc":
            raise DtypeError(
                f"a kernel cannot apply {op!r} to {dtype}: {n!r}. Cast to an integer or bool, "
                "or compare first.",
                f"takes integers and bool, not {dtype}. Convert it with .long(), or compare first.",
            )
        if dtype == "bool" and op in ("sub", "neg"):
            masks = "x ^ y (logical_xor)" if op == "sub" else "~x (logical_not)"
            raise DtypeError(
                f"a kernel cannot subtract bool: {n!r}. Cast it first, e.g. to int32.",
                f"takes no bool. For masks write {masks}; to count, convert with .int().",
            )
        if dtype == "bool" and op in ("floor_div", "trunc_div", "remainder", "fmod"):
            raise DtypeError(
                f"a kernel cannot divide bool with a remainder: {n!r}. Cast it first, e.g. to int32.",
                "takes no bool. Convert it with .int().",
            )
        return (dtype,) * len(arguments), dtype, weak
    if op in _COMPARE:
        dtype, weak = promote_all(arguments)
        return (dtype, dtype), "bool", False
    if op in ("where", "seldom"):
        dtype, weak = promote_all(arguments[1:])
        return ("bool", dtype, dtype), dtype, weak
    if op in ("div", "sqrt") or op == "call":
        dtype, weak = promote_all(arguments)
        if op == "call" and n.attr == "pow" and DTYPES[dtype].kind in "bui":
            return (dtype, dtype), dtype, weak
        dtype = float_dtype(dtype) if not weak else promote(dtype, "float64")
        result = real_dtype(dtype) if op == "call" and n.attr == "arg" else dtype
        return (dtype,) * len(arguments), result, weak
    if op in _TO_REAL:
        dtype, weak = arguments[0]
        return (dtype,), real_dtype(dtype), weak
    if op == "signbit":
        dtype, weak = arguments[0]
        return (dtype,), "bool", False
    if op == "make_complex":
        dtype, weak = promote_all(arguments)
        dtype = float_dtype(real_dtype(dtype)) if not weak else "float64"
        return (dtype, dtype), complex_dtype(dtype), weak
    if op == "lookup":
        return (arguments[0][0],), n.attr[0], False
    if op == "cast":
        return (arguments[0][0],), compute_dtype(n.attr), False
    if op == "bitcast":
        dtype, weak = arguments[0]
        return (dtype,), n.attr, False
    raise ValueError(f"unknown operation {op!r}")
