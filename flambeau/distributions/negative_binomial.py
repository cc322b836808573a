"""The negative binomial distribution."""

import flambeau
import flambeau.nn.functional as F

from . import constraints
from .binomial import OfTrials
from .gamma import Gamma

__all__ = ["NegativeBinomial"]


class NegativeBinomial(OfTrials):
    """How many trials succeed, each with probability `probs`, before total_count of them have failed.

    Args:
        total_count (Tensor or float): 0 or more, whole or not.
        probs, logits (Tensor or float): one of them.

    Example:
        >>> torch.distributions.NegativeBinomial(3.0, 0.5).log_prob(torch.tensor(2.0))
        tensor(-1.6740)
    """

    arg_constraints = {
        "total_count": constraints.greater_than_eq(0),
        "probs": constraints.half_open_interval(0.0, 1.0),
        "logits": constraints.real,
    }
    support = constraints.nonnegative_integer

    def __init__(self, total_count, probs=None, logits=None, validate_args=None):
        super().__init__(total_count, probs, logits, validate_args)

    @property
    def mean(self):
        return self.total_count * self.logits.exp()

    @property
    def mode(self):
        return ((self.total_count - 1) * self.logits.exp()).floor().clamp(min=0)

    @property
    def variance(self):
        return self.mean / (-self.logits).sigmoid()

    def sample(self, sample_shape=()):
        """Poisson numbers whose rates are gamma numbers."""
        with flambeau.no_grad():
            some = self.total_count > 0
            count = flambeau.where(some, self.total_count, 1.0)
            rates = Gamma(count, (-self.logits).exp(), validate_args=False).sample(sample_shape)
            return flambeau.poisson(flambeau.where(some, rates, 0.0))

    def log_prob(self, value):
        self._validate_sample(value)
        n = self.total_count
        chances = n * F.logsigmoid(-self.logits) + flambeau.where(
            value == 0, 0.0, value * F.logsigmoid(self.logits)
        )
        ways = (n + value).lgamma() - (1 + value).lgamma() - n.lgamma()
        return chances + flambeau.where(n + value == 0, 0.0, ways)
