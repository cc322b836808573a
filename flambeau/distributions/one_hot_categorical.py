"""The categorical distribution over vectors with one 1."""

from operator import attrgetter

import flambeau
import flambeau.nn.functional as F

from . import constraints
from .categorical import OverCategorical

__all__ = ["OneHotCategorical", "OneHotCategoricalStraightThrough"]


class OneHotCategorical(OverCategorical):
    """One of K classes, as a vector of K numbers, one of them 1 and the rest 0.

    Args:
        probs (Tensor): (*B, K), not negative; divided by their sum.
        logits (Tensor): (*B, K), logarithms of unnormalized probabilities; one of both is given.

    Example:
        >>> d = torch.distributions.OneHotCategorical(torch.tensor([0.2, 0.8]))
        >>> d.log_prob(torch.tensor([0.0, 1.0]))
        tensor(-0.2231)
    """

    support = constraints.one_hot
    has_enumerate_support = True

    def __init__(self, probs=None, logits=None, validate_args=None):
        self._of(probs, logits, validate_args)

    mean = property(attrgetter("probs"), doc="The expected value.")

    @property
    def mode(self):
        return F.one_hot(self.probs.argmax(-1), self._event_shape[0]).to(self.probs.dtype)

    @property
    def variance(self):
        return self.probs * (1 - self.probs)

    def sample(self, sample_shape=()):
        drawn = self._categorical.sample(sample_shape)
        return F.one_hot(drawn, self._event_shape[0]).to(self.probs.dtype)

    def log_prob(self, value):
        self._validate_sample(value)
        return self._categorical.log_prob(value.argmax(-1))

    def entropy(self):
        return self._categorical.entropy()

    def enumerate_support(self, expand=True):
        n = self._event_shape[0]
        values = flambeau.eye(n, dtype=self.probs.dtype, device=self.probs.device)
        values = values.view((n,) + (1,) * len(self._batch_shape) + (n,))
        return values.expand((n, *self._batch_shape, n)) if expand else values

    def __repr__(self):
        return repr(self._categorical).replace("Categorical", type(self).__name__, 1)


class OneHotCategoricalStraightThrough(OneHotCategorical):
    """One-hot samples through which the gradient passes as if they were the probabilities.

    Args:
        probs, logits (Tensor): (*B, K), as OneHotCategorical takes them; one of both is given.

    Example:
        >>> d = torch.distributions.OneHotCategoricalStraightThrough(torch.tensor([0.2, 0.8]))
        >>> d.log_prob(torch.tensor([0.0, 1.0]))
        tensor(-0.2231)

    Source: Bengio, Leonard, Courville, 2013, arXiv:1308.3432.
    """

    has_rsample = True

    def rsample(self, sample_shape=()):
        return self.sample(sample_shape) + (self.probs - self.probs.detach())
