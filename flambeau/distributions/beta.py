"""The beta distribution."""

import flambeau

from . import constraints
from .exp_family import ExponentialFamily

__all__ = ["Beta"]


class Beta(ExponentialFamily):
    """A density of x**(a - 1) * (1 - x)**(b - 1) on [0, 1], a concentration1 and b concentration0.

    Args:
        concentration1, concentration0 (Tensor or float): a and b, positive; both 1 make it uniform.

    Example:
        >>> torch.distributions.Beta(2.0, 3.0).log_prob(torch.tensor(0.5))
        tensor(0.4055)
    """

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
        both = flambeau.stack([self.concentration1, self.concentration0], -1)
        shape = self._extended_shape(sample_shape)
        return flambeau._sample_dirichlet(both.expand((*shape, 2)))[..., 0]

    def _log_beta(self):
        return self.concentration1.lgamma() + self.concentration0.lgamma() - self._total.lgamma()

    @property
    def _natural_params(self):
        return self.concentration1 - 1, self.concentration0 - 1

    def _log_normalizer(self, first, second):
        return (first + 1).lgamma() + (second + 1).lgamma() - (first + second + 2).lgamma()

    def log_prob(self, value):
        self._validate_sample(value)
        first = flambeau.xlogy(self.concentration1 - 1, value)
        second = flambeau.special.xlog1py(self.concentration0 - 1, -value)
        return first + second - self._log_beta()

    def entropy(self):
        a, b, total = self.concentration1, self.concentration0, self._total
        peaks = (a - 1) * a.digamma() + (b - 1) * b.digamma()
        return self._log_beta() - peaks + (total - 2) * total.digamma()
