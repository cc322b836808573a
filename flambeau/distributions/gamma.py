"""The gamma distribution."""

import flambeau

from . import constraints
from .exp_family import ExponentialFamily

__all__ = ["Gamma"]


class Gamma(ExponentialFamily):
    """rate**a * x**(a - 1) * exp(-rate * x) / gamma(a) for x >= 0, a the concentration.

    Args:
        concentration (Tensor or float): a, the shape; positive.
        rate (Tensor or float): 1 / the scale of x; positive.

    Example:
        >>> torch.distributions.Gamma(2.0, 1.0).log_prob(torch.tensor(1.0))
        tensor(-1.)
    """

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
        drawn = flambeau._standard_gamma(concentration) / self.rate
        held = drawn.detach().clamp_min(flambeau.finfo(drawn.dtype).tiny)  # not the gradients
        return drawn + (held - drawn.detach())

    def log_prob(self, value):
        value = flambeau.as_tensor(value, dtype=self.rate.dtype, device=self.rate.device)
        self._validate_sample(value)
        a, rate = self.concentration, self.rate
        return flambeau.xlogy(a, rate) + flambeau.xlogy(a - 1, value) - rate * value - a.lgamma()

    def cdf(self, value):
        self._validate_sample(value)
        return flambeau.special.gammainc(self.concentration, self.rate * value)

    @property
    def _natural_params(self):
        return self.concentration - 1, -self.rate

    def _log_normalizer(self, power, factor):
        return (power + 1).lgamma() - (power + 1) * (-factor).log()

    def entropy(self):
        a = self.concentration
        return a - self.rate.log() + a.lgamma() + (1 - a) * a.digamma()
