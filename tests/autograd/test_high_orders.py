"""Derivatives of compositions to order 8, against Cauchy's integral formula in NumPy and SciPy."""

import numpy as np
import pytest
import scipy.special as sp

import flambeau as torch

ORDERS = 8


def series(function, x, radius):
    """f, f', ... to order 8 at x: the coefficients of f on a circle around x, times factorials."""
    angles = 2j * np.pi * np.arange(64) / 64
    values = function(x + radius * np.exp(angles))
    coefficients = np.fft.fft(values)[: ORDERS + 1].real / 64
    return [c * sp.factorial(n) / radius**n for n, c in enumerate(coefficients)]


# name: (with flambeau, with NumPy, point, radius of a circle on which the function is analytic)
COMPOSITIONS = {
    "sin(x) x": (lambda x: torch.sin(x) * x, lambda z: np.sin(z) * z, 0.7, 1.0),
    "cos(x) x^2": (lambda x: torch.cos(x) * x**2, lambda z: np.cos(z) * z**2, 0.7, 1.0),
    "exp(-x^2)": (lambda x: torch.exp(-x * x), lambda z: np.exp(-z * z), 0.4, 1.0),
    "exp(sin x)": (lambda x: x.sin().exp(), lambda z: np.exp(np.sin(z)), 0.3, 1.0),
    "sin(exp x)": (lambda x: x.exp().sin(), lambda z: np.sin(np.exp(z)), -0.2, 0.7),
    "tanh": (torch.tanh, np.tanh, 0.3, 1.0),
    "tanh(x) x": (lambda x: x.tanh() * x, lambda z: np.tanh(z) * z, 0.3, 1.0),
    "sigmoid": (torch.sigmoid, lambda z: 1 / (1 + np.exp(-z)), 0.5, 1.5),
    "log": (torch.log, np.log, 2.0, 1.0),
    "x log x": (lambda x: x * x.log(), lambda z: z * np.log(z), 2.0, 1.0),
    "log1p(x^2)": (lambda x: torch.log1p(x * x), lambda z: np.log1p(z * z), 0.5, 0.6),
    "sqrt": (torch.sqrt, np.sqrt, 2.0, 1.0),
    "1 / sqrt": (torch.rsqrt, lambda z: 1 / np.sqrt(z), 2.0, 1.0),
    "1 / x": (torch.reciprocal, lambda z: 1 / z, 2.0, 1.0),
    "sin(x) / x": (lambda x: x.sin() / x, lambda z: np.sin(z) / z, 2.0, 1.0),
    "1 / (1 + x^2)": (lambda x: 1 / (1 + x * x), lambda z: 1 / (1 + z * z), 0.5, 0.6),
    "x^3": (lambda x: x**3, lambda z: z**3, 0.7, 1.0),
    "x^2.5": (lambda x: x**2.5, lambda z: z**2.5, 2.0, 1.0),
    "2^x": (lambda x: 2.0**x, lambda z: 2.0**z, 0.7, 1.0),
    "x^x": (lambda x: x**x, lambda z: z**z, 1.5, 0.8),
    "exp2(x) x": (lambda x: torch.exp2(x) * x, lambda z: 2.0**z * z, 0.7, 1.0),
    "expm1(x) / x": (lambda x: torch.expm1(x) / x, lambda z: np.expm1(z) / z, 1.5, 1.0),
    "tan": (torch.tan, np.tan, 0.2, 0.8),
    "atan": (torch.atan, np.arctan, 0.3, 0.7),
    "asin": (torch.asin, np.arcsin, 0.1, 0.6),
    "acos": (torch.acos, np.arccos, 0.1, 0.6),
    "sinh(x) cos(x)": (lambda x: x.sinh() * x.cos(), lambda z: np.sinh(z) * np.cos(z), 0.4, 1.0),
    "cosh(x^2)": (lambda x: torch.cosh(x * x), lambda z: np.cosh(z * z), 0.4, 1.0),
    "asinh": (torch.asinh, np.arcsinh, 0.3, 0.7),
    "acosh": (torch.acosh, np.arccosh, 2.5, 1.0),
    "atanh": (torch.atanh, np.arctanh, 0.1, 0.6),
    "erf": (torch.erf, sp.erf, 0.4, 1.0),
    "erfc(x) x": (lambda x: torch.erfc(x) * x, lambda z: sp.erfc(z) * z, 0.4, 1.0),
    "lgamma": (torch.lgamma, sp.loggamma, 3.0, 1.5),
    "digamma": (torch.digamma, sp.psi, 3.0, 1.5),
    "softplus": (
        torch.nn.functional.softplus,
        lambda z: np.log1p(np.exp(z)),
        0.5,
        1.5,
    ),
    "silu": (torch.nn.functional.silu, lambda z: z / (1 + np.exp(-z)), 0.5, 1.5),
    "gelu": (
        torch.nn.functional.gelu,
        lambda z: z * 0.5 * (1 + sp.erf(z / np.sqrt(2))),
        0.5,
        1.0,
    ),
    "logit": (torch.logit, lambda z: np.log(z / (1 - z)), 0.45, 0.3),
    "sinc": (torch.sinc, lambda z: np.sin(np.pi * z) / (np.pi * z), 0.8, 0.6),
    "x sin(x) exp(x)": (
        lambda x: x * x.sin() * x.exp(),
        lambda z: z * np.sin(z) * np.exp(z),
        0.3,
        1.0,
    ),
    "log(cos x)": (lambda x: x.cos().log(), lambda z: np.log(np.cos(z)), 0.2, 0.9),
}


