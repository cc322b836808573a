"""Student's t distribution."""

import math
from operator import attrgetter

import flambeau

from . import constraints
from .chi2 import Chi2
from .distribution import Distribution

__all__ = ["StudentT"]


class StudentT(Distribution):
    """loc + scale * z / sqrt(c / df), z standard normal and c of Chi2(df).

    Args:
        df (Tensor or float): degrees of freedom; positive.
        loc (Tensor or float): the median.
        scale (Tensor or float): what z is multiplied by; positive.

    Example:
        >>> torch.distributions.StudentT(4.0).log_prob(torch.tensor(1.0))
        tensor(-1.5387)
    """

    arg_constraints = {
        "df": constraints.positive,
        "loc": constraints.real,
        "scale": constraints.positive,
    }
    support = constraints.real
    has_rsample = True

    def __init__(self, df, loc=0.0, scale=1.0, validate_args=None):
        self._take(validate_args, df=df, loc=loc, scale=scale)

    @property
    def mean(self):
        return flambeau.where(self.df > 1, self.loc, math.nan)

    mode = property(attrgetter("loc"), doc="The most probable value.")

    @property
    def variance(self):
        value = self.scale.pow(2) * self.df / (self.df - 2)
        value = flambeau.where(self.df > 2, value, math.inf)
        return flambeau.where(self.df > 1, value, math.nan)

    def rsample(self, sample_shape=()):
        shape = self._extended_shape(sample_shape)
        normal = flambeau.randn(shape, dtype=self.df.dtype, device=self.df.device)
        squares = Chi2(self.df, validate_args=False).rsample(sample_shape)
        return self.loc + self.scale * normal * (squares / self.df).rsqrt()

    def _log_root_beta(self):
        """log(sqrt(df) * beta(1/2, df/2))."""
        half = self.df / 2
        return 0.5 * (math.log(math.pi) + self.df.log()) + half.lgamma() - (half + 0.5).lgamma()

    def log_prob(self, value):
        self._validate_sample(value)
        square = ((value - self.loc) / self.scale).pow(2) / self.df
        return -0.5 * (self.df + 1) * square.log1p() - self.scale.log() - self._log_root_beta()

    def entropy(self):
        half = (self.df + 1) / 2
        return (
            self.scale.log()
            + half * (half.digamma() - (self.df / 2).digamma())
            + self._log_root_beta()
        )
