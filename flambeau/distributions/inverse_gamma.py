"""The inverse gamma distribution."""

import math

import flambeau

from . import constraints
from .gamma import Gamma
from .transformed_distribution import TransformedDistribution
from .transforms import PowerTransform
from .utils import borrowed

__all__ = ["InverseGamma"]


class InverseGamma(TransformedDistribution):
    """1 / x for x of Gamma(concentration, rate).

    Args:
        concentration (Tensor or float): positive; above 1 there is a mean, above 2 a variance.
        rate (Tensor or float): in units of x; positive.

    Example:
        >>> torch.distributions.InverseGamma(2.0, 1.0).log_prob(torch.tensor(1.0))
        tensor(-1.)
    """

    arg_constraints = Gamma.arg_constraints
    support = constraints.positive
    has_rsample = True

    def __init__(self, concentration, rate, validate_args=None):
        base = Gamma(concentration, rate, validate_args=validate_args)
        inverse = PowerTransform(-flambeau.ones((), dtype=base.rate.dtype, device=base.rate.device))
        super().__init__(base, inverse, validate_args=validate_args)

    concentration = borrowed("base_dist", "concentration", "The gamma distribution's.")
    rate = borrowed("base_dist", "rate", "The gamma distribution's.")

    @property
    def mean(self):
        a = self.concentration
        return flambeau.where(a > 1, self.rate / (a - 1), math.inf)

    @property
    def mode(self):
        return self.rate / (self.concentration + 1)

    @property
    def variance(self):
        a = self.concentration
        value = self.rate.square() / ((a - 1).square() * (a - 2))
        return flambeau.where(a > 2, value, math.inf)

    def entropy(self):
        a = self.concentration
        return a + self.rate.log() + a.lgamma() - (1 + a) * a.digamma()
