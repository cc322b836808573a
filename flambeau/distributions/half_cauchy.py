"""The absolute value of a Cauchy number."""

import math

import flambeau

from .cauchy import Cauchy
from .half_normal import Half

__all__ = ["HalfCauchy"]


class HalfCauchy(Half):
    """2 / (pi * scale * (1 + (x / scale)**2)) for x >= 0; its mean is infinite."""

    base = Cauchy

    @property
    def mean(self):
        return flambeau.full_like(self.scale, math.inf)

    @property
    def variance(self):
        return self.base_dist.variance
