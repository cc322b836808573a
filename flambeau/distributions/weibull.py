"""The Weibull distribution."""

import flambeau

from . import constraints
from .exponential import Exponential
from .gumbel import euler_constant
from .transformed_distribution import TransformedDistribution
from .transforms import AffineTransform, PowerTransform
from .utils import tensors_for

__all__ = ["Weibull"]


class Weibull(TransformedDistribution):
    """k / scale * (x / scale)**(k - 1) * exp(-(x / scale)**k) for x > 0, k the concentration.

    Args:
        scale (Tensor or float): in units of x; a share of 1 - 1 / e lies below it.
        concentration (Tensor or float): k; below 1 failures grow rarer, above 1 more frequent.

    Example:
        >>> torch.distributions.Weibull(1.0, 2.0).log_prob(torch.tensor(1.0))
        tensor(-0.3069)
    """

    arg_constraints = {"scale": constraints.positive, "concentration": constraints.positive}
    support = constraints.positive

    def __init__(self, scale, concentration, validate_args=None):
        self.scale, self.concentration = tensors_for(type(self).__name__, scale, concentration)
        base = Exponential(flambeau.ones_like(self.scale), validate_args=validate_args)
        power = PowerTransform(exponent=self.concentration.reciprocal())
        super().__init__(
            base, [power, AffineTransform(loc=0, scale=self.scale)], validate_args=validate_args
        )

    def _moment(self, n):
        return (1 + n / self.concentration).lgamma().exp()

    @property
    def mean(self):
        return self.scale * self._moment(1)

    @property
    def mode(self):
        """NaN for k < 1, where the density has no largest value."""
        k = self.concentration
        return self.scale * ((k - 1) / k).pow(k.reciprocal())

    @property
    def variance(self):
        return self.scale.pow(2) * (self._moment(2) - self._moment(1).pow(2))

    def entropy(self):
        k = self.concentration
        return euler_constant * (1 - k.reciprocal()) + (self.scale / k).log() + 1
