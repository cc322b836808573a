"""Exponentials of normal numbers."""

from . import constraints
from .normal import Normal
from .transformed_distribution import TransformedDistribution
from .transforms import ExpTransform
from .utils import borrowed

__all__ = ["LogNormal", "OfNormal"]


class OfNormal(TransformedDistribution):
    """A transformed Normal, with its parameters."""

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    has_rsample = True

    loc = borrowed("base_dist", "loc", "The normal numbers' mean.")
    scale = borrowed("base_dist", "scale", "The normal numbers' standard deviation.")


class LogNormal(OfNormal):
    """exp(x) for x of Normal(loc, scale).

    Args:
        loc, scale (Tensor or float): mean and standard deviation of log(x), not of x.

    Example:
        >>> torch.distributions.LogNormal(0.0, 1.0).log_prob(torch.tensor(1.0))
        tensor(-0.9189)
    """

    support = constraints.positive

    def __init__(self, loc, scale, validate_args=None):
        super().__init__(
            Normal(loc, scale, validate_args), ExpTransform(), validate_args=validate_args
        )

    @property
    def mean(self):
        return (self.loc + self.scale.pow(2) / 2).exp()

    @property
    def mode(self):
        return (self.loc - self.scale.pow(2)).exp()

    @property
    def variance(self):
        square = self.scale.pow(2)
        return square.expm1() * (2 * self.loc + square).exp()

    def entropy(self):
        return self.base_dist.entropy() + self.loc
