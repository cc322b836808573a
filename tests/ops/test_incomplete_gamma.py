"""The incomplete gamma functions against scipy.special."""

import numpy as np
import pytest

import flambeau as torch
from flambeau.autograd import gradcheck

special = pytest.importorskip("scipy.special")
A = np.array([0.0, 1e-3, 0.5, 1.0, 3.7, 20.0, 500.0, np.inf, -1.0, np.nan])[:, None]
X = np.array([0.0, 1e-3, 0.3, 1.0, 4.0, 25.0, 480.0, 520.0, np.inf, -2.0])


@pytest.mark.parametrize(
    "name, oracle", [("igamma", special.gammainc), ("igammac", special.gammaincc)]
)
def test_values_are_scipys(name, oracle):
    ours = getattr(torch, name)(torch.from_numpy(A), torch.from_numpy(X)).numpy()
    want = oracle(A, X)
    usual = ~((A == 0) & (X <= 0)) & (X != -2)
    np.testing.assert_allclose(ours[usual], want[usual], rtol=1e-9, atol=1e-13)
    assert np.isnan(ours[~usual]).all()


def test_gradient_with_respect_to_other():
    a = torch.tensor([0.5, 2.0, 10.0], dtype=torch.float64)
    x = torch.tensor([0.7, 3.0, 8.0], dtype=torch.float64, requires_grad=True)
    assert gradcheck(lambda x: torch.igamma(a, x), (x,))
    assert gradcheck(lambda x: torch.igammac(a, x), (x,))
    with pytest.raises(NotImplementedError, match="input"):
        torch.igamma(a.requires_grad_(), x).sum().backward()
