"""The Poisson distribution."""

from operator import attrgetter

import flambeau

from ..ops.core.arguments import broadcast_together
from . import constraints
from .exp_family import ExponentialFamily

__all__ = ["Poisson"]


class Poisson(ExponentialFamily):
    """rate**k * exp(-rate) / k! for k = 0, 1, 2 ...

    Args:
        rate (Tensor or float): the mean, which is the variance too; 0 or more.

    Example:
        >>> torch.distributions.Poisson(3.0).log_prob(torch.tensor(2.0))
        tensor(-1.4959)
    """

    arg_constraints = {"rate": constraints.nonnegative}
    support = constraints.nonnegative_integer

    def __init__(self, rate, validate_args=None):
        self._take(validate_args, rate=rate)

    mean = property(attrgetter("rate"), doc="The expected value.")

    @property
    def mode(self):
        return self.rate.floor()

    variance = mean

    def sample(self, sample_shape=()):
        with flambeau.no_grad():
            return flambeau.poisson(self.rate.expand(self._extended_shape(sample_shape)))

    @property
    def _mean_carrier_measure(self):
        raise NotImplementedError("Poisson.entropy: the mean of log k! has no closed form.")

    @property
    def _natural_params(self):
        return (self.rate.log(),)

    def _log_normalizer(self, log_rate):
        return log_rate.exp()

    def log_prob(self, value):
        self._validate_sample(value)
        rate, value = broadcast_together(f"{type(self).__name__}.log_prob", self.rate, value)
        return flambeau.xlogy(value, rate) - rate - (value + 1).lgamma()
