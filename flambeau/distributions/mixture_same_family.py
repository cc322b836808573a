"""Mixtures of distributions of one family."""

from operator import attrgetter

import flambeau

from . import constraints
from .categorical import Categorical
from .distribution import Distribution

__all__ = ["MixtureSameFamily"]


class MixtureSameFamily(Distribution):
    """One of K components, drawn by a Categorical, gives the sample.

    Args:
        mixture_distribution (Categorical): over the K components, batch *B.
        component_distribution (Distribution): whose batch is (*B, K).

    Example:
        >>> from flambeau.distributions import Categorical, MixtureSameFamily, Normal
        >>> two = Normal(flambeau.tensor([-1.0, 1.0]), flambeau.tensor([0.5, 0.5]))
        >>> MixtureSameFamily(Categorical(flambeau.ones(2)), two).mean
        tensor(0.)
    """

    arg_constraints = {}

    def __init__(self, mixture_distribution, component_distribution, validate_args=None):
        mixture, component = mixture_distribution, component_distribution
        if not isinstance(mixture, Categorical):
            raise ValueError(
                f"MixtureSameFamily: mixture_distribution must be a Categorical, not {type(mixture).__name__}."
            )
        if not isinstance(component, Distribution):
            raise ValueError(
                "MixtureSameFamily: component_distribution must be a Distribution, not "
                f"{type(component).__name__}."
            )
        if not component.batch_shape or mixture.probs.size(-1) != component.batch_shape[-1]:
            raise ValueError(
                f"MixtureSameFamily: {mixture.probs.size(-1)} weights for components of batch shape "
                f"{tuple(component.batch_shape)}, whose last dim must hold the components."
            )
        batch = component.batch_shape[:-1]
        for one, other in zip(reversed(mixture.batch_shape), reversed(batch), strict=False):
            if one != other and 1 not in (one, other):
                raise ValueError(
                    f"MixtureSameFamily: batch shapes {tuple(mixture.batch_shape)} of the weights and "
                    f"{tuple(batch)} of the components do not broadcast."
                )
        self._mixture_distribution, self._component_distribution = mixture, component
        self._num_component = component.batch_shape[-1]
        super().__init__(batch, component.event_shape, validate_args=validate_args)

    def _keep(self, new, batch_shape):
        new._component_distribution = self._component_distribution.expand(
            (*batch_shape, self._num_component)
        )
        new._mixture_distribution = self._mixture_distribution.expand(batch_shape)
        new._num_component = self._num_component

    mixture_distribution = property(
        attrgetter("_mixture_distribution"), doc="The Categorical over the components."
    )

    component_distribution = property(attrgetter("_component_distribution"), doc="The components.")

    @constraints.dependent_property
    def support(self):
        """What every component may give."""
        return constraints.MixtureSameFamilyConstraint(self._component_distribution.support)

    @property
    def _weights(self):
        """(*B, K, 1 ...), to multiply a component's events with."""
        probs = self._mixture_distribution.probs
        return probs.reshape(probs.shape + (1,) * len(self._event_shape))

    def _average(self, values):
        return (self._weights * values).sum(-1 - len(self._event_shape))

    @property
    def mean(self):
        return self._average(self._component_distribution.mean)

    @property
    def variance(self):
        """The mean of the components' variances, and the variance of their means."""
        each = self._component_distribution
        apart = each.mean - self.mean.unsqueeze(-1 - len(self._event_shape))
        return self._average(each.variance) + self._average(apart.pow(2))

    def _for_each(self, value):
        return value.unsqueeze(-1 - len(self._event_shape))

    def cdf(self, value):
        return (
            self._component_distribution.cdf(self._for_each(value))
            * self._mixture_distribution.probs
        ).sum(-1)

    def log_prob(self, value):
        self._validate_sample(value)
        each = self._component_distribution.log_prob(self._for_each(value))
        return (each + self._mixture_distribution.logits.log_softmax(-1)).logsumexp(-1)

    def sample(self, sample_shape=()):
        with flambeau.no_grad():
            drawn = self._component_distribution.sample(sample_shape)  # (*S, *B, K, *E)
            chosen = self._mixture_distribution.expand(self._batch_shape).sample(sample_shape)
            dim, events = -1 - len(self._event_shape), self._event_shape
            index = chosen.reshape(chosen.shape + (1,) * (len(events) + 1))
            index = index.expand(chosen.shape + (1,) + events)
            return drawn.gather(drawn.dim() + dim, index).squeeze(dim)

    def __repr__(self):
        return f"MixtureSameFamily(\n  {self._mixture_distribution!r},\n  {self._component_distribution!r})"
