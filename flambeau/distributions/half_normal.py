"""The absolute value of a normal number."""

import math
from operator import attrgetter

import flambeau

from . import constraints
from .normal import Normal
from .transformed_distribution import TransformedDistribution
from .transforms import AbsTransform

__all__ = ["HalfNormal"]


class Half(TransformedDistribution):
    """|x| for x of a distribution that is symmetric about 0, with a scale."""

    arg_constraints = {"scale": constraints.positive}
    support = constraints.nonnegative
    has_rsample = True
    base = None  # its class

    def __init__(self, scale, validate_args=None):
        super().__init__(
            self.base(0, scale, validate_args=False), AbsTransform(), validate_args=validate_args
        )

    scale = property(attrgetter("base_dist.scale"), doc="That of the whole.")

    @property
    def mode(self):
        return flambeau.zeros_like(self.scale)

    def log_prob(self, value):
        self._validate_sample(value)
        whole = self.base_dist.log_prob(value) + math.log(2)
        return flambeau.where(value >= 0, whole, -math.inf)

    def cdf(self, value):
        self._validate_sample(value)
        return 2 * self.base_dist.cdf(value) - 1

    def icdf(self, value):
        return self.base_dist.icdf((value + 1) / 2)

    def entropy(self):
        return self.base_dist.entropy() - math.log(2)


class HalfNormal(Half):
    """sqrt(2 / pi) / scale * exp(-(x / scale)**2 / 2) for x >= 0.

    Args:
        scale (Tensor or float): the standard deviation of the Normal whose absolute value this is.

    Example:
        >>> torch.distributions.HalfNormal(1.0).log_prob(torch.tensor(1.0))
        tensor(-0.7258)
    """

    base = Normal

    @property
    def mean(self):
        return self.scale * math.sqrt(2 / math.pi)

    @property
    def variance(self):
        return self.scale.pow(2) * (1 - 2 / math.pi)
