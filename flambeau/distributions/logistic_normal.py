"""Normal numbers on the simplex."""

from operator import attrgetter

from . import constraints
from .log_normal import OfNormal
from .normal import Normal
from .transforms import StickBreakingTransform

__all__ = ["LogisticNormal"]


class LogisticNormal(OfNormal):
    """K - 1 normal numbers brought onto the simplex of K by breaking a stick.

    Args:
        loc, scale (Tensor): (*B, K - 1), the normal numbers' means and standard deviations.

    Example:
        >>> import flambeau
        >>> from flambeau.distributions import LogisticNormal
        >>> LogisticNormal(flambeau.zeros(3), flambeau.ones(3)).sample().shape
        torch.Size([4])
    """

    support = constraints.simplex

    def __init__(self, loc, scale, validate_args=None):
        base = Normal(loc, scale, validate_args=validate_args)
        base = base if base.batch_shape else base.expand([1])
        super().__init__(base, StickBreakingTransform(), validate_args=validate_args)

    loc = property(attrgetter("base_dist.base_dist.loc"), doc="The normal numbers' mean.")
    scale = property(
        attrgetter("base_dist.base_dist.scale"), doc="The normal numbers' standard deviation."
    )
