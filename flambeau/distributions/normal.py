"""The normal distribution."""

import math
from operator import attrgetter

import flambeau

from .exp_family import ExponentialFamily
from .location_scale import LocationScale

__all__ = ["Normal"]


class Normal(LocationScale, ExponentialFamily):
    """exp(-((x - loc) / scale)**2 / 2) / (scale * sqrt(2 pi)).

    Args:
        loc (Tensor or float): the mean.
        scale (Tensor or float): the standard deviation; positive.

    Example:
        >>> torch.distributions.Normal(0.0, 1.0).log_prob(torch.tensor(1.0))
        tensor(-1.4189)
    """

    stddev = property(attrgetter("scale"), doc="The root of the variance.")

    @property
    def variance(self):
        return self.scale.pow(2)

    def rsample(self, sample_shape=()):
        shape = self._extended_shape(sample_shape)
        noise = flambeau.randn(shape, dtype=self.loc.dtype, device=self.loc.device)
        return self.loc + noise * self.scale

    def log_prob(self, value):
        self._validate_sample(value)
        distance = (value - self.loc) / self.scale
        return -0.5 * distance.pow(2) - self.scale.log() - 0.5 * math.log(2 * math.pi)

    def cdf(self, value):
        self._validate_sample(value)
        return 0.5 * (1 + flambeau.erf((value - self.loc) / (self.scale * math.sqrt(2))))

    def icdf(self, value):
        return self.loc + self.scale * flambeau.erfinv(2 * value - 1) * math.sqrt(2)

    @property
    def _natural_params(self):
        precision = self.scale.pow(-2)
        return self.loc * precision, -0.5 * precision

    def _log_normalizer(self, first, second):
        return -0.25 * first.pow(2) / second + 0.5 * (-math.pi / second).log()

    def entropy(self):
        return 0.5 + 0.5 * math.log(2 * math.pi) + self.scale.log()
