"""The absolute value of a Cauchy number."""

import math
from operator import attrgetter

import flambeau

from .cauchy import Cauchy
from .half_normal import Half

__all__ = ["HalfCauchy"]


class HalfCauchy(Half):
    """2 / (pi * scale * (1 + (x / scale)**2)) for x >= 0; its mean is infinite.

    Args:
        scale (Tensor or float): of the Cauchy distribution whose absolute value this is; its median.

    Example:
        >>> torch.distributions.HalfCauchy(1.0).log_prob(torch.tensor(1.0))
        tensor(-1.1447)
    """

    base = Cauchy

    @property
    def mean(self):
        return flambeau.full_like(self.scale, math.inf)

    variance = property(
        attrgetter("base_dist.variance"), doc="The expected squared distance from the mean."
    )
