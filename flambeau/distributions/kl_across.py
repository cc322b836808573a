"""The Kullback-Leibler divergence of distributions of two different families.

log q(x) is a sum of a few statistics of x, each with a coefficient, and a constant; so the divergence is
-entropy(p) less that sum with each statistic's mean under p. `_MEANS` has the means, `_LOG_DENSITIES` the sums,
`_reaches` says where p goes beyond q's support: there it is infinite.
"""

import math

import flambeau

from .bernoulli import Bernoulli
from .beta import Beta
from .binomial import Binomial
from .continuous_bernoulli import ContinuousBernoulli
from .exponential import Exponential
from .gamma import Gamma
from .gumbel import Gumbel, euler_constant
from .kl import register_kl
from .laplace import Laplace
from .normal import Normal
from .pareto import Pareto
from .poisson import Poisson
from .uniform import Uniform

# -- means of statistics under p: statistic -> function(p, argument)


def _mean(p, _):
    return p.mean


def _square(p, _):
    return p.variance + p.mean.pow(2)


def _normal_distance(p, point):
    """The mean of |x - point| for a normal x."""
    z = (p.loc - point) / p.scale
    density = (-0.5 * z * z).exp() * math.sqrt(2 / math.pi)
    return p.scale * (density + z * flambeau.erf(z / math.sqrt(2)))


def _uniform_xlog(low, high):
    """The mean of log(x) on [low, high]."""
    return (flambeau.xlogy(high, high) - flambeau.xlogy(low, low)) / (high - low) - 1


def _pareto_square(p, _):
    a = p.alpha.clamp(min=2)  # infinite for alpha <= 2
    return p.scale.pow(2) * a / (a - 2)


_MEANS = {
    Beta: {
        "x": _mean,
        "x2": _square,
        "log": lambda p, _: p.concentration1.digamma() - p._total.digamma(),
        "log1m": lambda p, _: p.concentration0.digamma() - p._total.digamma(),
    },
    ContinuousBernoulli: {"x": _mean, "x2": _square},
    Exponential: {
        "x": _mean,
        "x2": _square,
        "log": lambda p, _: -euler_constant - p.rate.log(),
        "exp": lambda p, scale: p.rate / (p.rate + 1 / scale),
    },
    Gamma: {
        "x": _mean,
        "x2": _square,
        "log": lambda p, _: p.concentration.digamma() - p.rate.log(),
        "exp": lambda p, scale: (1 + 1 / (scale * p.rate)).pow(-p.concentration),
    },
    Gumbel: {
        "x": _mean,
        "x2": _square,
        "exp": lambda p, scale: (-p.loc / scale + (1 + p.scale / scale).lgamma()).exp(),
    },
    Laplace: {"x": _mean, "x2": _square},
    Normal: {
        "x": _mean,
        "x2": _square,
        "exp": lambda p, scale: (-p.loc / scale + 0.5 * (p.scale / scale).pow(2)).exp(),
        "distance": _normal_distance,
    },
    Pareto: {
        "x": _mean,
        "x2": _pareto_square,
        "log": lambda p, _: p.scale.log() + p.alpha.reciprocal(),
    },
    Uniform: {
        "x": _mean,
        "x2": _square,
        "log": lambda p, _: _uniform_xlog(p.low, p.high),
        "log1m": lambda p, _: _uniform_xlog(1 - p.high, 1 - p.low),
        "exp": lambda p, scale: (
            scale * ((-p.low / scale).exp() - (-p.high / scale).exp()) / (p.high - p.low)
        ),
    },
    Bernoulli: {"x": _mean, "log_factorial": lambda p, _: 0.0},
}

# -- log q: q -> constant, ((coefficient, statistic, its argument), ...)


def _log_normal(q):
    s = 0.5 * q.scale.pow(-2)
    constant = -s * q.loc.pow(2) - q.scale.log() - 0.5 * math.log(2 * math.pi)
    return constant, ((-s, "x2", None), (2 * s * q.loc, "x", None))


def _log_gumbel(q):
    constant = q.loc / q.scale - q.scale.log()
    return constant, ((-1 / q.scale, "x", None), (-(q.loc / q.scale).exp(), "exp", q.scale))


def _log_gamma(q):
    constant = q.concentration * q.rate.log() - q.concentration.lgamma()
    return constant, ((q.concentration - 1, "log", None), (-q.rate, "x", None))


def _log_beta(q):
    first, second = (q.concentration1 - 1, "log", None), (q.concentration0 - 1, "log1m", None)
    return -q._log_beta(), (first, second)


_LOG_DENSITIES = {
    Normal: _log_normal,
    Gumbel: _log_gumbel,
    Gamma: _log_gamma,
    Beta: _log_beta,
    Exponential: lambda q: (q.rate.log(), ((-q.rate, "x", None),)),
    Laplace: lambda q: (-(2 * q.scale).log(), ((-1 / q.scale, "distance", q.loc),)),
    Pareto: lambda q: (q.alpha.log() + q.alpha * q.scale.log(), ((-q.alpha - 1, "log", None),)),
    Uniform: lambda q: (-(q.high - q.low).log(), ()),
    ContinuousBernoulli: lambda q: (
        (-q.probs).log1p() + q._log_constant(), ((q.logits, "x", None),)),
    Poisson: lambda q: (-q.rate, ((q.rate.log(), "x", None), (-1, "log_factorial", None))),
}  # fmt: skip

_UNIT = (Beta, ContinuousBernoulli)  # on [0, 1]
_UPWARDS = (Exponential, Gamma, Poisson)  # on [0, infinity)


def _ends(d):
    """Where the support begins and ends."""
    if isinstance(d, (*_UNIT, Bernoulli)):
        return 0.0, 1.0
    if isinstance(d, _UPWARDS):
        return 0.0, math.inf
    if isinstance(d, Pareto):
        return d.scale, math.inf
    if isinstance(d, Uniform):
        return d.low, d.high
    return -math.inf, math.inf


def _beyond(p, q):
    """Where p reaches beyond q's support: bool, or a Tensor of bool."""
    (low_p, high_p), (low_q, high_q) = _ends(p), _ends(q)
    return (low_p < low_q) | (high_p > high_q)


def _infinite(p, q):
    shape = flambeau.broadcast_shapes(p.batch_shape, q.batch_shape)
    return flambeau.full_like(p.mean, math.inf).expand(shape)


def _across(p, q):
    kind = next(kind for kind in _MEANS if isinstance(p, kind))
    beyond = _beyond(p, q)
    if isinstance(beyond, bool) and beyond:
        return _infinite(p, q)
    constant, terms = next(f for cls, f in _LOG_DENSITIES.items() if isinstance(q, cls))(q)
    cross = constant
    for coefficient, statistic, argument in terms:
        if statistic not in _MEANS[kind]:
            all_beyond = not isinstance(beyond, bool) and bool(beyond.all())
            return _infinite(p, q) if all_beyond else NotImplemented
        cross = cross + coefficient * _MEANS[kind][statistic](p, argument)
    result = -p.entropy() - cross
    return result if isinstance(beyond, bool) else flambeau.where(beyond, math.inf, result)


for _p in _MEANS:
    for _q in _LOG_DENSITIES:
        if _p is not _q and (_p is Bernoulli) == (_q is Poisson):
            register_kl(_p, _q)(_across)


@register_kl(Poisson, Bernoulli)
@register_kl(Poisson, Binomial)
def _(p, q):
    batch = flambeau.broadcast_shapes(p.batch_shape, q.batch_shape)
    return flambeau.full_like(p.rate.expand(batch), math.inf)
