"""Derived maps: against finite differences, to any order; what they save; kinks and guards."""

import numpy as np
import pytest

from flambeau import kernels as k
from flambeau.kernels import Map
from flambeau.kernels.expression import input as symbol
from tests.kernels.harness import run

UNARY = {
    "exp": k.exp,
    "exp2": k.exp2,
    "expm1": k.expm1,
    "log": k.log,
    "log2": k.log2,
    "log10": k.log10,
    "log1p": k.log1p,
    "sqrt": k.sqrt,
    "rsqrt": k.rsqrt,
    "sin": k.sin,
    "cos": k.cos,
    "tan": k.tan,
    "asin": k.asin,
    "acos": k.acos,
    "atan": k.atan,
    "sinh": k.sinh,
    "cosh": k.cosh,
    "tanh": k.tanh,
    "asinh": k.asinh,
    "atanh": k.atanh,
    "erf": k.erf,
    "erfc": k.erfc,
    "abs": k.abs,
    "reciprocal": lambda x: 1 / x,
    "power": lambda x: x**2.5,
    "cube": lambda x: x**3,
    "sigmoid": lambda x: 1 / (1 + k.exp(-x)),
    "silu": lambda x: x / (1 + k.exp(-x)),
    "gelu": lambda x: 0.5 * x * (1 + k.tanh(0.79788456 * (x + 0.044715 * x * x * x))),
    "acosh": lambda x: k.acosh(x + 1.5),
    "shared": lambda x: k.exp(x) * k.exp(x) + x * k.exp(x),
    "softplus": lambda x: k.where(x > 20, x, k.log1p(k.exp(x))),
}
BINARY = {
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
    "div": lambda x, y: x / y,
    "pow": lambda x, y: x**y,
    "atan2": k.atan2,
    "hypot": k.hypot,
    "fma": lambda x, y: k.fma(x, y, x),
    "maximum": k.maximum,
    "fmin": k.fmin,
    "remainder": lambda x, y: k.remainder(x, y),
    "where": lambda x, y: k.where(x > y, x * y, x / y),
    "clamp": lambda x, y: k.clamp(x, y - 0.3, y + 0.2),
}


def evaluate(map_, arrays):
    dtypes = ["complex128" if a.dtype.kind == "c" else "float64" for a in arrays]
    out = "complex128" if "complex128" in dtypes else "float64"
    return run(map_, arrays, [out], dtypes)[0]


def gradient(map_, i, arrays, grad, result):
    found = map_.derivative(i)
    if found is None:
        return np.zeros_like(grad), None
    derived, uses = found
    return evaluate(derived, [grad, *[result if u == -1 else arrays[u] for u in uses]]), derived


def numeric(map_, i, arrays, grad):
    h = 1e-6
    up, down = list(arrays), list(arrays)
    up[i], down[i] = arrays[i] + h, arrays[i] - h
    return grad * (evaluate(map_, up) - evaluate(map_, down)) / (2 * h)


@pytest.mark.parametrize("name", [*UNARY, *BINARY])
def test_first_and_second_derivatives(name):
    rng = np.random.default_rng(1)
    function = UNARY.get(name) or BINARY[name]
    map_ = Map(function, name, 1 if name in UNARY else 2)
    arrays = [rng.uniform(0.15, 0.85, 50) for _ in range(map_.n_in)]
    grad = rng.standard_normal(50)
    for i in range(map_.n_in):
        got, derived = gradient(map_, i, arrays, grad, evaluate(map_, arrays))
        np.testing.assert_allclose(got, numeric(map_, i, arrays, grad), rtol=2e-7, atol=2e-8)
        uses = map_.derivative(i)[1]
        if -1 in uses:  # the second derivative then also goes through the result
            derived = Map.of(k_derivative_of_inputs(map_, i), map_.n_in + 1, "plain")
            inputs = [grad, *arrays]
        else:
            inputs = [grad, *[arrays[u] for u in uses]]
        for j in range(derived.n_in):
            up, _ = gradient(derived, j, inputs, np.ones(50), evaluate(derived, inputs))
            np.testing.assert_allclose(
                up, numeric(derived, j, inputs, np.ones(50)), rtol=2e-6, atol=2e-7
            )


