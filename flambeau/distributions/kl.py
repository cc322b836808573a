"""The Kullback-Leibler divergence of pairs of distributions of one family; those of two are in kl_across.py."""

import functools
import math

import flambeau

from .bernoulli import Bernoulli
from .beta import Beta
from .binomial import Binomial
from .categorical import Categorical
from .cauchy import Cauchy
from .continuous_bernoulli import ContinuousBernoulli
from .dirichlet import Dirichlet
from .exp_family import ExponentialFamily
from .exponential import Exponential
from .gamma import Gamma
from .geometric import Geometric
from .gumbel import Gumbel, euler_constant
from .half_normal import HalfNormal
from .independent import Independent
from .laplace import Laplace
from .lowrank_multivariate_normal import LowRankMultivariateNormal
from .multivariate_normal import MultivariateNormal
from .normal import Normal
from .one_hot_categorical import OneHotCategorical
from .pareto import Pareto
from .poisson import Poisson
from .transformed_distribution import TransformedDistribution
from .uniform import Uniform
from .utils import sum_rightmost

__all__ = ["kl_divergence", "register_kl"]

_KL_REGISTRY = {}  # (type of p, type of q): formula; libraries read it


def register_kl(type_p, type_q):
    """Decorates fn(p, q): the divergence of a type_p from a type_q, subclasses included.

    Libraries have distributions that are no subclasses of Distribution, so that any type may be named.

    Raises:
        TypeError: one of them is no type.

    Example:
        >>> from flambeau.distributions import Normal, kl_divergence, register_kl
        >>> class Point(Normal):
        ...     "All at one place."
        >>> @register_kl(Point, Normal)
        ... def _(p, q):
        ...     return -q.log_prob(p.loc)
        >>> kl_divergence(Point(0.0, 1.0), Normal(0.0, 1.0))
        tensor(0.9189)
    """
    for kind in (type_p, type_q):
        if not isinstance(kind, type):
            raise TypeError(f"register_kl: takes types of distributions, not {kind!r}.")

    def register(function):
        _KL_REGISTRY[type_p, type_q] = function
        _formula.cache_clear()
        return function

    return register


@functools.lru_cache(1024)
def _formula(type_p, type_q):
    """The formula of the nearest classes: the least number of steps up, p's first; None without one."""
    ups = [
        (type_p.__mro__.index(p) + type_q.__mro__.index(q), type_p.__mro__.index(p), function)
        for (p, q), function in _KL_REGISTRY.items()
        if issubclass(type_p, p) and issubclass(type_q, q)
    ]
    return min(ups, key=lambda up: up[:2])[2] if ups else None


def kl_divergence(p, q):
    """The expected value, under p, of p.log_prob(x) - q.log_prob(x), in nats.

    Args:
        p, q (Distribution): whose batch shapes broadcast.

    Returns:
        Tensor of the batch's shape; infinite where p reaches beyond q's support.

    Raises:
        NotImplementedError: nobody has registered a formula for this pair.

    Example:
        >>> from flambeau.distributions import Normal, kl_divergence
        >>> kl_divergence(Normal(0.0, 1.0), Normal(1.0, 1.0))
        tensor(0.5000)
    """
    formula = _formula(type(p), type(q))
    result = NotImplemented if formula is None else formula(p, q)
    if result is NotImplemented:
        raise NotImplementedError(
            f"kl_divergence: none is known from {type(p).__name__} to {type(q).__name__}. register_kl "
            "teaches one."
        )
    return result


@register_kl(ExponentialFamily, ExponentialFamily)
def expfamily_kl(p, q):
    """Of two of one class: A(eta_q) - A(eta_p) - <eta_q - eta_p, mean of T under p>."""
    if type(p) is not type(q):
        return NotImplemented
    params, value, means = p._normalizer_and_means()
    result = q._log_normalizer(*q._natural_params) - value
    for mine, theirs, mean in zip(params, q._natural_params, means, strict=True):
        result = result - sum_rightmost(
            (theirs - mine) * mean, len(q.event_shape) if mine.dim() > value.dim() else 0
        )
    return result


_kl_expfamily_expfamily = expfamily_kl


@register_kl(TransformedDistribution, TransformedDistribution)
def _(p, q):
    if p.transforms != q.transforms or p.event_shape != q.event_shape:
        return NotImplemented
    return kl_divergence(p.base_dist, q.base_dist)


@register_kl(Cauchy, Cauchy)
def _(p, q):
    # Source: Chyzak, Nielsen, 2019, arXiv:1905.10965.
    apart = (p.scale + q.scale).pow(2) + (p.loc - q.loc).pow(2)
    return (apart / (4 * p.scale * q.scale)).log()


