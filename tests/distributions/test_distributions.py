"""Distributions beside PyTorch's, and samples beside what they promise."""

import math

import numpy as np
import pytest

import flambeau as torch
from flambeau import distributions as D

rng = np.random.default_rng(0)


def positive(*shape):
    return np.exp(rng.normal(size=shape))


def rows(*shape):
    values = positive(*shape)
    return values / values.sum(-1, keepdims=True)


def cases():
    """name -> (class, parameters, values): 3 distributions a case."""
    a = rng.normal(size=(3, 4, 4))
    covariance = a @ a.transpose(0, 2, 1) + np.eye(4)
    normal = {"loc": rng.normal(size=3), "scale": positive(3)}
    low = rng.normal(size=3)
    vectors = rng.normal(size=(5, 3, 4))
    classes = rng.integers(0, 4, (5, 3))
    return {
        "normal": ("Normal", normal, rng.normal(size=(5, 3))),
        "laplace": ("Laplace", normal, rng.normal(size=(5, 3))),
        "cauchy": ("Cauchy", normal, rng.normal(size=(5, 3))),
        "uniform": ("Uniform", {"low": low, "high": low + 2}, low + rng.random((5, 3))),
        "exponential": ("Exponential", {"rate": positive(3)}, positive(5, 3)),
        "poisson": ("Poisson", {"rate": positive(3)}, rng.integers(0, 5, (5, 3)).astype("f8")),
        "bernoulli": ("Bernoulli", {"probs": rng.random(3)}, rng.integers(0, 2, (5, 3)) * 1.0),
        "bernoulli of logits": (
            "Bernoulli", {"logits": rng.normal(size=3)}, rng.integers(0, 2, (5, 3)) * 1.0),
        "gamma": ("Gamma", {"concentration": positive(3), "rate": positive(3)}, positive(5, 3)),
        "beta": (
            "Beta", {"concentration1": positive(3) + 1, "concentration0": positive(3)}, rng.random((5, 3))),
        "dirichlet": ("Dirichlet", {"concentration": positive(3, 4) + 1}, rows(5, 3, 4)),
        "binomial": (
            "Binomial", {"probs": rng.random(3), "total_count": np.full(3, 7.0)},
            rng.integers(0, 8, (5, 3)) * 1.0),
        "geometric": ("Geometric", {"probs": rng.random(3)}, rng.integers(0, 9, (5, 3)) * 1.0),
        "categorical": ("Categorical", {"probs": positive(3, 4)}, classes),
        "categorical of logits": ("Categorical", {"logits": rng.normal(size=(3, 4))}, classes),
        "one hot": ("OneHotCategorical", {"probs": rows(3, 4)}, np.eye(4)[classes]),
        "multivariate, covariance": (
            "MultivariateNormal",
            {"loc": rng.normal(size=4), "covariance_matrix": covariance}, vectors),
        "multivariate, precision": (
            "MultivariateNormal",
            {"loc": rng.normal(size=(3, 4)), "precision_matrix": covariance}, vectors),
        "multivariate, scale": (
            "MultivariateNormal",
            {"loc": rng.normal(size=(3, 4)), "scale_tril": np.linalg.cholesky(covariance)}, vectors),
    }  # fmt: skip


NAMES = list(cases())


def make(T, name):
    kind, parameters, values = cases()[name]
    tensors = {key: T.from_numpy(value) for key, value in parameters.items()}
    learned = [value.requires_grad_() for key, value in tensors.items() if key != "total_count"]
    made = getattr(T.distributions, kind)(**tensors)
    return made, learned, T.from_numpy(values)


