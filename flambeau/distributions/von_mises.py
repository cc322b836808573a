"""The von Mises distribution."""

import math

import flambeau

from . import constraints
from .distribution import Distribution

__all__ = ["VonMises"]


class VonMises(Distribution):
    """exp(k cos(x - loc)) / (2 pi I0(k)) for an angle x, k the concentration.

    Samples lie in [-pi, pi).
    Source: Best, Fisher, Applied Statistics 28 (1979) 152.

    Args:
        loc (Tensor or float): the mean angle, in radians.
        concentration (Tensor or float): positive.

    Example:
        >>> torch.distributions.VonMises(0.0, 1.0).log_prob(torch.tensor(0.5))
        tensor(-1.1962)
    """

    arg_constraints = {"loc": constraints.real, "concentration": constraints.positive}
    support = constraints.real

    def __init__(self, loc, concentration, validate_args=None):
        self._take(validate_args, loc=loc, concentration=concentration)

    def log_prob(self, value):
        self._validate_sample(value)
        k = self.concentration
        # log I0(k) = k + log(i0e(k)): I0 itself overflows.
        above = k * ((value - self.loc).cos() - 1)
        return above - math.log(2 * math.pi) - flambeau.special.i0e(k).log()

    def sample(self, sample_shape=()):
        """Rejection from a wrapped Cauchy distribution, in float64; two of three tries hold, at least."""
        with flambeau.no_grad():
            shape = self._extended_shape(sample_shape)
            k = self.concentration.double().expand(shape)
            rho = self._envelope(k)
            angle, open_places = flambeau.zeros_like(k), flambeau.ones_like(k, dtype=flambeau.bool)
            while bool(open_places.any()):
                u = flambeau.rand((3, *shape), dtype=flambeau.float64, device=k.device)
                z = (math.pi * u[0]).cos()
                f = (1 + rho * z) / (rho + z)
                c = k * (rho - f)
                taken = open_places & ((c * (2 - c) > u[1]) | ((c / u[1]).log() + 1 >= c))
                angle = flambeau.where(taken, (u[2] - 0.5).sign() * f.clamp(-1, 1).acos(), angle)
                open_places = open_places & ~taken
            turned = (angle + math.pi + self.loc.double()) % (2 * math.pi) - math.pi
            return turned.to(self.loc.dtype)

    @staticmethod
    def _envelope(k):
        """(1 + rho**2) / (2 rho) of the best wrapped Cauchy distribution."""
        tau = 1 + (1 + 4 * k * k).sqrt()
        rho = (tau - (2 * tau).sqrt()) / (2 * k)
        # For small k the difference above cancels.
        return flambeau.where(k < 1e-5, 1 / k + k, (1 + rho * rho) / (2 * rho))

    mean = mode = property(lambda self: self.loc, doc="The mean, and the most probable: loc.")

    @property
    def variance(self):
        """The circular variance, 1 - I1(k) / I0(k)."""
        k = self.concentration
        return 1 - flambeau.special.i1e(k) / flambeau.special.i0e(k)
