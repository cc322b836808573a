"""Divisors, parts of numbers and the Airy function."""

import numpy as np
import pytest

import flambeau as torch
from flambeau.autograd import gradcheck


def test_gcd_and_lcm_are_numpys():
    a, b = np.array([0, -8, 6, 12, 7]), np.array([[4], [-6], [0]])
    for name in ("gcd", "lcm"):
        ours = getattr(torch, name)(torch.from_numpy(a), torch.from_numpy(b))
        np.testing.assert_array_equal(ours.numpy(), getattr(np, name)(a, b))
    x = torch.tensor([12, 18])
    assert x.gcd_(torch.tensor(8)) is x and x.tolist() == [4, 2]
    with pytest.raises(RuntimeError, match="integers"):
        torch.gcd(torch.ones(2), torch.ones(2))


def test_frexp_takes_numbers_apart():
    x = torch.tensor([-3.0, 0.0, 0.75, 1000.0], dtype=torch.float64)
    mantissa, exponent = torch.frexp(x)
    want = np.frexp(x.numpy())
    np.testing.assert_array_equal(mantissa.numpy(), want[0])
    np.testing.assert_array_equal(exponent.numpy(), want[1])
    assert exponent.dtype is torch.int32
    assert gradcheck(lambda x: torch.frexp(x).mantissa, (x[2:].clone().requires_grad_(),))


def test_airy_and_spherical_bessel_are_scipys():
    special = pytest.importorskip("scipy.special")
    x = np.linspace(-25, 25, 701)
    ours = torch.special.airy_ai(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(ours, special.airy(x)[0], rtol=1e-10, atol=1e-12)
    ours = torch.special.spherical_bessel_j0(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(ours, special.spherical_jn(0, x), rtol=1e-10, atol=1e-15)


def test_arithmetic_of_two_numbers():
    cases = {
        "add": 5,
        "sub": 1,
        "subtract": 1,
        "mul": 6,
        "multiply": 6,
        "floor_divide": 1,
        "div": 1.5,
    }
    for name, expected in cases.items():
        result = getattr(torch, name)(3, 2)
        assert result.shape == () and result.item() == expected, name
        assert result.dtype is (torch.float32 if name == "div" else torch.int64)
    assert torch.add(1.5, 2).dtype is torch.float32 and torch.add(1j, 2).dtype is torch.complex64
    assert torch.add(3, 2, alpha=4).item() == 11 and torch.mul(True, False).dtype is torch.bool
    assert torch.div(7, 2, rounding_mode="floor").item() == 3
    for name in ("maximum", "pow", "remainder", "rsub"):
        with pytest.raises(TypeError, match="must be a Tensor"):
            getattr(torch, name)(3, 2)
