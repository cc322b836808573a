"""The Gumbel distribution."""

import math
from operator import attrgetter

import flambeau

from . import constraints
from .transformed_distribution import TransformedDistribution
from .transforms import AffineTransform, ExpTransform
from .uniform import Uniform
from .utils import tensors_for

__all__ = ["Gumbel", "euler_constant"]

euler_constant = 0.57721566490153286


class Gumbel(TransformedDistribution):
    """exp(-(z + exp(-z))) / scale, z = (x - loc) / scale: the largest of many.

    Args:
        loc (Tensor or float): where the density is greatest.
        scale (Tensor or float): the width, in units of x; positive.

    Example:
        >>> torch.distributions.Gumbel(0.0, 1.0).log_prob(torch.tensor(0.0))
        tensor(-1.)
    """

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.real

    def __init__(self, loc, scale, validate_args=None):
        self.loc, self.scale = tensors_for(type(self).__name__, loc, scale)
        limits = flambeau.finfo(self.loc.dtype)
        ends = (limits.tiny, 1 - limits.eps)
        base = Uniform(
            *(flambeau.full_like(self.loc, end) for end in ends), validate_args=validate_args
        )
        log = ExpTransform().inv
        down = AffineTransform(loc=0, scale=-flambeau.ones_like(self.scale))
        shift = AffineTransform(loc=self.loc, scale=-self.scale)
        super().__init__(base, [log, down, log, shift], validate_args=validate_args)

    def log_prob(self, value):
        self._validate_sample(value)
        y = (self.loc - value) / self.scale
        return y - y.exp() - self.scale.log()

    @property
    def mean(self):
        return self.loc + self.scale * euler_constant

    mode = property(attrgetter("loc"), doc="The most probable value.")

    @property
    def stddev(self):
        return math.pi / math.sqrt(6) * self.scale

    @property
    def variance(self):
        return self.stddev.pow(2)

    def entropy(self):
        return self.scale.log() + (1 + euler_constant)
