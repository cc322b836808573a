"""The binomial distribution."""

import flambeau
import flambeau.nn.functional as F

from . import constraints
from .bernoulli import OneProbability
from .distribution import Distribution
from .utils import tensors_for

__all__ = ["Binomial"]


class OfTrials(OneProbability):
    """A distribution of `total_count` trials with one probability."""

    def __init__(self, total_count, probs, logits, validate_args):
        if (probs is None) == (logits is None):
            raise ValueError(f"{type(self).__name__}: give probs or logits, one of them.")
        name, given = ("logits", logits) if probs is None else ("probs", probs)
        count, given = tensors_for(type(self).__name__, total_count, given)
        self.total_count = count.to(given.dtype)
        setattr(self, name, given)
        Distribution.__init__(self, given.shape, validate_args=validate_args)

    @property
    def _param(self):
        return self.__dict__["probs" if "probs" in self.__dict__ else "logits"]


class Binomial(OfTrials):
    """How many of total_count trials succeed, each with probability `probs`.

    Args:
        total_count (Tensor or int): the number of trials.
        probs (Tensor or float): that a trial succeeds, in [0, 1].
        logits (Tensor or float): log(probs / (1 - probs)); one of both is given.

    Example:
        >>> torch.distributions.Binomial(10, 0.5).log_prob(torch.tensor(5.0))
        tensor(-1.4020)
    """

    arg_constraints = {
        "total_count": constraints.nonnegative_integer,
        **OneProbability.arg_constraints,
    }
    has_enumerate_support = True

    def __init__(self, total_count=1, probs=None, logits=None, validate_args=None):
        super().__init__(total_count, probs, logits, validate_args)

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self):
        """The whole numbers from 0 to total_count."""
        return constraints.integer_interval(0, self.total_count)

    @property
    def mean(self):
        return self.total_count * self.probs

    @property
    def mode(self):
        return ((self.total_count + 1) * self.probs).floor().minimum(self.total_count)

    @property
    def variance(self):
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape=()):
        shape = self._extended_shape(sample_shape)
        with flambeau.no_grad():
            return flambeau.binomial(self.total_count.expand(shape), self.probs.expand(shape))

    def log_prob(self, value):
        self._validate_sample(value)
        n = self.total_count
        ways = (n + 1).lgamma() - (value + 1).lgamma() - (n - value + 1).lgamma()
        # value * log(p) + (n - value) * log(1 - p)
        return ways + value * self.logits - n * F.softplus(self.logits, threshold=1e9)

    def entropy(self):
        """The entropy, in nats, where all have one total_count."""
        events = self.enumerate_support(False)
        log_prob = self.log_prob(events)
        return -(log_prob.exp() * log_prob).sum(0)

    def enumerate_support(self, expand=True):
        count = int(self.total_count.max())
        if not bool((self.total_count == count).all()):
            raise NotImplementedError("Binomial: enumerate_support needs one total_count for all.")
        values = flambeau.arange(1 + count, dtype=self._param.dtype, device=self._param.device)
        values = values.view((-1,) + (1,) * len(self._batch_shape))
        return values.expand((-1, *self._batch_shape)) if expand else values
