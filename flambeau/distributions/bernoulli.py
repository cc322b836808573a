"""The Bernoulli distribution, and what others with one probability share with it."""

from operator import attrgetter

import flambeau
import flambeau.nn.functional as F

from ..ops.core.arguments import broadcast_together
from . import constraints
from .distribution import Distribution
from .exp_family import ExponentialFamily
from .utils import lazy_property, logits_to_probs, probs_to_logits

__all__ = ["Bernoulli"]


class OneProbability(Distribution):
    """A distribution with a probability, given as itself or as log odds; the other is derived."""

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}

    def __init__(self, probs=None, logits=None, validate_args=None):
        if (probs is None) == (logits is None):
            raise ValueError(f"{type(self).__name__}: give probs or logits, one of them.")
        given = {"logits": logits} if probs is None else {"probs": probs}
        self._take(validate_args, **given)

    @property
    def _param(self):
        """The one that was given."""
        return next(iter(self._tensors.values()))

    @lazy_property
    def logits(self):
        """log(probs / (1 - probs))."""
        return probs_to_logits(self.probs, is_binary=True)

    @lazy_property
    def probs(self):
        """The probability."""
        return logits_to_probs(self.logits, is_binary=True)

    @property
    def param_shape(self):
        """The shape of the parameter."""
        return self._param.size()


class Bernoulli(OneProbability, ExponentialFamily):
    """1 with probability `probs`, else 0.

    Args:
        probs (Tensor or float): of a 1, in [0, 1].
        logits (Tensor or float): log(probs / (1 - probs)); one of both is given.

    Example:
        >>> torch.distributions.Bernoulli(0.25).log_prob(torch.tensor(1.0))
        tensor(-1.3863)
    """

    support = constraints.boolean
    has_enumerate_support = True

    mean = property(attrgetter("probs"), doc="The expected value.")

    @property
    def mode(self):
        mode = (self.probs >= 0.5).to(self.probs.dtype)
        return flambeau.where(self.probs == 0.5, float("nan"), mode)

    @property
    def variance(self):
        return self.probs * (1 - self.probs)

    def sample(self, sample_shape=()):
        with flambeau.no_grad():
            return flambeau.bernoulli(self.probs.expand(self._extended_shape(sample_shape)))

    def log_prob(self, value):
        self._validate_sample(value)
        logits, value = broadcast_together(f"{type(self).__name__}.log_prob", self.logits, value)
        return -F.binary_cross_entropy_with_logits(logits, value, reduction="none")

    def entropy(self):
        return F.binary_cross_entropy_with_logits(self.logits, self.probs, reduction="none")

    @property
    def _natural_params(self):
        return (self.logits,)

    def _log_normalizer(self, logits):
        return F.softplus(logits)

    def enumerate_support(self, expand=True):
        values = flambeau.arange(2, dtype=self._param.dtype, device=self._param.device)
        values = values.view((-1,) + (1,) * len(self._batch_shape))
        return values.expand((-1, *self._batch_shape)) if expand else values
