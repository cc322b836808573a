"""Every family: samples against densities, entropies, distribution functions and moments; PyTorch's where it is there."""

import math

import numpy as np
import pytest

import flambeau as torch
from flambeau import distributions as D


def draw(seed):
    rng = np.random.default_rng(seed)
    return lambda *shape: np.exp(0.5 * rng.normal(size=shape)), lambda *shape: rng.normal(
        size=shape
    )


def families():
    """name -> parameters, of two or three distributions each."""
    positive, normal = draw(3)
    loc_scale = {"loc": normal(3), "scale": positive(3)}
    a = normal(3, 4, 4)
    root = np.linalg.cholesky(a @ a.transpose(0, 2, 1) + np.eye(4))
    return {
        "Chi2": {"df": positive(3) + 2},
        "ContinuousBernoulli": {"probs": np.array([0.2, 0.5001, 0.9])},
        "FisherSnedecor": {"df1": positive(3) + 2, "df2": positive(3) + 9},
        "GeneralizedPareto": {**loc_scale, "concentration": np.array([0.2, -0.3, 0.0])},
        "Gumbel": loc_scale,
        "HalfCauchy": {"scale": positive(3)},
        "HalfNormal": {"scale": positive(3)},
        "InverseGamma": {"concentration": positive(3) + 5, "rate": positive(3)},
        "Kumaraswamy": {"concentration1": positive(3) + 1, "concentration0": positive(3) + 1},
        "LKJCholesky": {"dim": 3, "concentration": positive(2)},
        "LogNormal": {"loc": normal(3), "scale": 0.3 * positive(3)},
        "LogisticNormal": {"loc": normal(2, 3), "scale": positive(2, 3)},
        "LowRankMultivariateNormal": {
            "loc": normal(4), "cov_factor": normal(3, 4, 2), "cov_diag": positive(4)},
        "Multinomial": {"total_count": 7, "probs": positive(2, 4)},
        "NegativeBinomial": {"total_count": np.array([3.0, 5.0, 2.5]), "probs": np.array([0.3, 0.5, 0.1])},
        "Pareto": {"scale": positive(3), "alpha": positive(3) + 6},
        "RelaxedBernoulli": {"temperature": np.array([0.5]), "probs": np.array([0.3, 0.5, 0.9])},
        "RelaxedOneHotCategorical": {"temperature": np.array(0.7), "logits": normal(2, 3)},
        "StudentT": {"df": positive(3) + 7, **loc_scale},
        "VonMises": {"loc": np.array([0.3, -1.0, 0.0]), "concentration": np.array([0.2, 3.0, 60.0])},
        "Weibull": {"scale": positive(3), "concentration": positive(3) + 1},
        "Wishart": {"df": np.array([5.0, 6.0, 7.0]), "scale_tril": root},
    }  # fmt: skip


FAMILIES = families()


def make(name, T=torch):
    values = FAMILIES[name].items()
    given = {k: T.from_numpy(v.copy()) if isinstance(v, np.ndarray) else v for k, v in values}
    return getattr(T.distributions, name)(**given)


def tried(function):
    try:
        return function()
    except NotImplementedError:
        return None


@pytest.mark.parametrize("name", FAMILIES)
def test_everything_is_pytorchs(name):
    pytorch = pytest.importorskip("torch")
    ours, theirs = make(name), make(name, pytorch)
    samples = ours.sample((4,))
    values, u = pytorch.from_numpy(samples.numpy()), np.array([[0.1], [0.5], [0.9]])
    pairs = {
        attribute: [tried(lambda d=d: getattr(d, attribute)) for d in (ours, theirs)]
        for attribute in ("mean", "variance", "stddev", "mode")
        if (name, attribute) != ("Kumaraswamy", "mode")  # PyTorch's is NaN
    }
    pairs["entropy"] = [tried(ours.entropy), tried(theirs.entropy)]
    if name != "GeneralizedPareto":  # PyTorch mixes up dtypes
        pairs["log_prob"] = [ours.log_prob(samples), theirs.log_prob(values)]
        pairs["cdf"] = [tried(lambda: ours.cdf(samples)), tried(lambda: theirs.cdf(values))]
    if ours.event_shape == ():
        pairs["icdf"] = [
            tried(lambda d=d, T=T: d.icdf(T.from_numpy(u)))
            for d, T in ((ours, torch), (theirs, pytorch))
        ]
    for what, (a, b) in pairs.items():
        assert (a is None) == (b is None), what
        if a is not None:
            rtol = (
                2e-4 if name == "VonMises" else 1e-7
            )  # PyTorch's Bessel functions are short series
            np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=rtol, atol=1e-9, err_msg=what)
    assert repr(ours) == repr(theirs) and ours.has_rsample == theirs.has_rsample
    assert repr(ours.support).split("(")[0] == repr(theirs.support).split("(")[0]


