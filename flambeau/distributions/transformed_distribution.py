"""TransformedDistribution: samples of one distribution, mapped; and what densities become."""

from operator import attrgetter

import flambeau

from . import constraints
from .distribution import Distribution
from .independent import Independent
from .transforms import ComposeTransform, Transform
from .utils import sum_rightmost

__all__ = ["TransformedDistribution"]


class TransformedDistribution(Distribution):
    """y = f(x) for x of `base_distribution`, f the `transforms` one after the other.

    Args:
        base_distribution (Distribution): of x.
        transforms (Transform or list of Transform): each bijective for densities.

    Example:
        >>> from flambeau.distributions import ExpTransform, Normal, TransformedDistribution
        >>> d = TransformedDistribution(Normal(0.0, 1.0), [ExpTransform()])
        >>> d.log_prob(flambeau.tensor(1.0))
        tensor(-0.9189)
    """

    arg_constraints = {}

    def __init__(self, base_distribution, transforms, validate_args=None):
        transforms = [transforms] if isinstance(transforms, Transform) else transforms
        if not isinstance(transforms, list) or not all(
            isinstance(t, Transform) for t in transforms
        ):
            raise ValueError(
                f"TransformedDistribution: transforms must be a Transform or a list of them, not {transforms!r}."
            )
        self.transforms = transforms
        chain = ComposeTransform(transforms)
        shape = base_distribution.batch_shape + base_distribution.event_shape
        events = len(base_distribution.event_shape)
        if len(shape) < chain.domain.event_dim:
            raise ValueError(
                f"TransformedDistribution: the base distribution's shape {tuple(shape)} has fewer than the "
                f"{chain.domain.event_dim} dims of an event of {transforms!r}."
            )
        # A transform's parameters may have a larger batch than the base.
        shape, needed = chain.forward_shape(shape), chain.inverse_shape(chain.forward_shape(shape))
        if needed != base_distribution.batch_shape + base_distribution.event_shape:
            base_distribution = base_distribution.expand(needed[: len(needed) - events])
        if chain.domain.event_dim > events:
            base_distribution = Independent(base_distribution, chain.domain.event_dim - events)
        self.base_dist = base_distribution
        grown = chain.codomain.event_dim - chain.domain.event_dim
        cut = len(shape) - max(chain.codomain.event_dim, events + grown)
        super().__init__(shape[:cut], shape[cut:], validate_args=validate_args)

    def _keep(self, new, batch_shape):
        shape = batch_shape + self._event_shape
        for transform in reversed(self.transforms):
            shape = transform.inverse_shape(shape)
        new.base_dist = self.base_dist.expand(shape[: len(shape) - len(self.base_dist.event_shape)])
        new.transforms = self.transforms

    @constraints.dependent_property(is_discrete=False)
    def support(self):
        """The last transform's codomain, or the base's support."""
        if not self.transforms:
            return self.base_dist.support
        support = self.transforms[-1].codomain
        more = len(self._event_shape) - support.event_dim
        return constraints.independent(support, more) if more > 0 else support

    has_rsample = property(
        attrgetter("base_dist.has_rsample"), doc="Whether the base can draw with gradients."
    )

    def _forward(self, x):
        for transform in self.transforms:
            x = transform(x)
        return x

    def sample(self, sample_shape=()):
        with flambeau.no_grad():
            return self._forward(self.base_dist.sample(sample_shape))

    def rsample(self, sample_shape=()):
        return self._forward(self.base_dist.rsample(sample_shape))

    def log_prob(self, value):
        """The base's density at the inverse, less the transforms' logarithm of the volume change."""
        self._validate_sample(value)
        events, change = len(self._event_shape), 0.0
        for transform in reversed(self.transforms):
            x = transform.inv(value)
            events += transform.domain.event_dim - transform.codomain.event_dim
            term = transform.log_abs_det_jacobian(x, value)
            change = change + sum_rightmost(term, events - transform.domain.event_dim)
            value = x
        base = self.base_dist.log_prob(value)
        return sum_rightmost(base, events - len(self.base_dist.event_shape)) - change

    def _upside(self, probability):
        """1 - probability where the transforms together decrease."""
        sign = 1
        for transform in self.transforms:
            sign = sign * transform.sign
        if isinstance(sign, int) and sign == 1:
            return probability
        return sign * (probability - 0.5) + 0.5

    def cdf(self, value):
        if self._validate_args:
            self._validate_sample(value)
        for transform in reversed(self.transforms):
            value = transform.inv(value)
        return self._upside(self.base_dist.cdf(value))

    def icdf(self, value):
        return self._forward(self.base_dist.icdf(self._upside(value)))