@register_kl(ContinuousBernoulli, ContinuousBernoulli)
def _(p, q):
    tails = (-p.probs).log1p() - (-q.probs).log1p()
    return p.mean * (p.logits - q.logits) + p._log_constant() - q._log_constant() + tails


@register_kl(Gumbel, Gumbel)
def _(p, q):
    ratio, distance = p.scale / q.scale, (q.loc - p.loc) / q.scale
    tail = (distance + (1 + ratio).lgamma()).exp()
    return -ratio.log() + tail - distance - 1 + euler_constant * (ratio - 1)


@register_kl(HalfNormal, HalfNormal)
def _(p, q):
    return kl_divergence(p.base_dist, q.base_dist)


@register_kl(Pareto, Pareto)
def _(p, q):
    ratio = q.alpha / p.alpha
    result = q.alpha * (p.scale / q.scale).log() - ratio.log() + ratio - 1
    return flambeau.where(p.scale < q.scale, math.inf, result)


def _vectors(p, q):
    if p.event_shape != q.event_shape:
        raise ValueError(
            f"kl_divergence: events of shape {tuple(p.event_shape)} and {tuple(q.event_shape)} differ."
        )


def _white(root, matrix):
    """The squared norm of L^-1 M, for L and M of batches that broadcast."""
    batch = flambeau.broadcast_shapes(root.shape[:-2], matrix.shape[:-2])
    root, matrix = root.expand(batch + root.shape[-2:]), matrix.expand(batch + matrix.shape[-2:])
    return flambeau.linalg.solve_triangular(root, matrix, upper=False).pow(2).sum((-2, -1))


@register_kl(MultivariateNormal, LowRankMultivariateNormal)
def _(p, q):
    _vectors(p, q)
    columns = _columns_distance(q, p._root.mT)
    return _normal_kl(p, q, columns, q.squared_distance(q.loc - p.loc))


@register_kl(LowRankMultivariateNormal, LowRankMultivariateNormal)
def _(p, q):
    _vectors(p, q)
    columns = _columns_distance(q, p.cov_factor.mT) + _columns_distance(
        q, p.cov_diag.sqrt().diag_embed()
    )
    return _normal_kl(p, q, columns, q.squared_distance(q.loc - p.loc))


@register_kl(LowRankMultivariateNormal, MultivariateNormal)
def _(p, q):
    _vectors(p, q)
    trace = _white(q._root, p.cov_factor) + _white(q._root, p.cov_diag.sqrt().diag_embed())
    return _normal_kl(p, q, trace, _white(q._root, (q.loc - p.loc).unsqueeze(-1)))


@register_kl(MultivariateNormal, MultivariateNormal)
def _(p, q):
    _vectors(p, q)
    trace = _white(q._root, p._root)
    return _normal_kl(p, q, trace, _white(q._root, (q.loc - p.loc).unsqueeze(-1)))


def _columns_distance(q, rows):
    """The trace of C_q^-1 M M^T, for the rows (*B, R, K) of M^T."""
    return q.squared_distance(rows.movedim(-2, 0)).sum(0)


def _normal_kl(p, q, trace, distance):
    logs = q._log_root_determinant - p._log_root_determinant
    return logs + 0.5 * (trace + distance - p.event_shape[0])


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
    return flambeau.where(outside, math.inf, result)


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
    return flambeau.where(more, math.inf, p.total_count * one_trial)


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
    return q._log_beta() - p._log_beta() + first + second - total


@register_kl(Dirichlet, Dirichlet)
def _(p, q):
    a, b = p.concentration, q.concentration
    mean_log = a.digamma() - a.sum(-1, True).digamma()
    return q._log_beta() - p._log_beta() + ((a - b) * mean_log).sum(-1)


@register_kl(Geometric, Geometric)
def _(p, q):
    return -p.entropy() - (-q.probs).log1p() / p.probs - q.logits


@register_kl(Poisson, Poisson)
def _(p, q):
    return flambeau.xlogy(p.rate, p.rate / q.rate) - (p.rate - q.rate)


@register_kl(Categorical, Categorical)
def _(p, q):
    terms = p.probs * (p.logits - q.logits)
    terms = flambeau.where((q.probs == 0).expand_as(terms), math.inf, terms)
    return flambeau.where((p.probs == 0).expand_as(terms), 0.0, terms).sum(-1)


@register_kl(OneHotCategorical, OneHotCategorical)
def _(p, q):
    return kl_divergence(p._categorical, q._categorical)


@register_kl(Independent, Independent)
def _(p, q):
    if p.reinterpreted_batch_ndims != q.reinterpreted_batch_ndims:
        return NotImplemented
    return p._sum(kl_divergence(p.base_dist, q.base_dist))


from . import kl_across  # noqa: E402, F401  registers its own