@pytest.mark.parametrize("name", FAMILIES)
def test_samples_have_the_promised_moments_and_entropy(name):
    n, made = 6000, make(name)
    samples = made.sample((n,))
    assert samples.shape == (n, *made.batch_shape, *made.event_shape)
    assert samples.isfinite().all() and not samples.requires_grad
    mean, variance = tried(lambda: made.mean), tried(lambda: made.variance)
    if mean is not None and name not in ("VonMises", "HalfCauchy"):
        assert ((samples.mean(0) - mean).abs() <= 5 * (variance / n).sqrt() + 1e-9).all()
    if name == "VonMises":
        length = torch.stack([samples.sin(), samples.cos()]).mean(1).norm(dim=0)
        assert ((1 - length - made.variance).abs() < 0.05).all()
    log_prob = made.log_prob(samples)
    entropy = tried(made.entropy)
    if entropy is not None:
        assert (
            (-log_prob.mean(0) - entropy).abs() <= 5 * log_prob.std(0) / math.sqrt(n) + 1e-9
        ).all()
    cdf = tried(lambda: made.cdf(samples))
    if cdf is not None:  # uniform: the Kolmogorov-Smirnov distance
        ordered = cdf.sort(0).values
        steps = (
            torch.arange(1, n + 1, dtype=torch.float64).view(-1, *(1,) * len(made.batch_shape)) / n
        )
        assert ((ordered - steps).abs().amax(0) < 2.5 / math.sqrt(n)).all()
        back = tried(lambda: made.icdf(cdf[:50]))
        assert back is None or torch.allclose(back, samples[:50], rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", FAMILIES)
def test_larger_batches(name):
    made = make(name)
    wider = made.expand((5, *made.batch_shape))
    samples = wider.sample((2,))
    assert type(wider) is type(made) and samples.shape == (
        2,
        5,
        *made.batch_shape,
        *made.event_shape,
    )
    assert torch.allclose(wider.log_prob(samples), made.log_prob(samples), rtol=1e-9)
    single = made.expand(made.batch_shape).sample()
    assert single.shape == made.batch_shape + made.event_shape


@pytest.mark.parametrize("name", [n for n in FAMILIES if make(n).has_rsample])
def test_gradients_flow_through_samples(name):
    numbers = {
        k: torch.from_numpy(v.copy()).requires_grad_()
        for k, v in FAMILIES[name].items()
        if isinstance(v, np.ndarray)
    }
    made = getattr(D, name)(**{**FAMILIES[name], **numbers})
    grads = torch.autograd.grad(made.rsample((7,)).square().sum(), list(numbers.values()))
    assert all(g.isfinite().all() and g.abs().sum() > 0 for g in grads)


def test_a_quantile_moves_as_its_gradient_says():
    # For families of one number, dx / d theta is -(dF / d theta) / density.
    for made, parameter in (
        (lambda a: D.Gamma(a, torch.ones_like(a)), 0.4),
        (lambda a: D.Gamma(a, torch.ones_like(a)), 30.0),
        (lambda a: D.Chi2(a), 0.7),
        (lambda a: D.InverseGamma(a, torch.ones_like(a)), 3.0),
    ):
        a = torch.full((40,), parameter, dtype=torch.float64, requires_grad=True)
        x = made(a).rsample()
        (grad,) = torch.autograd.grad(x.sum(), a)
        x, step = x.detach(), 1e-5 * parameter
        with torch.no_grad():
            rise = (made(a + step).cdf(x) - made(a - step).cdf(x)) / (2 * step)
            assert torch.allclose(grad, -rise / made(a).log_prob(x).exp(), rtol=1e-3, atol=1e-6)


def kl_pairs():
    one = {
        "Beta": D.Beta(2.0, 3.0), "ContinuousBernoulli": D.ContinuousBernoulli(0.3),
        "Exponential": D.Exponential(1.5), "Gamma": D.Gamma(2.5, 2.0), "Gumbel": D.Gumbel(0.5, 1.5),
        "Laplace": D.Laplace(0.3, 0.7), "Normal": D.Normal(-0.5, 1.2), "Pareto": D.Pareto(1.2, 6.0),
        "Uniform": D.Uniform(0.1, 0.8), "Cauchy": D.Cauchy(0.2, 0.5), "HalfNormal": D.HalfNormal(0.8),
        "Bernoulli": D.Bernoulli(0.4), "Poisson": D.Poisson(1.3),
    }  # fmt: skip
    return [(p, q, f"{a} to {b}") for a, p in one.items() for b, q in one.items()]


def test_divergences_are_means_of_log_ratios():
    seen = 0
    for p, q, name in kl_pairs():
        got = tried(lambda p=p, q=q: D.kl_divergence(p, q))
        if got is None:
            continue
        seen += 1
        x = p.sample((20000,))
        inside = q.support.check(x).all()
        if got == math.inf:
            assert not inside, name
            continue
        ratio = p.log_prob(x) - q.log_prob(x)
        assert (ratio.mean() - got).abs() <= 6 * ratio.std() / math.sqrt(20000) + 1e-5, name
    assert seen > 70


def test_divergences_of_vectors():
    _, normal = draw(5)
    w, diagonal = torch.from_numpy(normal(3, 4, 2)), torch.from_numpy(normal(3, 4)).exp()
    low = D.LowRankMultivariateNormal(torch.from_numpy(normal(3, 4)), w, diagonal)
    full = D.MultivariateNormal(
        low.loc + 1, low.covariance_matrix + torch.eye(4, dtype=torch.float64)
    )
    same = D.MultivariateNormal(low.loc, low.covariance_matrix)
    other = D.LowRankMultivariateNormal(low.loc - 1, w * 2, diagonal)
    wanted = D.kl_divergence(same, full)
    assert torch.allclose(D.kl_divergence(low, full), wanted)
    back = D.kl_divergence(full, same)
    assert torch.allclose(D.kl_divergence(full, low), back)
    dense = D.MultivariateNormal(other.loc, other.covariance_matrix)
    assert torch.allclose(D.kl_divergence(low, other), D.kl_divergence(same, dense))
    assert torch.allclose(
        D.kl_divergence(low, low), torch.zeros(3, dtype=torch.float64), atol=1e-12
    )


def test_mixtures():
    parts = D.Normal(torch.tensor([-2.0, 0.0, 3.0]), torch.tensor([0.5, 1.0, 0.3]))
    made = D.MixtureSameFamily(D.Categorical(torch.tensor([0.2, 0.5, 0.3])), parts)
    x = made.sample((20000,))
    assert (x.mean() - made.mean).abs() < 0.1 and (x.var() / made.variance - 1).abs() < 0.1
    grid = torch.linspace(-8, 8, 4001)
    assert (made.log_prob(grid).exp().sum() * 16 / 4000 - 1).abs() < 1e-3
    assert torch.allclose(made.cdf(torch.tensor([-9.0, 9.0])), torch.tensor([0.0, 1.0]))
    vectors = D.Independent(D.Normal(torch.randn(4, 3, 2), torch.ones(4, 3, 2)), 1)
    made = D.MixtureSameFamily(D.Categorical(torch.ones(3)), vectors)
    assert made.batch_shape == (4,) and made.sample((5,)).shape == (5, 4, 2)
    assert made.log_prob(made.sample((5,))).shape == (5, 4)
    with pytest.raises(ValueError, match="2 weights for components of batch shape"):
        D.MixtureSameFamily(D.Categorical(torch.ones(2)), parts)


def test_many_draws_of_a_multinomial_need_little_memory():
    made = D.Multinomial(10**9, torch.tensor([0.5, 0.25, 0.25], dtype=torch.float64))
    x = made.sample((3,))
    assert (x.sum(-1) == 10**9).all() and ((x / 1e9 - made.probs).abs() < 1e-3).all()


def test_parameters_that_do_not_fit_are_named():
    with pytest.raises(ValueError, match="Wishart: df is .* matrices of 3 rows take more than 2"):
        D.Wishart(torch.tensor(1.5), torch.eye(3))
    with pytest.raises(ValueError, match="LKJCholesky: dim is 1"):
        D.LKJCholesky(1)
    with pytest.raises(ValueError, match="Chi2: parameter df"):
        D.Chi2(torch.tensor(-1.0))
    with pytest.raises(ValueError, match=r"cov_factor \(..., 3, R\)"):
        D.LowRankMultivariateNormal(torch.zeros(3), torch.zeros(2, 2), torch.ones(3))
    with pytest.raises(NotImplementedError, match="total_count must be one int"):
        D.Multinomial(torch.tensor([1, 2]), torch.ones(2, 2))
    with pytest.warns(UserWarning, match="df below 3"):
        D.Wishart(torch.tensor(2.5), torch.eye(3))


def test_a_family_of_ones_own_without_constraints_warns():
    class Delta(D.Distribution):
        def log_prob(self, value):
            self._validate_sample(value)
            return torch.zeros_like(value)

    with pytest.warns(UserWarning, match="Delta has no arg_constraints"):
        made = Delta()
    with pytest.warns(UserWarning, match="Delta has no support"):
        made.log_prob(torch.zeros(2))


def test_the_factor_of_an_inverse():
    from flambeau.distributions.kl import _KL_REGISTRY
    from flambeau.distributions.multivariate_normal import _precision_to_scale_tril
    from flambeau.distributions.transforms import _clipped_sigmoid

    a = torch.tensor(np.random.default_rng(0).normal(size=(2, 4, 4)))
    precision = a @ a.mT + torch.eye(4, dtype=torch.float64)
    factor = _precision_to_scale_tril(precision)
    torch.testing.assert_close(factor, torch.linalg.cholesky(precision.inverse()))
    torch.testing.assert_close(
        D.MultivariateNormal(torch.zeros(4).double(), precision_matrix=precision).scale_tril, factor
    )
    assert (D.Normal, D.Normal) in _KL_REGISTRY
    ends = _clipped_sigmoid(torch.tensor([-1e9, 1e9]))
    assert 0 < ends[0] and ends[1] < 1


def test_integer_intervals_of_every_bound_and_dtype():
    """The bounds of whole numbers are read off the least and largest value; other kinds are compared one by one."""
    from flambeau.distributions import constraints

    holds, interval = constraints.holds, constraints.integer_interval
    for dtype in (torch.int64, torch.int32, torch.float32):
        value = torch.tensor([0, 2, 3], dtype=dtype)
        assert holds(interval(0, 3), value)
        assert not holds(interval(1, 3), value) and not holds(interval(0, 2), value)
        assert holds(interval(0, torch.tensor([0, 5, 3])), value)
        assert not holds(interval(0, torch.tensor([0, 1, 3])), value)
        assert holds(interval(0, 2.5), value[:2]) and not holds(interval(0.5, 2), value)
        assert holds(interval(5, 6), value[:0])
    assert not holds(interval(0, 3), torch.tensor([0.5]))
    assert torch.Size(()) == torch.Size([]) == () and type(torch.Size(())) is torch.Size
    for shape in ((), (3,), (2, 3)):
        drawn = torch.distributions.Categorical(torch.ones(*shape, 4))
        assert drawn.sample().shape == shape and drawn.sample([]).shape == shape
        assert drawn.sample((5,)).shape == (5, *shape)


@pytest.mark.parametrize("name", ["covariance_matrix", "precision_matrix", "scale_tril"])
def test_what_is_computed_on_the_way_is_not_shown(name):
    given = {name: torch.eye(2)}
    normal = torch.distributions.MultivariateNormal(torch.zeros(2), **given)
    wishart = torch.distributions.Wishart(torch.tensor(3.0), **given)
    for one in (normal, wishart):
        before = repr(one)
        one.log_prob(one.rsample()), one.entropy()
        assert repr(one) == before and before.count("torch.Size") >= 1
    before = repr(normal)
    torch.distributions.kl_divergence(normal, normal)
    assert repr(normal) == before
    assert normal.scale_tril.equal(torch.eye(2)) and "scale_tril" in repr(normal)
