"""The Pareto distribution."""

from operator import attrgetter

from . import constraints
from .exponential import Exponential
from .transformed_distribution import TransformedDistribution
from .transforms import AffineTransform, ExpTransform
from .utils import tensors_for

__all__ = ["Pareto"]


class Pareto(TransformedDistribution):
    """alpha * scale**alpha / x**(alpha + 1) for x >= scale.

    Args:
        scale (Tensor or float): the least value; positive.
        alpha (Tensor or float): positive; above 1 there is a mean, above 2 a variance.

    Example:
        >>> torch.distributions.Pareto(1.0, 2.0).log_prob(torch.tensor(2.0))
        tensor(-1.3863)
    """

    arg_constraints = {"alpha": constraints.positive, "scale": constraints.positive}

    def __init__(self, scale, alpha, validate_args=None):
        self.scale, self.alpha = tensors_for(type(self).__name__, scale, alpha)
        base = Exponential(self.alpha, validate_args=validate_args)
        transforms = [ExpTransform(), AffineTransform(loc=0, scale=self.scale)]
        super().__init__(base, transforms, validate_args=validate_args)

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self):
        """From scale on."""
        return constraints.greater_than_eq(self.scale)

    @property
    def mean(self):
        a = self.alpha.clamp(min=1)  # infinite for alpha <= 1
        return a * self.scale / (a - 1)

    mode = property(attrgetter("scale"), doc="The most probable value.")

    @property
    def variance(self):
        a = self.alpha.clamp(min=2)  # infinite for alpha <= 2
        return self.scale.pow(2) * a / ((a - 1).pow(2) * (a - 2))

    def entropy(self):
        return (self.scale / self.alpha).log() + (1 + self.alpha.reciprocal())
