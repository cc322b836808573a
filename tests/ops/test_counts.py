"""Random counts: moments, seeds, and norms by their older names."""

import numpy as np
import pytest

import flambeau as torch


def test_moments_and_seeds():
    torch.manual_seed(0)
    rates = torch.full((20000,), 3.0, requires_grad=True)
    drawn = torch.poisson(rates)
    assert (
        drawn.requires_grad
        and abs(drawn.mean().item() - 3) < 0.1
        and abs(drawn.var().item() - 3) < 0.2
    )
    count = torch.full((20000,), 10.0)
    successes = torch.binomial(count, torch.full_like(count, 0.3))
    assert abs(successes.mean().item() - 3) < 0.1 and successes.max() <= 10
    torch.manual_seed(0)
    assert torch.equal(torch.poisson(rates), drawn)
    with pytest.raises(RuntimeError, match="rate"):
        torch.poisson(torch.tensor([-1.0]))


def test_norms():
    A = np.random.default_rng(0).standard_normal((3, 4))
    x = torch.from_numpy(A)
    np.testing.assert_allclose(torch.frobenius_norm(x).item(), np.linalg.norm(A))
    np.testing.assert_allclose(torch.nuclear_norm(x).item(), np.linalg.norm(A, "nuc"))
