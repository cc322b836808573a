"""The Kullback-Leibler divergence of pairs of distributions."""

import flambeau

from .bernoulli import Bernoulli
from .beta import Beta
from .binomial import Binomial
from .categorical import Categorical
from .dirichlet import Dirichlet
from .distribution import Distribution
from .exponential import Exponential
from .gamma import Gamma
from .geometric import Geometric
from .independent import Independent
from .laplace import Laplace
from .multivariate_normal import MultivariateNormal
from .normal import Normal
from .one_hot_categorical import OneHotCategorical
from .poisson import Poisson
from .uniform import Uniform

__all__ = ["kl_divergence", "register_kl"]

_known = {}


def register_kl(type_p, type_q):
    """Decorates fn(p, q): the divergence of a type_p from a type_q, subclasses included."""
    for kind in (type_p, type_q):
        if not (isinstance(kind, type) and issubclass(kind, Distribution)):
            raise TypeError(f"register_kl: takes subclasses of Distribution, not {kind}.")

    def register(function):
        _known[type_p, type_q] = function
        return function

    return register


def kl_divergence(p, q):
    """The expected value, under p, of p.log_prob(x) - q.log_prob(x).

    Raises:
        NotImplementedError: nobody has registered a formula for this pair.
    """
    for type_p in type(p).__mro__:  # the nearest classes first
        for type_q in type(q).__mro__:
            if (type_p, type_q) in _known:
                return _known[type_p, type_q](p, q)
    raise NotImplementedError(
        f"kl_divergence: none is known from {type(p).__name__} to {type(q).__name__}. register_kl "
        "teaches one."
    )


@register_kl(Normal, Normal)
def _(p, q):
    ratio = (p.scale / q.scale).pow(2)
    return 0.5 * (ratio + ((p.loc - q.loc) / q.scale).pow(2) - 1 - ratio.log())


@register_kl(Laplace, Laplace)
def _(p, q):
    ratio, distance = p.scale / q.scale, (p.loc - q.loc).abs()
    return -ratio.log() + distance / q.scale + ratio * (-distance / p.scale).exp() - 1


@register_kl(Exponential, Exponential)
def _(p, q):
    ratio = q.rate / p.rate
    return ratio - ratio.log() - 1


@register_kl(Uniform, Uniform)
def _(p, q):
    result = ((q.high - q.low) / (p.high - p.low)).log()
    outside = (q.low > p.low) | (q.high < p.high)
    return flambeau.where(outside, float("inf"), result)


@register_kl(Bernoulli, Bernoulli)
def _(p, q):
    one = flambeau.xlogy(p.probs, p.probs) - flambeau.xlogy(p.probs, q.probs)
    zero = flambeau.xlogy(1 - p.probs, 1 - p.probs) - flambeau.xlogy(1 - p.probs, 1 - q.probs)
    return one + zero


@register_kl(Binomial, Binomial)
def _(p, q):
    if bool((p.total_count < q.total_count).any()):
        raise NotImplementedError(
            "kl_divergence: a Binomial of fewer trials than the other's has no formula here."
        )
    one_trial = p.probs * (p.logits - q.logits) + (-p.probs).log1p() - (-q.probs).log1p()
    more = (p.total_count > q.total_count).expand(one_trial.shape)
    return flambeau.where(more, float("inf"), p.total_count * one_trial)


@register_kl(Gamma, Gamma)
def _(p, q):
    a, b = p.concentration, q.concentration
    shapes = (a - b) * a.digamma() - a.lgamma() + b.lgamma()
    return shapes + b * (p.rate / q.rate).log() + a * (q.rate / p.rate - 1)


@register_kl(Beta, Beta)
def _(p, q):
    first = (p.concentration1 - q.concentration1) * p.concentration1.digamma()
    second = (p.concentration0 - q.concentration0) * p.concentration0.digamma()
    total = (p._total - q._total) * p._total.digamma()
    return q._log_normalizer() - p._log_normalizer() + first + second - total


@register_kl(Dirichlet, Dirichlet)
def _(p, q):
    a, b = p.concentration, q.concentration
    mean_log = a.digamma() - a.sum(-1, True).digamma()
    return q._log_normalizer() - p._log_normalizer() + ((a - b) * mean_log).sum(-1)


@register_kl(Geometric, Geometric)
def _(p, q):
    return -p.entropy() - (-q.probs).log1p() / p.probs - q.logits


@register_kl(Poisson, Poisson)
def _(p, q):
    return flambeau.xlogy(p.rate, p.rate / q.rate) - (p.rate - q.rate)


@register_kl(Categorical, Categorical)
def _(p, q):
    terms = p.probs * (p.logits - q.logits)
    terms = flambeau.where((q.probs == 0).expand_as(terms), float("inf"), terms)
    return flambeau.where((p.probs == 0).expand_as(terms), 0.0, terms).sum(-1)


@register_kl(OneHotCategorical, OneHotCategorical)
def _(p, q):
    return kl_divergence(p._categorical, q._categorical)


@register_kl(Independent, Independent)
def _(p, q):
    if p.reinterpreted_batch_ndims != q.reinterpreted_batch_ndims:
        raise NotImplementedError
    return p._sum(kl_divergence(p.base_dist, q.base_dist))


@register_kl(MultivariateNormal, MultivariateNormal)
def _(p, q):
    if p.event_shape != q.event_shape:
        raise ValueError(
            "kl_divergence: the two MultivariateNormals have events of different shapes."
        )
    solve = flambeau.linalg.solve_triangular
    batch = flambeau.broadcast_shapes(p.batch_shape, q.batch_shape)
    size = (*batch, *p.scale_tril.shape[-2:])
    root = q.scale_tril.expand(size)
    trace = solve(root, p.scale_tril.expand(size), upper=False).pow(2).sum((-2, -1))
    distance = solve(root, (q.loc - p.loc).unsqueeze(-1), upper=False).pow(2).sum((-2, -1))
    logs = q._log_root_determinant - p._log_root_determinant
    return logs + 0.5 * (trace + distance - p.event_shape[0])
