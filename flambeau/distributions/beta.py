"""The beta distribution."""

import flambeau

from ..ops.gamma_samples import log_gamma_samples
from . import constraints
from .dirichlet import inside
from .distribution import Distribution

__all__ = ["Beta"]


class Beta(Distribution):
    """A density of x**(a - 1) * (1 - x)**(b - 1) on [0, 1], a concentration1 and b concentration0."""

    arg_constraints = {
        "concentration1": constraints.positive,
        "concentration0": constraints.positive,
    }
    support = constraints.unit_interval
    has_rsample = True

    def __init__(self, concentration1, concentration0, validate_args=None):
        self._take(validate_args, concentration1=concentration1, concentration0=concentration0)

    @property
    def _total(self):
        return self.concentration1 + self.concentration0

    @property
    def mean(self):
        return self.concentration1 / self._total

    @property
    def mode(self):
        a, b = self.concentration1 - 1, self.concentration0 - 1
        inner = a.clamp_min(0) / (a.clamp_min(0) + b.clamp_min(0))
        # Below 1 on both sides the density has its peaks at the ends: the higher one, as in PyTorch.
        return flambeau.where((a < 0) & (b < 0), (a >= b).to(a.dtype), inner)

    @property
    def variance(self):
        total = self._total
        return self.concentration1 * self.concentration0 / (total.pow(2) * (total + 1))

    def rsample(self, sample_shape=()):
        """Samples inside (0, 1), for concentrations of any size."""
        shape = self._extended_shape(sample_shape)
        first = log_gamma_samples(self.concentration1.expand(shape))
        second = log_gamma_samples(self.concentration0.expand(shape))
        return inside((first - second).sigmoid())

    def _log_normalizer(self):
        return self.concentration1.lgamma() + self.concentration0.lgamma() - self._total.lgamma()

    def log_prob(self, value):
        self._validate_sample(value)
        first = flambeau.xlogy(self.concentration1 - 1, value)
        second = flambeau.special.xlog1py(self.concentration0 - 1, -value)
        return first + second - self._log_normalizer()

    def entropy(self):
        a, b, total = self.concentration1, self.concentration0, self._total
        peaks = (a - 1) * a.digamma() + (b - 1) * b.digamma()
        return self._log_normalizer() - peaks + (total - 2) * total.digamma()
