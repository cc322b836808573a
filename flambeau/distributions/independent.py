"""Several distributions as one over vectors."""

from . import constraints
from .distribution import Distribution
from .utils import borrowed, sum_rightmost

__all__ = ["Independent"]


class Independent(Distribution):
    """`base_distribution` whose last `reinterpreted_batch_ndims` batch dimensions make one event.

    Args:
        base_distribution (Distribution): batch (*B, *E).
        reinterpreted_batch_ndims (int): the number of dims of E.

    Example:
        >>> d = torch.distributions.Independent(torch.distributions.Normal(torch.zeros(3), 1.0), 1)
        >>> d.event_shape, d.log_prob(torch.zeros(3))
        (torch.Size([3]), tensor(-2.7568))
    """

    arg_constraints = {}

    def __init__(self, base_distribution, reinterpreted_batch_ndims, validate_args=None):
        batch, more = base_distribution.batch_shape, reinterpreted_batch_ndims
        if more > len(batch):
            raise ValueError(
                f"Independent: reinterpreted_batch_ndims is {more}, but the base distribution has "
                f"{len(batch)} batch dims."
            )
        self.base_dist = base_distribution
        self.reinterpreted_batch_ndims = more
        shape = (*batch, *base_distribution.event_shape)
        events = more + len(base_distribution.event_shape)
        cut = len(shape) - events
        super().__init__(shape[:cut], shape[cut:], validate_args)

    def expand(self, batch_shape, _instance=None):
        n = self.reinterpreted_batch_ndims
        new = self._get_checked_instance(Independent, _instance)
        wider = self.base_dist.expand((*batch_shape, *self._event_shape[:n]))
        Independent.__init__(new, wider, n, validate_args=self._validate_args)
        return new

    has_rsample = borrowed("base_dist", "has_rsample", "Whether the base can draw with gradients.")

    @constraints.dependent_property
    def support(self):
        """The base's, for whole events."""
        more = self.reinterpreted_batch_ndims
        return (
            constraints.independent(self.base_dist.support, more)
            if more
            else self.base_dist.support
        )

    mean = borrowed("base_dist", "mean")
    mode = borrowed("base_dist", "mode")
    variance = borrowed("base_dist", "variance")

    def sample(self, sample_shape=()):
        return self.base_dist.sample(sample_shape)

    def rsample(self, sample_shape=()):
        return self.base_dist.rsample(sample_shape)

    def log_prob(self, value):
        return self._sum(self.base_dist.log_prob(value))

    @property
    def has_enumerate_support(self):
        """Whether the base can list its events and none are joined here."""
        return self.base_dist.has_enumerate_support and not self.reinterpreted_batch_ndims

    def enumerate_support(self, expand=True):
        if self.reinterpreted_batch_ndims:
            raise NotImplementedError(
                "Independent: enumerate_support of events joined from several is not offered."
            )
        return self.base_dist.enumerate_support(expand=expand)

    def entropy(self):
        return self._sum(self.base_dist.entropy())

    def _sum(self, value):
        """The sum over the dimensions that belong to one event here, and not in the base."""
        return sum_rightmost(value, self.reinterpreted_batch_ndims)

    def __repr__(self):
        return f"{type(self).__name__}({self.base_dist}, {self.reinterpreted_batch_ndims})"
