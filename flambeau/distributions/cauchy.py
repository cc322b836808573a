"""The Cauchy distribution."""

import math

import flambeau

from .location_scale import LocationScale

__all__ = ["Cauchy"]


class Cauchy(LocationScale):
    """1 / (pi * scale * (1 + ((x - loc) / scale)**2)); it has no mean and no variance.

    Args:
        loc (Tensor or float): the median, where the density is greatest.
        scale (Tensor or float): half the width at half the height; positive.

    Example:
        >>> torch.distributions.Cauchy(0.0, 1.0).log_prob(torch.tensor(0.0))
        tensor(-1.1447)
    """

    @property
    def mean(self):
        return flambeau.full_like(self.loc, math.nan)

    @property
    def variance(self):
        return flambeau.full_like(self.loc, math.inf)

    def rsample(self, sample_shape=()):
        shape = self._extended_shape(sample_shape)
        drawn = flambeau.empty(shape, dtype=self.loc.dtype, device=self.loc.device).cauchy_()
        return self.loc + drawn * self.scale

    def log_prob(self, value):
        self._validate_sample(value)
        distance = (value - self.loc) / self.scale
        return -math.log(math.pi) - self.scale.log() - distance.pow(2).log1p()

    def cdf(self, value):
        self._validate_sample(value)
        return flambeau.atan((value - self.loc) / self.scale) / math.pi + 0.5

    def icdf(self, value):
        return flambeau.tan(math.pi * (value - 0.5)) * self.scale + self.loc

    def entropy(self):
        return math.log(4 * math.pi) + self.scale.log()
