"""The gamma distribution."""

import flambeau

from ..ops.gamma_samples import log_gamma_samples
from . import constraints
from .distribution import Distribution

__all__ = ["Gamma"]


class Gamma(Distribution):
    """rate**a * x**(a - 1) * exp(-rate * x) / gamma(a) for x >= 0, a the concentration."""

    arg_constraints = {"concentration": constraints.positive, "rate": constraints.positive}
    support = constraints.nonnegative
    has_rsample = True

    def __init__(self, concentration, rate, validate_args=None):
        self._take(validate_args, concentration=concentration, rate=rate)

    @property
    def mean(self):
        return self.concentration / self.rate

    @property
    def mode(self):
        return ((self.concentration - 1) / self.rate).clamp_min(0)

    @property
    def variance(self):
        return self.concentration / self.rate.pow(2)

    def rsample(self, sample_shape=()):
        """Samples; as in PyTorch never 0, but at least the smallest normal number."""
        concentration = self.concentration.expand(self._extended_shape(sample_shape))
        drawn = log_gamma_samples(concentration).exp() / self.rate
        # The values are held, not their gradients: a clamp would drop those.
        smallest = flambeau.finfo(drawn.dtype).tiny
        return drawn + (drawn.detach().clamp_min(smallest) - drawn.detach())

    def log_prob(self, value):
        self._validate_sample(value)
        a, rate = self.concentration, self.rate
        return flambeau.xlogy(a, rate) + flambeau.xlogy(a - 1, value) - rate * value - a.lgamma()

    def cdf(self, value):
        self._validate_sample(value)
        return flambeau.special.gammainc(self.concentration, self.rate * value)

    def entropy(self):
        a = self.concentration
        return a - self.rate.log() + a.lgamma() + (1 - a) * a.digamma()
