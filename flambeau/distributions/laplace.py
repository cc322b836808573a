"""The Laplace distribution."""

import flambeau

from .location_scale import LocationScale

__all__ = ["Laplace"]


class Laplace(LocationScale):
    """exp(-|x - loc| / scale) / (2 * scale).

    Args:
        loc (Tensor or float): the mean, and the median.
        scale (Tensor or float): the mean distance from loc; positive.

    Example:
        >>> torch.distributions.Laplace(0.0, 1.0).log_prob(torch.tensor(1.0))
        tensor(-1.6931)
    """

    @property
    def variance(self):
        return 2 * self.scale.pow(2)

    @property
    def stddev(self):
        return 2**0.5 * self.scale

    def rsample(self, sample_shape=()):
        shape = self._extended_shape(sample_shape)
        uniform = flambeau.rand(shape, dtype=self.loc.dtype, device=self.loc.device)
        side = 2 * uniform - 1  # in [-1, 1)
        tiny = flambeau.finfo(side.dtype).tiny
        return self.loc - self.scale * side.sign() * (1 - side.abs()).clamp(min=tiny).log()

    def log_prob(self, value):
        self._validate_sample(value)
        return -(2 * self.scale).log() - (value - self.loc).abs() / self.scale

    def cdf(self, value):
        self._validate_sample(value)
        distance = value - self.loc
        return 0.5 - 0.5 * distance.sign() * flambeau.expm1(-distance.abs() / self.scale)

    def icdf(self, value):
        side = value - 0.5
        return self.loc - self.scale * side.sign() * flambeau.log1p(-2 * side.abs())

    def entropy(self):
        return 1 + (2 * self.scale).log()
