"""The geometric distribution."""

import flambeau
import flambeau.nn.functional as F

from ..ops.core.arguments import broadcast_together, every
from . import constraints
from .bernoulli import OneProbability

__all__ = ["Geometric"]


class Geometric(OneProbability):
    """The number of failures before the first success, which has probability `probs` each time.

    Args:
        probs (Tensor or float): that a trial succeeds, in (0, 1].
        logits (Tensor or float): log(probs / (1 - probs)); one of both is given.

    Example:
        >>> torch.distributions.Geometric(0.25).log_prob(torch.tensor(2.0))
        tensor(-1.9617)
    """

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.nonnegative_integer

    def __init__(self, probs=None, logits=None, validate_args=None):
        super().__init__(probs, logits, validate_args)
        if self._validate_args and probs is not None and not every(self.probs > 0):
            self._check_parameter("probs", constraints.positive)

    @property
    def mean(self):
        return 1 / self.probs - 1

    @property
    def mode(self):
        return flambeau.zeros_like(self.probs)

    @property
    def variance(self):
        return (1 / self.probs - 1) / self.probs

    def sample(self, sample_shape=()):
        shape = self._extended_shape(sample_shape)
        with flambeau.no_grad():
            drawn = flambeau.rand(shape, dtype=self.probs.dtype, device=self.probs.device)
            drawn = drawn.clamp(min=flambeau.finfo(drawn.dtype).tiny)
            return (drawn.log() / (-self.probs).log1p()).floor()

    def log_prob(self, value):
        self._validate_sample(value)
        value, probs = broadcast_together(f"{type(self).__name__}.log_prob", value, self.probs)
        certain = (probs == 1) & (value == 0)  # else 0 * log(0)
        failures = flambeau.where(certain, 0.0, probs)
        return value * (-failures).log1p() + self.probs.log()

    def entropy(self):
        bits = F.binary_cross_entropy_with_logits(self.logits, self.probs, reduction="none")
        return bits / self.probs
