"""Probability: samples, samples with gradients and log_prob of the common families, 300,000 float32 each."""

import functools

EFFORT = {"rounds": 5, "block_s": 0.03}
SIZE = 300_000


def families(T):
    """(name, distribution) with parameters that differ from element to element."""
    D = T.distributions
    one = T.linspace(0.5, 3.0, SIZE)
    other = T.linspace(2.0, 0.2, SIZE)
    rows = T.linspace(0.2, 2.0, SIZE).reshape(-1, 10)
    p = T.linspace(0.05, 0.95, SIZE)
    yield "Normal", D.Normal(one, other)
    yield "LogNormal", D.LogNormal(other, other)
    yield "Uniform", D.Uniform(-one, one)
    yield "Exponential", D.Exponential(one)
    yield "Laplace", D.Laplace(one, other)
    yield "Cauchy", D.Cauchy(one, other)
    yield "Gumbel", D.Gumbel(one, other)
    yield "Gamma", D.Gamma(one, other)
    yield "Beta", D.Beta(one, other)
    yield "StudentT", D.StudentT(one + 1)
    yield "Dirichlet", D.Dirichlet(rows)
    yield "Bernoulli", D.Bernoulli(p)
    yield "Categorical", D.Categorical(rows)
    yield "Geometric", D.Geometric(p)
    yield "Poisson", D.Poisson(one * 4)
    yield "Binomial", D.Binomial(20, p)


def _pull(T, distribution, leaf):
    leaf.grad = None
    distribution(leaf).rsample().sum().backward()


def cases(T):
    T.manual_seed(0)
    for name, family in families(T):
        yield f"{name} sample", 1, family.sample
        value = family.sample()
        yield f"{name} log_prob", 1, functools.partial(family.log_prob, value)
    D = T.distributions
    rows = T.linspace(0.2, 2.0, SIZE).reshape(-1, 10).requires_grad_()
    one = T.linspace(0.5, 3.0, SIZE).requires_grad_()
    yield (
        "Normal rsample and gradient",
        1,
        functools.partial(_pull, T, lambda x: D.Normal(x, x), one),
    )
    yield "Gamma rsample and gradient", 1, functools.partial(_pull, T, lambda x: D.Gamma(x, x), one)
    yield "Beta rsample and gradient", 1, functools.partial(_pull, T, lambda x: D.Beta(x, x), one)
    yield "Dirichlet rsample and gradient", 1, functools.partial(_pull, T, D.Dirichlet, rows)
