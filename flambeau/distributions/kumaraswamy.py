"""The Kumaraswamy distribution."""

import math

import flambeau

from . import constraints
from .beta import Beta
from .gumbel import euler_constant
from .transformed_distribution import TransformedDistribution
from .transforms import AffineTransform, PowerTransform
from .uniform import Uniform
from .utils import tensors_for

__all__ = ["Kumaraswamy"]


class Kumaraswamy(TransformedDistribution):
    """a b x**(a - 1) (1 - x**a)**(b - 1) on [0, 1], a concentration1 and b concentration0.

    Args:
        concentration1, concentration0 (Tensor or float): a and b; positive.

    Example:
        >>> torch.distributions.Kumaraswamy(2.0, 3.0).log_prob(torch.tensor(0.5))
        tensor(0.5232)

    Source: Kumaraswamy, Journal of Hydrology 46 (1980) 79.
    """

    arg_constraints = Beta.arg_constraints
    support = constraints.unit_interval
    has_rsample = True

    def __init__(self, concentration1, concentration0, validate_args=None):
        self.concentration1, self.concentration0 = tensors_for(
            type(self).__name__, concentration1, concentration0
        )
        ends = (flambeau.full_like(self.concentration0, end) for end in (0, 1))
        transforms = [
            PowerTransform(exponent=self.concentration0.reciprocal()),
            AffineTransform(loc=1.0, scale=-1.0),
            PowerTransform(exponent=self.concentration1.reciprocal()),
        ]
        super().__init__(
            Uniform(*ends, validate_args=validate_args), transforms, validate_args=validate_args
        )

    def _moment(self, n):
        """The mean of x**n, b * beta(1 + n / a, b)."""
        b, power = self.concentration0, 1 + n / self.concentration1
        return (b.log() + power.lgamma() + b.lgamma() - (power + b).lgamma()).exp()

    @property
    def mean(self):
        return self._moment(1)

    @property
    def mode(self):
        a, b = self.concentration1, self.concentration0
        mode = ((a - 1) / (a * b - 1)).pow(a.reciprocal())
        return flambeau.where((a < 1) | (b < 1), math.nan, mode)

    @property
    def variance(self):
        return self._moment(2) - self.mean.pow(2)

    def entropy(self):
        a, b = self.concentration1, self.concentration0
        harmonic = (b + 1).digamma() + euler_constant
        return (1 - b.reciprocal()) + (1 - a.reciprocal()) * harmonic - a.log() - b.log()
