"""The interpreter and LLVM agree: on each operation, on conversions, on random expressions."""

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flambeau import kernels as k
from flambeau.kernels import Map
from flambeau.kernels.expression import input as symbol
from flambeau.kernels.interpret.pointwise import interpret_map
from tests.kernels.harness import NUMPY, run

FLOATS = np.array(
    [0.0, -0.0, 1, -1, 2, -2.5, 0.5, 3e38, -3e38, 1e-40, np.inf, -np.inf, np.nan, 100.3, 7]
)
REALS = ["float16", "float32", "float64", "int8", "uint8", "int32", "int64", "uint64", "bool"]


def samples(dtype):
    if dtype == "bool":
        return np.arange(18) % 2 == 0
    d = np.dtype(NUMPY[dtype])
    with np.errstate(all="ignore"):
        if d.kind == "f":
            return FLOATS.astype(d)
        if d.kind == "c":
            pairs = np.meshgrid(FLOATS, FLOATS)
            return (pairs[0] + 1j * pairs[1]).ravel().astype(d)
    info = np.iinfo(d)
    return np.array(
        [info.min, info.max, 0, 1, 2, 3, 5, 7, 100, info.max // 2, info.max - 1, 64, 31, 8, 6], d
    )


def both(map_, inputs, in_dtypes, out_dtypes):
    with np.errstate(all="ignore"):
        slow = interpret_map(map_, inputs, in_dtypes, in_dtypes, out_dtypes)
    return run(map_, inputs, out_dtypes, in_dtypes), slow


BINARY = [
    k.minimum,
    k.maximum,
    k.fmin,
    k.fmax,
    k.floor_div,
    k.trunc_div,
    k.remainder,
    k.fmod,
    lambda x, y: x + y,
    lambda x, y: x * y,
    lambda x, y: x / y,
    lambda x, y: x < y,
    lambda x, y: x == y,
    lambda x, y: x != y,
    lambda x, y: k.where(x, y, x),
    k.guard,
]
INTEGER = [
    lambda x, y: x & y,
    lambda x, y: x | y,
    lambda x, y: x ^ y,
    lambda x, y: x << y,
    lambda x, y: x >> y,
    lambda x, y: ~x,
    lambda x, y: x**y,
]
UNARY = [
    k.floor,
    k.ceil,
    k.trunc,
    k.round,
    k.abs,
    k.sign,
    k.sgn,
    k.isnan,
    k.isinf,
    k.isfinite,
    k.signbit,
    k.sqrt,
    k.rsqrt,
    lambda x: x * 2,
    k.logical_not,
]


@pytest.mark.parametrize("dtype", REALS)
def test_operations_agree(dtype):
    x = samples(dtype)
    a, b = np.repeat(x, len(x)), np.tile(x, len(x))
    binary = [f for f in BINARY if not (dtype == "bool" and f in BINARY[4:8])]
    binary += INTEGER[:-1] if dtype not in ("bool",) and "float" not in dtype else []
    binary += INTEGER[-1:] if dtype in ("int32", "int64") else []
    for function in binary:
        result = function(symbol(0), symbol(1))
        if "float" in dtype and result.op == "trunc_div":
            continue
        out = (
            "bool"
            if result.op in ("lt", "eq", "ne")
            else ("float64" if result.op == "div" else dtype)
        )
        fast, slow = both(Map(function, "f", 2), [a, b], [dtype] * 2, [out])
        np.testing.assert_array_equal(fast[0], slow[0], err_msg=repr(result))
    for function in UNARY:
        if dtype == "bool" and function in (*UNARY[:7], UNARY[13]):
            continue
        fast, slow = both(Map(function, "f", 1), [x], [dtype], ["float64"])
        np.testing.assert_array_equal(fast[0], slow[0], err_msg=repr(function(symbol(0))))


@pytest.mark.parametrize("source", [*REALS, "complex64"])
def test_conversions_agree(source):
    x = samples(source)
    for target in [*REALS, "complex128", "uint16", "int16", "uint32"]:
        fast, slow = both(Map(lambda x: x, "cast"), [x], [source], [target])
        if target == "uint64" and x.dtype.kind in "fc":
            inside = np.abs(x.real.astype(np.float64)) < 2.0**63
            fast[0], slow[0] = fast[0][inside], slow[0][inside]
        np.testing.assert_array_equal(fast[0], slow[0], err_msg=target)


COMPLEX = {
    name: getattr(k, name)
    for name in (
        "exp log sqrt sin cos tan sinh cosh tanh asin acos atan asinh acosh atanh log2 log10 log1p expm1 exp2 "
        "abs arg real imag conj rsqrt sgn".split()
    )
}


@pytest.mark.parametrize("name", COMPLEX)
def test_complex_functions_are_accurate(name):
    rng = np.random.default_rng(0)
    z = np.concatenate(
        [
            rng.standard_normal(300) + 1j * rng.standard_normal(300),
            10.0 ** rng.uniform(-8, 1.2, 200) * np.exp(1j * rng.uniform(-3.1, 3.1, 200)),
        ]
    )
    out = "float64" if name in ("abs", "arg", "real", "imag") else "complex128"
    fast, slow = both(Map(COMPLEX[name], name, 1), [z], ["complex128"], [out])
    if name == "log1p":  # NumPy's loses the real part of small arguments
        slow = [np.array([complex(mpmath.log1p(v)) for v in z])]
    np.testing.assert_allclose(
        fast[0], slow[0], rtol=3e-13, atol=1e-290 if name == "sqrt" else 1e-16
    )


def test_complex_arithmetic_is_robust():
    z = np.array([1e200 + 1e200j, 1e-200 - 2e-200j, 3 + 4j, -1 + 0j, 5j, 1e-310 + 1e-310j])
    a, b = np.repeat(z, len(z)), np.tile(z, len(z))
    fast, slow = both(Map(lambda a, b: a / b, "div"), [a, b], ["complex128"] * 2, ["complex128"])
    finite = np.isfinite(slow[0]) & (np.abs(slow[0]) > 1e-290)
    np.testing.assert_allclose(fast[0][finite], slow[0][finite], rtol=1e-12)
    np.testing.assert_allclose(
        run(Map(k.abs, "abs", 1), [z], ["float64"])[0], np.abs(z), rtol=1e-15
    )
    np.testing.assert_allclose(
        run(Map(k.sqrt, "sqrt", 1), [z], ["complex128"])[0], np.sqrt(z), rtol=1e-14
    )
    zero = np.zeros(3, complex)
    power = run(Map(lambda a, b: a**b, "pow"), [zero, np.array([0, 1, 2 + 1j])], ["complex128"])[0]
    np.testing.assert_array_equal(power, [1, 0, 0])


NODES = st.recursive(
    st.sampled_from([symbol(0), symbol(1), symbol(0) * 0 + 3]),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(lambda p: p[0] + p[1]),
        st.tuples(inner, inner).map(lambda p: p[0] - p[1]),
        st.tuples(inner, inner).map(lambda p: k.maximum(p[0], p[1])),
        st.tuples(inner, inner, inner).map(lambda p: k.where(p[0] > p[1], p[2], p[1])),
        inner.map(k.abs),
        inner.map(k.floor),
        inner.map(lambda e: e / 4),
        inner.map(lambda e: k.cast(e, "float64")),
        inner.map(lambda e: k.cast(e, "float16")),
        inner.map(lambda e: k.cast(e > 1, "float32")),
    ),
    max_leaves=12,
)


@settings(max_examples=40, deadline=None)
@given(NODES, st.sampled_from(["float32", "float64"]), st.integers(1, 40))
def test_random_expressions_agree(expression, dtype, n):
    rng = np.random.default_rng(n)
    x, y = rng.standard_normal((2, n)).astype(dtype)
    fast, slow = both(Map.of([expression], 2, "random"), [x, y], [dtype] * 2, ["float64"])
    np.testing.assert_array_equal(fast[0], slow[0])