def assert_same(ours, theirs):
    # PyTorch's trigamma has nine digits.
    np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_everything_is_pytorchs(name):
    pytorch = pytest.importorskip("torch")
    state = rng.bit_generator.state
    ours, parameters, values = make(torch, name)
    rng.bit_generator.state = state
    theirs, their_parameters, their_values = make(pytorch, name)
    if name not in ("one hot", "beta"):  # PyTorch shows no parameters
        assert repr(ours) == repr(theirs)
    assert ours.has_rsample == theirs.has_rsample
    for attribute in ("batch_shape", "event_shape"):
        assert tuple(getattr(ours, attribute)) == tuple(getattr(theirs, attribute))
    for attribute in ("mean", "mode", "variance", "stddev"):
        assert_same(getattr(ours, attribute), getattr(theirs, attribute))
    loss, their_loss = ours.log_prob(values), theirs.log_prob(their_values)
    assert_same(loss, their_loss)
    for method in ("entropy", "perplexity"):
        try:
            wanted = getattr(theirs, method)()
        except NotImplementedError:
            continue
        assert_same(getattr(ours, method)(), wanted)
        loss, their_loss = (
            loss.sum() + getattr(ours, method)().sum(),
            their_loss.sum() + wanted.sum(),
        )
    for method, argument in (("cdf", values), ("icdf", torch.rand(5, 3, dtype=torch.float64))):
        try:
            wanted = getattr(theirs, method)(pytorch.from_numpy(argument.numpy()))
        except NotImplementedError:
            continue
        assert_same(getattr(ours, method)(argument), wanted)
    if theirs.has_enumerate_support:
        assert_same(ours.enumerate_support(), theirs.enumerate_support())
        assert_same(ours.enumerate_support(expand=False), theirs.enumerate_support(expand=False))
    for a, b in zip(
        torch.autograd.grad(loss.sum(), parameters),
        pytorch.autograd.grad(their_loss.sum(), their_parameters),
        strict=True,
    ):
        assert_same(a, b)
    wider = ours.expand((2, 3))
    assert tuple(wider.batch_shape) == (2, 3)
    wanted = theirs.expand((2, 3)).log_prob(their_values[:1])
    assert_same(wider.log_prob(values[:1]), wanted)


@pytest.mark.parametrize("name", [name for name in NAMES if "cauchy" not in name])
def test_samples_have_the_mean_and_variance_they_promise(name):
    made, _, _ = make(torch, name)
    n = 4000
    samples = made.sample((n,))
    assert samples.shape == (n, *made.batch_shape, *made.event_shape)
    assert not samples.requires_grad and made.support.check(samples).all()
    if "categorical" in name:
        frequency = torch.stack([(samples == i).double().mean(0) for i in range(4)], -1)
        assert torch.allclose(frequency, made.probs, atol=0.05)
        return
    error = (samples.mean(0) - made.mean).abs() / (made.stddev / math.sqrt(n))
    assert (error < 5).all()
    spread = samples.var(0) / made.variance
    assert ((spread > 0.6) & (spread < 1.6)).all()


def test_samples_of_the_cauchy_distribution_have_its_median():
    made = D.Cauchy(torch.tensor([1.0, -2.0]), torch.tensor([0.5, 2.0]))
    below = (made.sample((4000,)) < made.loc).float().mean(0)
    assert torch.allclose(below, torch.tensor(0.5), atol=0.05)


def test_gradients_flow_through_rsample():
    loc, scale = torch.tensor(1.0, requires_grad=True), torch.tensor(2.0, requires_grad=True)
    made = D.Normal(loc, scale)
    sample = made.rsample((100,))
    sample.mean().backward()
    assert torch.allclose(loc.grad, torch.tensor(1.0))
    assert torch.allclose(scale.grad, ((sample.detach() - 1) / 2).mean(), atol=1e-5)
    logits = torch.randn(5, 3, requires_grad=True)
    drawn = D.OneHotCategoricalStraightThrough(logits=logits).rsample()
    (drawn * torch.arange(3.0)).sum().backward()
    assert drawn.sum(-1).allclose(torch.ones(5)) and logits.grad.abs().sum() > 0


KL = [
    *[(name, name) for name in NAMES if "cauchy" not in name],
    ("bernoulli", "bernoulli of logits"),
    ("multivariate, scale", "multivariate, precision"),
]


@pytest.mark.parametrize("p, q", KL)
def test_divergences_are_pytorchs(p, q):
    pytorch = pytest.importorskip("torch")
    results = []
    state = rng.bit_generator.state
    for T in (torch, pytorch):
        rng.bit_generator.state = state
        results.append(T.distributions.kl_divergence(make(T, p)[0], make(T, q)[0]))
    assert_same(*results)


