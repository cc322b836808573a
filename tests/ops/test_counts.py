"""Random counts: moments, seeds, and norms by their older names."""

import numpy as np
import pytest
from scipy import stats

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


def fits(drawn, probability):
    """Pearson's test of counts against probabilities, cells below 10 expected ones put together."""
    n, values = drawn.size, np.arange(drawn.max() + 60)
    expected = probability(values) * n
    observed = np.bincount(drawn.astype(int), minlength=values.size)
    enough = expected >= 10
    rest = n - expected[enough].sum()
    expected = np.append(expected[enough], max(rest, 1e-9))
    observed = np.append(observed[enough], n - observed[enough].sum())
    if rest < 5:
        expected, observed = expected[:-1], observed[:-1]
    statistic = ((observed - expected) ** 2 / expected).sum()
    return stats.chi2.sf(statistic, len(expected) - 1) > 1e-6


@pytest.mark.parametrize("rate", [0.3, 4.0, 9.9, 10.0, 40.0, 700.0])
def test_poisson_numbers_have_their_distribution(rate):
    torch.manual_seed(3)
    drawn = torch.poisson(torch.full((100_000,), rate, dtype=torch.float64)).numpy()
    assert fits(drawn, lambda k: stats.poisson.pmf(k, rate))


@pytest.mark.parametrize("trials", [1, 12, 100, 3000])
@pytest.mark.parametrize("chance", [0.01, 0.3, 0.5, 0.85])
def test_binomial_numbers_have_their_distribution(trials, chance):
    torch.manual_seed(4)
    n = torch.full((50_000,), float(trials), dtype=torch.float64)
    drawn = torch.binomial(n, torch.full_like(n, chance)).numpy()
    assert fits(drawn, lambda k: stats.binom.pmf(k, trials, chance))


def test_counts_are_the_same_for_any_number_of_threads():
    rates, before = torch.rand(5000) * 30, torch.get_num_threads()
    drawn = []
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            torch.manual_seed(1)
            drawn.append(torch.poisson(rates))
    finally:
        torch.set_num_threads(before)
    assert torch.equal(*drawn)


def test_impossible_rates_are_refused():
    for rate in (-1.0, float("nan"), float("inf")):
        with pytest.raises(RuntimeError, match="rate"):
            torch.poisson(torch.tensor([rate]))
    assert torch.poisson(torch.zeros(3)).tolist() == [0, 0, 0]
    ends = torch.tensor([0.0, 1.0])
    assert torch.binomial(torch.tensor([5.0, 5.0]), ends).tolist() == [0, 5]


@pytest.mark.parametrize(
    "shape", ((70, 41), (3000, 2), (9, 1, 33, 5), (2, 3, 4, 5, 6, 7), (1, 65), (65, 1))
)
@pytest.mark.parametrize("share", (0.0, 0.02, 0.3, 1.0))
def test_nonzero_of_any_share_and_layout(shape, share):
    random = np.random.default_rng(0)
    array = random.random(shape) < share
    for dtype in (torch.bool, torch.float32, torch.int64):
        x = torch.from_numpy(array).to(dtype)
        assert (x.nonzero().numpy() == np.argwhere(array)).all()
        turned = x.transpose(0, 1)[:, ::2]
        want = np.argwhere(array.swapaxes(0, 1)[:, ::2])
        assert turned.nonzero().shape == want.shape and (turned.nonzero().numpy() == want).all()