def k_derivative_of_inputs(map_, i):
    """The gradient as an expression of (grad, *inputs) alone."""
    from flambeau.kernels.derive import vjp

    shifted = map_._fn(*[symbol(j + 1) for j in range(map_.n_in)])
    return [vjp([shifted], [symbol(0)], i + 1)]


@pytest.mark.parametrize(
    "name",
    [
        "exp",
        "log",
        "sqrt",
        "sin",
        "cos",
        "tan",
        "tanh",
        "sinh",
        "cosh",
        "asin",
        "acos",
        "atan",
        "asinh",
        "atanh",
        "rsqrt",
        "reciprocal",
        "mul",
        "div",
        "pow",
        "sub",
    ],
)
def test_complex_gradient_is_grad_times_conjugate(name):
    rng = np.random.default_rng(2)
    map_ = Map(UNARY.get(name) or BINARY[name], name, 1 if name in UNARY else 2)
    arrays = [rng.uniform(0.2, 0.8, 20) + 1j * rng.uniform(0.2, 0.8, 20) for _ in range(map_.n_in)]
    grad = rng.standard_normal(20) + 1j * rng.standard_normal(20)
    for i in range(map_.n_in):
        got, _ = gradient(map_, i, arrays, grad, evaluate(map_, arrays))
        want = grad * np.conj(numeric(map_, i, arrays, np.ones(20)))
        np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(
    "function",
    [
        k.abs,
        k.real,
        k.imag,
        k.arg,
        lambda z: k.real(z * k.conj(z)),
        lambda z: k.real(k.sgn(z)),
        lambda z: k.imag(k.exp(k.conj(z))),
    ],
)
def test_gradient_of_real_functions_of_complex(function):
    rng = np.random.default_rng(3)
    z = rng.standard_normal(20) + 1j * rng.standard_normal(20)
    map_, h = Map(function, "f", 1), 1e-6

    def value(z):
        return run(map_, [z], ["float64"])[0]

    want = ((value(z + h) - value(z - h)) + 1j * (value(z + 1j * h) - value(z - 1j * h))) / (2 * h)
    derived, uses = map_.derivative(0)
    saved = [value(z) if u == -1 else z for u in uses]
    got = run(derived, [np.ones(20), *saved], ["complex128"])[0]
    np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-7)


def shown(map_, i):
    derived, uses = map_.derivative(i)
    return repr(derived.expressions[0]), uses


def test_simple_derivatives_are_simple_and_save_little():
    assert shown(Map(lambda x, y: x + y, "add"), 0) == ("x", ())
    assert shown(Map(lambda x, y: x - y, "sub"), 1) == ("-x", ())
    assert shown(Map(lambda x, y: x * y, "mul"), 0) == ("x * conj(y)", (1,))
    assert shown(Map(lambda x, y: x * y, "mul"), 1) == ("x * conj(y)", (0,))
    assert shown(Map(lambda x: x * 2, "double"), 0) == ("x * 2", ())
    for function in (k.exp, k.sqrt, k.rsqrt, k.tanh, k.tan, lambda x: 1 / x):
        assert Map(function, "f", 1).derivative(0)[1] == (-1,), function
    for function in (k.log, k.sin, lambda x: x / (1 + k.exp(-x))):
        assert Map(function, "f", 1).derivative(0)[1] == (0,), function


def test_what_has_no_gradient_has_none():
    for function in (
        k.floor,
        k.round,
        k.sign,
        lambda x: x > 0,
        lambda x: k.cast(x, "int32"),
        lambda x: 3.0,
    ):
        assert Map(function, "f", 1).derivative(0) is None
    assert Map(lambda c, x: k.where(c, x, 0), "w").derivative(0) is None


