"""Orthogonal polynomials against scipy.special."""

import numpy as np
import pytest

import flambeau as torch

special = pytest.importorskip("scipy.special")

SCIPY = {
    "chebyshev_polynomial_t": special.eval_chebyt,
    "chebyshev_polynomial_u": special.eval_chebyu,
    "shifted_chebyshev_polynomial_t": special.eval_sh_chebyt,
    "shifted_chebyshev_polynomial_u": special.eval_sh_chebyu,
    "hermite_polynomial_h": special.eval_hermite,
    "hermite_polynomial_he": special.eval_hermitenorm,
    "laguerre_polynomial_l": special.eval_laguerre,
    "legendre_polynomial_p": special.eval_legendre,
}
X = np.array([-1.5, -1.0, -0.3, 0.0, 0.7, 1.0, 2.5])


@pytest.mark.parametrize("name", SCIPY)
def test_values_are_scipys(name):
    degrees = np.arange(0, 13)[:, None]
    ours = getattr(torch.special, name)(torch.from_numpy(X), torch.from_numpy(degrees))
    assert ours.dtype is torch.float64
    np.testing.assert_allclose(ours.numpy(), SCIPY[name](degrees, X), rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("letter, sign", [("v", -1), ("w", 1)])
def test_third_and_fourth_kind_by_the_second(letter, sign):
    for n in (1, 2, 5, 12):
        ours = getattr(torch.special, f"chebyshev_polynomial_{letter}")(torch.from_numpy(X), n)
        want = special.eval_chebyu(n, X) + sign * special.eval_chebyu(n - 1, X)
        np.testing.assert_allclose(ours.numpy(), want, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("name", SCIPY)
def test_negative_degrees_give_zero_and_fractions_are_dropped(name):
    x = torch.from_numpy(X)
    function = getattr(torch.special, name)
    assert (function(x, -3) == 0).all()
    np.testing.assert_array_equal(function(x, 2.9).numpy(), function(x, 2).numpy())


def test_integers_give_the_default_dtype():
    assert torch.special.legendre_polynomial_p(torch.arange(3), 2).dtype is torch.float32
