"""LocationScale, the base of distributions on the real line that a shift and a factor make of one."""

from operator import attrgetter

from . import constraints
from .distribution import Distribution


class LocationScale(Distribution):
    """loc + scale * x, with x of a density that is symmetric about 0 and largest there."""

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.real
    has_rsample = True

    def __init__(self, loc, scale, validate_args=None):
        self._take(validate_args, loc=loc, scale=scale)

    mean = property(attrgetter("loc"), doc="The expected value.")
    mode = property(attrgetter("loc"), doc="The most probable value.")
