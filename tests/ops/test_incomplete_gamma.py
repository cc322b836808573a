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


@pytest.mark.parametrize(
    "name, oracle", [("igamma", special.gammainc), ("igammac", special.gammaincc)]
)
def test_float32_holds_its_digits(name, oracle):
    rng = np.random.default_rng(3)
    a = (10 ** rng.uniform(-6, 3, 5000)).astype("float32")
    x = (a * 10 ** rng.uniform(-1, 0.6, 5000)).astype("float32")
    want = oracle(a.astype("float64"), x.astype("float64"))
    got = getattr(torch, name)(torch.from_numpy(a), torch.from_numpy(x)).numpy()
    seen = want > 1e-30
    np.testing.assert_allclose(got[seen], want[seen], rtol=2e-7)


def test_no_element_depends_on_its_neighbours():
    rng = np.random.default_rng(4)
    a = torch.from_numpy(10 ** rng.uniform(-2, 4, 2500))
    x = a * torch.from_numpy(10 ** rng.uniform(-1, 0.6, 2500))
    for of in (torch.igamma, torch.igammac):
        together = of(a, x)
        for i in (0, 3, 1023, 1024, 2499):
            assert of(a[i], x[i]) == together[i]
        assert torch.equal(of(a.flip(0), x.flip(0)).flip(0), together)


def test_gradient_with_respect_to_other():
    a = torch.tensor([0.5, 2.0, 10.0], dtype=torch.float64)
    x = torch.tensor([0.7, 3.0, 8.0], dtype=torch.float64, requires_grad=True)
    assert gradcheck(lambda x: torch.igamma(a, x), (x,))
    assert gradcheck(lambda x: torch.igammac(a, x), (x,))
    with pytest.raises(NotImplementedError, match="input"):
        torch.igamma(a.requires_grad_(), x).sum().backward()
