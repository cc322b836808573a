"""Fisher's F distribution."""

import math

import flambeau

from . import constraints
from .distribution import Distribution
from .gamma import Gamma

__all__ = ["FisherSnedecor"]


class FisherSnedecor(Distribution):
    """(c1 / df1) / (c2 / df2), c1 and c2 of Chi2 with df1 and df2.

    Args:
        df1, df2 (Tensor or float): degrees of freedom above and below the line; positive.

    Example:
        >>> torch.distributions.FisherSnedecor(3.0, 5.0).log_prob(torch.tensor(1.0))
        tensor(-1.0184)
    """

    arg_constraints = {"df1": constraints.positive, "df2": constraints.positive}
    support = constraints.positive
    has_rsample = True

    def __init__(self, df1, df2, validate_args=None):
        self._take(validate_args, df1=df1, df2=df2)

    @property
    def mean(self):
        return flambeau.where(self.df2 > 2, self.df2 / (self.df2 - 2), math.nan)

    @property
    def mode(self):
        mode = (self.df1 - 2) / self.df1 * self.df2 / (self.df2 + 2)
        return flambeau.where(self.df1 > 2, mode, math.nan)

    @property
    def variance(self):
        a, b = self.df1, self.df2
        value = 2 * b.pow(2) * (a + b - 2) / (a * (b - 2).pow(2) * (b - 4))
        return flambeau.where(b > 4, value, math.nan)

    def rsample(self, sample_shape=()):
        above, below = (
            Gamma(df / 2, df / 2, validate_args=False).rsample(sample_shape)
            for df in (self.df1, self.df2)
        )
        return (above / below).clamp(min=flambeau.finfo(above.dtype).tiny)

    def log_prob(self, value):
        self._validate_sample(value)
        a, b, ratio = self.df1 / 2, self.df2 / 2, self.df1 / self.df2
        constant = (a + b).lgamma() - a.lgamma() - b.lgamma()
        return (
            constant + a * ratio.log() + (a - 1) * value.log() - (a + b) * (ratio * value).log1p()
        )