def test_independent():
    base = D.Normal(torch.zeros(2, 3), torch.ones(2, 3))
    made = D.Independent(base, 1)
    assert made.batch_shape == (2,) and made.event_shape == (3,)
    value = torch.randn(5, 2, 3)
    assert torch.allclose(made.log_prob(value), base.log_prob(value).sum(-1))
    assert torch.allclose(made.entropy(), base.entropy().sum(-1))
    other = D.Independent(D.Normal(torch.ones(2, 3), torch.ones(2, 3)), 1)
    assert torch.allclose(D.kl_divergence(made, other), torch.tensor(1.5))
    assert made.expand((4, 2)).sample((5,)).shape == (5, 4, 2, 3)
    assert repr(made).startswith("Independent(Normal(loc: torch.Size([2, 3])")


def test_wrong_parameters_and_values_are_named():
    with pytest.raises(
        ValueError,
        match=r"Normal: parameter scale \(2,\) does not satisfy GreaterThan\(lower_bound=0\.0\): tensor\(\[ 1\., -1\.\]\)",
    ):
        D.Normal(torch.zeros(2), torch.tensor([1.0, -1.0]))
    with pytest.raises(ValueError, match="Categorical: give probs or logits, one of them"):
        D.Categorical()
    with pytest.raises(
        ValueError,
        match=r"Categorical: parameter probs \(3,\) does not satisfy Simplex\(\): tensor\(\[ 0\.5000, -0\.5000, ",
    ):
        D.Categorical(probs=torch.tensor([0.5, -0.5, 1.0]))
    with pytest.raises(
        ValueError,
        match=r"log_prob: value \(\) lies outside of the support Boolean\(\) of Bernoulli\(probs: 0\.5\):",
    ):
        D.Bernoulli(0.5).log_prob(torch.tensor(0.3))
    with pytest.raises(
        ValueError,
        match=r"log_prob: value \(2,\) does not broadcast with \(3,\), the batch's and the event's shape",
    ):
        D.Normal(torch.zeros(3), 1.0).log_prob(torch.zeros(2))
    with pytest.raises(ValueError, match="Uniform: low must be below high everywhere"):
        D.Uniform(1.0, 0.0)
    with pytest.raises(
        ValueError,
        match="MultivariateNormal: give covariance_matrix, precision_matrix or scale_tril, one of them",
    ):
        D.MultivariateNormal(torch.zeros(2))
    with pytest.raises(
        NotImplementedError, match="kl_divergence: none is known from Normal to Cauchy"
    ):
        D.kl_divergence(D.Normal(0.0, 1.0), D.Cauchy(0.0, 1.0))
    assert D.Normal(0.0, -1.0, validate_args=False).log_prob(torch.tensor(0.0)).isnan()


def test_a_divergence_of_ones_own():
    class Mine(D.Normal):
        pass

    @D.register_kl(Mine, D.Normal)
    def _(p, q):
        return torch.tensor(7.0)

    assert D.kl_divergence(Mine(0.0, 1.0), D.Normal(0.0, 1.0)) == 7
    assert D.kl_divergence(Mine(0.0, 1.0), Mine(0.0, 1.0)) == 7  # the nearest that is known
    assert D.kl_divergence(D.Normal(0.0, 1.0), D.Normal(0.0, 1.0)) == 0


def test_a_policy_gradient():
    from flambeau.distributions.categorical import Categorical

    logits = torch.zeros(3, requires_grad=True)
    optimizer = torch.optim.SGD([logits], 0.5)
    for _ in range(60):
        policy = Categorical(logits=logits)
        action = policy.sample()
        loss = -policy.log_prob(action) * (1.0 if action == 2 else 0.0)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert Categorical(logits=logits).probs[2] > 0.9


def test_beta_at_the_ends():
    ends = torch.tensor([0.0, 0.3, 1.0])
    one, two = torch.tensor(1.0), torch.tensor(2.0)
    assert torch.allclose(D.Beta(one, one).log_prob(ends), torch.zeros(3), atol=1e-6)
    assert D.Beta(two, two).log_prob(ends).isinf().tolist() == [True, False, True]
    assert math.isclose(D.Beta(two, one).log_prob(one).item(), math.log(2), rel_tol=1e-6)