@pytest.mark.parametrize("name", COMPOSITIONS)
def test_derivatives_to_order_8(name):
    function, reference, point, radius = COMPOSITIONS[name]
    x = torch.tensor([point], dtype=torch.float64, requires_grad=True)
    y = function(x)
    for order, wanted in enumerate(series(reference, point, radius)):
        if order and y.requires_grad:
            (y,) = torch.autograd.grad(y.sum(), x, create_graph=True)
        elif order:  # of a polynomial
            y = torch.zeros(1)
        tolerance = 1e-8 + 3e-15 * float(sp.factorial(order)) / radius**order
        assert abs(y.item() - wanted) <= tolerance * (1 + abs(wanted)), f"order {order}"


def test_derivatives_that_read_more_than_an_operator_may():
    # Each time the gradient of the last is the product of what came before.
    a = torch.tensor([1.5], dtype=torch.float64, requires_grad=True)
    gradients = [
        torch.tensor([1.0 + k / 8], dtype=torch.float64, requires_grad=True) for k in range(12)
    ]
    b = torch.tensor([0.5], dtype=torch.float64, requires_grad=True)
    y, last = a * b, b
    for g in gradients:
        (y,) = torch.autograd.grad(y, last, g, create_graph=True)
        assert y.item() == 1.5 * g.item()
        last = g


@pytest.mark.parametrize("exponent", [1 / 3, -0.7, 2.3])
@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128])
def test_exponents_keep_their_precision(exponent, dtype):
    x = torch.tensor(0.3, dtype=dtype, requires_grad=True)
    value, factor, power = x**exponent, 1.0, exponent
    for _ in range(5):
        (value,) = torch.autograd.grad(value, x, torch.ones_like(value), create_graph=True)
        factor, power = factor * power, power - 1
        assert value.dtype == dtype
        expected = factor * 0.3**power
        assert abs(value.item() - expected) < 1e-13 * abs(expected)


def test_second_derivative_of_a_product_with_two_zeros():
    x = torch.tensor([2.0, 0.0, 5.0, 0.0], dtype=torch.float64, requires_grad=True)
    (first,) = torch.autograd.grad(x.prod(), x, create_graph=True)
    assert first.tolist() == [0, 0, 0, 0] and first.requires_grad  # the last was lost
    (second,) = torch.autograd.grad(first[1], x)
    assert second.tolist() == [0, 0, 0, 10]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_magnitudes_of_real_numbers_have_no_second_derivative_however_small_they_are(dtype):
    x = torch.tensor([-3.2349864e-05, 3.1e-7, 1e-20, 0.7], dtype=dtype, requires_grad=True)
    weight = torch.tensor([0.3, 0.7, 0.1, 0.77], dtype=dtype)
    for loss in (torch.nn.functional.l1_loss(x, x.detach() / 2, reduction="none"), x.abs()):
        (slopes,) = torch.autograd.grad((loss * weight).sum(), x, create_graph=True)
        assert slopes.square().equal(weight.square())
        assert not torch.autograd.grad(slopes.square().sum(), x)[0].any()


PICKS = {
    "maximum": torch.maximum, "minimum": torch.minimum, "fmax": torch.fmax, "fmin": torch.fmin,
    "clamp_min": torch.clamp_min, "clamp_max": torch.clamp_max, "clamp": lambda x, y: x.clamp(-0.2, y),
    "clamp numbers": lambda x, y: x.clamp(-0.2, 0.4) + y,
}  # fmt: skip


@pytest.mark.parametrize("pick", PICKS.values(), ids=PICKS)
def test_gradients_of_a_pick_know_nothing_of_what_was_compared(pick):
    x, y, factor = (torch.randn(5, requires_grad=True) for _ in range(3))
    (slope,) = torch.autograd.grad(pick(x, y).sum(), x, create_graph=True)
    assert not slope.requires_grad
    (slope,) = torch.autograd.grad((pick(x, y) * factor).sum(), x, create_graph=True)
    found = torch.autograd.grad(slope.sum(), (x, y, factor), allow_unused=True)
    assert found[0] is None and found[1] is None and found[2] is not None
    slopes = torch.autograd.grad((pick(x, y).square() * factor).sum(), (x, y), create_graph=True)
    assert (slopes[0] + slopes[1]).requires_grad


@pytest.mark.parametrize("function", [torch.xlogy, torch.special.xlog1py])
def test_the_slope_of_a_product_knows_nothing_of_its_factor(function):
    x, y = (torch.rand(5, requires_grad=True) for _ in range(2))
    (slope,) = torch.autograd.grad(function(x, y).sum(), x, create_graph=True)
    found = torch.autograd.grad(slope.sum(), (x, y), allow_unused=True)
    assert found[0] is None and found[1].all()
