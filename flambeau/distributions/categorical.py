"""The categorical distribution."""

import functools

import flambeau
from flambeau import _core

from ..ops.core.arguments import common_shape
from . import constraints
from .distribution import Distribution
from .utils import borrowed, lazy_property, logits_to_probs, probs_to_logits

__all__ = ["Categorical"]


class Categorical(Distribution):
    """One of K classes, by its number; the last dimension of the parameter holds the K classes.

    Args:
        probs (Tensor): (*B, K), not negative; divided by their sum.
        logits (Tensor): (*B, K), logarithms of unnormalized probabilities; one of both is given.

    Example:
        >>> torch.distributions.Categorical(torch.tensor([0.2, 0.8])).log_prob(torch.tensor(1))
        tensor(-0.2231)
    """

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}
    has_enumerate_support = True

    def __init__(self, probs=None, logits=None, validate_args=None):
        if (probs is None) == (logits is None):
            raise ValueError("Categorical: give probs or logits, one of them.")
        given = logits if probs is None else probs
        if given.dim() < 1:
            name = "logits" if probs is None else "probs"
            raise ValueError(
                f"Categorical: {name} is 0-dim; it must have 1 dim or more, (..., classes)."
            )
        if probs is not None:
            self.probs = probs / probs.sum(-1, keepdim=True)
        elif logits.is_floating_point():
            self.logits = logits.log_softmax(-1)
        else:
            self.logits = logits - logits.logsumexp(dim=-1, keepdim=True)
        super().__init__(given.shape[:-1], validate_args=validate_args)

    @property
    def _param(self):
        """The one that was given, or both are known."""
        return self.__dict__["probs" if "probs" in self.__dict__ else "logits"]

    @property
    def _num_events(self):
        return self._param.size(-1)

    @lazy_property
    def logits(self):
        """Logarithms of the probabilities."""
        return probs_to_logits(self.probs)

    @lazy_property
    def probs(self):
        """The probabilities."""
        return logits_to_probs(self.logits)

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self):
        """0 to K - 1."""
        return _numbers_below(self._num_events)

    @property
    def param_shape(self):
        """The shape of the parameter."""
        return self._param.size()

    @property
    def mean(self):
        return flambeau.full(
            self._extended_shape(), float("nan"), dtype=self.probs.dtype, device=self.probs.device
        )

    @property
    def mode(self):
        return self.probs.argmax(dim=-1)

    variance = mean

    def sample(self, sample_shape=()):
        if type(sample_shape) is tuple and not sample_shape and len(self._batch_shape) == 1:
            return flambeau.multinomial(self.probs.detach(), 1, True).squeeze(1)
        sample_shape = flambeau.Size(sample_shape)
        rows = self.probs.detach()
        if rows.dim() != 2:
            rows = rows.reshape(-1, self._num_events)
        drawn = flambeau.multinomial(rows, sample_shape.numel(), True)  # (B, samples)
        if not sample_shape:
            return drawn.reshape(self._batch_shape)
        return drawn.T.reshape(self._extended_shape(sample_shape))

    def log_prob(self, value):
        if self._is_checked_by_gather(value):
            try:
                return self.logits.gather(-1, value.unsqueeze(-1)).squeeze(-1)
            except RuntimeError as error:
                refused = error
            self._validate_sample(value)
            raise refused
        self._validate_sample(value)
        value, logits = value.long(), self.logits
        if value.shape != self._batch_shape:
            shape = common_shape("Categorical.log_prob", value.shape, self._batch_shape)
            logits, value = logits.expand((*shape, self._num_events)), value.expand(shape)
        return logits.gather(-1, value.unsqueeze(-1)).squeeze(-1)

    def _is_checked_by_gather(self, value):
        """Whether gather refuses all values outside of the support."""
        return (
            type(value) is flambeau.Tensor
            and value.dtype is flambeau.int64
            and value.is_cpu
            and not _core._is_overridden()
            and value.shape == self._batch_shape
            and not _core._in_vmap()
        )

    def entropy(self):
        least = flambeau.finfo(self.logits.dtype).min
        return -(self.logits.clamp(min=least) * self.probs).sum(-1)

    def enumerate_support(self, expand=True):
        values = flambeau.arange(self._num_events, dtype=flambeau.long, device=self._param.device)
        values = values.view((-1,) + (1,) * len(self._batch_shape))
        return values.expand((-1, *self._batch_shape)) if expand else values


@functools.lru_cache(64)
def _numbers_below(count):
    return constraints.integer_interval(0, count - 1)


class OverCategorical(Distribution):
    """A distribution over vectors of K numbers, made of a categorical one over their places."""

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}

    def _of(self, probs, logits, validate_args):
        self._categorical = Categorical(probs, logits, validate_args)
        shape = self._categorical.param_shape
        Distribution.__init__(self, shape[:-1], shape[-1:], validate_args)

    def _keep(self, new, batch_shape):
        new._categorical = self._categorical.expand(batch_shape)

    probs = borrowed("_categorical", "probs", "The probabilities.")
    logits = borrowed("_categorical", "logits", "Logarithms of the probabilities.")
    param_shape = borrowed("_categorical", "param_shape", "The shape of the parameter.")