@pytest.mark.parametrize("size", [1e-3, 1e-1, 1.0, 1e4])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_samples_of_any_concentration_stay_inside(size, dtype):
    a = torch.full((3,), size, dtype=dtype, requires_grad=True)
    for made in (D.Beta(a, a), D.Dirichlet(a)):
        x = made.rsample((500,))
        assert ((x > 0) & (x < 1)).all() and made.log_prob(x.detach()).isfinite().all()
        (grad,) = torch.autograd.grad((x * torch.arange(3)).sum(), a)
        assert grad.isfinite().all()
        assert ((x.mean(0) - made.mean).abs() < 0.15).all()


def test_gradients_of_beta_samples_are_those_of_the_mean():
    a = torch.tensor([0.3, 2.0, 50.0], dtype=torch.float64, requires_grad=True)
    b = torch.tensor([0.5, 4.0, 30.0], dtype=torch.float64, requires_grad=True)
    made = D.Beta(a, b)
    sampled = torch.autograd.grad(made.rsample((20000,)).mean(0).sum(), (a, b))
    for got, wanted in zip(sampled, torch.autograd.grad(made.mean.sum(), (a, b)), strict=True):
        assert torch.allclose(got, wanted, rtol=0.15)


def test_logits_of_whole_numbers_infinities_and_values_of_more_dims():
    whole = D.Categorical(logits=torch.tensor([[0, 1], [2, 2]]))
    exact = np.array([[1 / (1 + math.e), 1 / (1 + 1 / math.e)], [0.5, 0.5]])
    assert np.allclose(whole.probs.numpy(), exact, rtol=1e-6)
    told = whole.log_prob(torch.tensor([[0, 0], [1, 1], [0, 1]]))
    assert np.allclose(told.exp().numpy(), [exact[:, 0], exact[:, 1], [exact[0, 0], 0.5]])
    assert np.allclose(whole.log_prob(torch.tensor(1)).exp().numpy(), exact[:, 1])
    never = D.Categorical(logits=torch.tensor([0.0, -math.inf]))
    assert never.log_prob(torch.tensor([0, 1])).tolist() == [0.0, -math.inf]


def test_discrete_supports_take_numbers_of_any_dtype():
    c = D.constraints
    for whole, held in (
        (c.integer_interval(0, 2), [False, True, True, False]),
        (c.nonnegative_integer, [False, True, True, True]),
        (c.interval(0, 2), [False, True, True, False]),
    ):
        assert whole.check(torch.tensor([-1, 0, 2, 3])).tolist() == held
        assert whole.check(torch.tensor([-1.0, 0, 2, 3])).tolist() == held
    assert c.integer_interval(0, 2).check(1.0) is True
    assert not c.integer_interval(0, 2).check(torch.tensor(0.5))
    with pytest.raises(ValueError, match="outside of the support"):
        D.Poisson(torch.tensor(2.0)).log_prob(torch.tensor(0.5))


@pytest.mark.parametrize("shape", [(), (4,), (2, 4), (0,)])
def test_categorical_refuses_what_is_outside(shape):
    """Whoever looks: gather where it reads the value as it is, the support elsewhere."""
    given = D.Categorical(logits=torch.randn(*shape, 3))
    drawn = given.sample()
    assert drawn.shape == shape and given.sample((5,)).shape == (5, *shape)
    expected = given.logits.reshape(-1, 3)[torch.arange(drawn.numel()), drawn.flatten()]
    for value in (drawn, drawn.float(), drawn.int()):
        assert torch.equal(given.log_prob(value).flatten(), expected.flatten())
    for wrong in (-1, 3) if drawn.numel() else ():
        for value in (torch.full(shape, wrong), torch.full(shape, float(wrong))):
            with pytest.raises(ValueError, match="outside of the support IntegerInterval") as error:
                given.log_prob(value)
            assert error.value.__context__ is None
    with torch.no_grad():
        unchecked = D.Categorical(logits=torch.randn(4, 3), validate_args=False)
        with pytest.raises(RuntimeError, match="gather"):
            unchecked.log_prob(torch.tensor([0, 1, 2, 3]))
