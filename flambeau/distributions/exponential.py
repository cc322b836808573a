"""The exponential distribution."""

import flambeau

from . import constraints
from .exp_family import ExponentialFamily

__all__ = ["Exponential"]


class Exponential(ExponentialFamily):
    """rate * exp(-rate * x) for x >= 0.

    Args:
        rate (Tensor or float): events in a unit of time; positive. The mean is 1 / rate.

    Example:
        >>> torch.distributions.Exponential(2.0).log_prob(torch.tensor(0.5))
        tensor(-0.3069)
    """

    arg_constraints = {"rate": constraints.positive}
    support = constraints.nonnegative
    has_rsample = True

    def __init__(self, rate, validate_args=None):
        self._take(validate_args, rate=rate)

    @property
    def mean(self):
        return self.rate.reciprocal()

    @property
    def mode(self):
        return flambeau.zeros_like(self.rate)

    @property
    def stddev(self):
        return self.rate.reciprocal()

    @property
    def variance(self):
        return self.rate.pow(-2)

    def rsample(self, sample_shape=()):
        shape = self._extended_shape(sample_shape)
        drawn = flambeau.empty(shape, dtype=self.rate.dtype, device=self.rate.device)
        return drawn.exponential_() / self.rate

    def log_prob(self, value):
        self._validate_sample(value)
        return self.rate.log() - self.rate * value

    def cdf(self, value):
        self._validate_sample(value)
        return -flambeau.expm1(-self.rate * value)

    def icdf(self, value):
        return -flambeau.log1p(-value) / self.rate

    @property
    def _natural_params(self):
        return (-self.rate,)

    def _log_normalizer(self, factor):
        return -(-factor).log()

    def entropy(self):
        return 1 - self.rate.log()