def test_kinks_follow_pytorch():
    zero, one = np.zeros(1), np.ones(1)
    assert gradient(Map(k.abs, "abs", 1), 0, [zero], one, zero)[0] == 0
    relu = Map(lambda x: k.where(x > 0, x, 0), "relu")
    assert gradient(relu, 0, [zero], one, zero)[0] == 0
    for f in (k.maximum, k.minimum):
        assert gradient(Map(f, "m", 2), 0, [one, one], one, one)[0] == 0.5
    clamp = Map(lambda x: k.clamp(x, 0.0, 1.0), "clamp")
    x = np.array([-1.0, 0.0, 0.5, 1.0, 2.0])
    np.testing.assert_array_equal(gradient(clamp, 0, [x], np.ones(5), x)[0], [0, 1, 1, 1, 0])


def test_zero_gradient_stays_zero_in_the_branch_not_taken():
    x = np.array([0.0, 4.0])
    for f, want in (
        (lambda x: k.where(x > 0, k.sqrt(x), x), [1, 0.25]),
        (lambda x: k.where(x > 0, k.log(x), x), [1, 0.25]),
        (lambda x: k.where(x > 0, 1 / x, x), [1, -1 / 16]),
        (lambda x: k.where(x > 0, x**0.25, x), [1, 0.25 * 4**-0.75]),
    ):
        map_ = Map(f, "f")
        got, _ = gradient(map_, 0, [x], np.ones(2), evaluate(map_, [x]))
        np.testing.assert_allclose(got, want, rtol=1e-12)
    map_ = Map(k.sqrt, "sqrt", 1)
    np.testing.assert_array_equal(gradient(map_, 0, [x], np.zeros(2), np.sqrt(x))[0], [0, 0])
    np.testing.assert_array_equal(gradient(map_, 0, [x], np.ones(2), np.sqrt(x))[0], [np.inf, 0.25])


def test_strict_gradients_follow_ieee(monkeypatch):
    monkeypatch.setenv("FLAMBEAU_STRICT_GRADIENTS", "1")
    map_ = Map(lambda x: k.where(x > 0, k.sqrt(x), x), "f")
    assert np.isnan(gradient(map_, 0, [np.zeros(1)], np.ones(1), np.zeros(1))[0][0])


def test_guard_does_not_hide_the_second_derivative_at_zero_gradient():
    derived, uses = Map(k.log, "log", 1).derivative(0)  # (g, x) -> g / x
    assert uses == (0,)
    got, _ = gradient(derived, 0, [np.zeros(1), np.array([4.0])], np.ones(1), np.zeros(1))
    assert got == 0.25


def test_override_replaces_the_rule():
    sigmoid = Map(lambda x: 1 / (1 + k.exp(-x)), "sigmoid")
    sigmoid.override(0, lambda g, x, result: g * result * (1 - result))
    assert sigmoid.derivative(0)[1] == (-1,)
    x = np.array([-1000.0, 0.0, 1000.0])
    np.testing.assert_array_equal(
        gradient(sigmoid, 0, [x], np.ones(3), np.array([0, 0.5, 1]))[0], [0, 0.25, 0]
    )
    both = Map(lambda x, y: x * y, "mul").override(None, lambda g, x, y, r: (g * y, None))
    assert both.derivative(1) is None and both.derivative(0)[1] == (1,)


def test_several_outputs_take_a_gradient_each():
    map_ = Map(lambda x, y: (x * y, k.exp(x)), "two")
    derived, uses = map_.derivative(0)
    assert uses == (1, -2) and derived.n_in == 4


def test_half_precision_derivative():
    x = np.float16([0.5, -1.0, 2.0])
    derived, _ = Map(k.tanh, "tanh", 1).derivative(0)
    t = np.tanh(x)
    got = run(derived, [np.ones(3, np.float16), t], ["float16"])[0]
    np.testing.assert_allclose(got, 1 - t.astype(np.float32) ** 2, rtol=1e-3)
