"""The generalized Pareto distribution."""

import math
from operator import attrgetter

import flambeau

from . import constraints
from .distribution import Distribution

__all__ = ["GeneralizedPareto"]


class GeneralizedPareto(Distribution):
    """What exceeds a high threshold: (1 + k z)**(-1 / k - 1) / scale, z = (x - loc) / scale, k the concentration.

    k = 0 is the exponential distribution; for k < 0 it ends at loc - scale / k.
    Source: Pickands, Annals of Statistics 3 (1975) 119.

    Example:
        >>> torch.distributions.GeneralizedPareto(0.0, 1.0, 0.5).log_prob(torch.tensor(1.0))
        tensor(-1.2164)
    """

    arg_constraints = {
        "loc": constraints.real,
        "scale": constraints.positive,
        "concentration": constraints.real,
    }
    has_rsample = True

    def __init__(self, loc, scale, concentration, validate_args=None):
        self._take(validate_args, loc=loc, scale=scale, concentration=concentration)

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self):
        """[loc, infinity), or [loc, loc - scale / k] for k < 0."""
        k = self.concentration
        end = flambeau.where(
            k < 0, self.loc - self.scale / flambeau.where(k < 0, k, -1.0), math.inf
        )
        return constraints.interval(self.loc, end)

    def _safe(self):
        """Where the concentration is 0, and one that divides."""
        zero = self.concentration == 0
        return zero, flambeau.where(zero, 1.0, self.concentration)

    def rsample(self, sample_shape=()):
        shape = self._extended_shape(sample_shape)
        return self.icdf(flambeau.rand(shape, dtype=self.loc.dtype, device=self.loc.device))

    def log_prob(self, value):
        self._validate_sample(value)
        zero, k = self._safe()
        z = (value - self.loc) / self.scale
        return -self.scale.log() + flambeau.where(zero, -z, -(1 / k + 1) * (k * z).log1p())

    def log_survival_function(self, value):
        """log P(x > value)."""
        self._validate_sample(value)
        zero, k = self._safe()
        z = (value - self.loc) / self.scale
        return flambeau.where(zero, -z, -(k * z).log1p() / k)

    def log_cdf(self, value):
        """log P(x <= value)."""
        return (-self.log_survival_function(value).exp()).log1p()

    def cdf(self, value):
        return -self.log_survival_function(value).expm1()

    def icdf(self, value):
        zero, k = self._safe()
        log_tail = (-value).log1p()
        return self.loc + self.scale * flambeau.where(zero, -log_tail, (-k * log_tail).expm1() / k)

    @property
    def mean(self):
        k = self.concentration
        return flambeau.where(k < 1, self.loc + self.scale / (1 - k), math.inf)

    mode = property(attrgetter("loc"), doc="The most probable value.")

    @property
    def variance(self):
        k = self.concentration
        value = self.scale.pow(2) / ((1 - k).pow(2) * (1 - 2 * k))
        return flambeau.where(k < 0.5, value, math.inf)

    def entropy(self):
        return self.scale.log() + self.concentration + 1
