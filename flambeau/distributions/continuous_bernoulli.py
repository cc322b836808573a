"""The continuous Bernoulli distribution."""

import math

import flambeau
import flambeau.nn.functional as F

from ..ops.core.arguments import broadcast_together
from . import constraints
from .bernoulli import OneProbability
from .exp_family import ExponentialFamily
from .utils import clamp_probs, lazy_property

__all__ = ["ContinuousBernoulli"]


class ContinuousBernoulli(OneProbability, ExponentialFamily):
    """A density of C * probs**x * (1 - probs)**(1 - x) on [0, 1].

    C and the moments are 0/0 at probs = 1/2: between `lims`, their Taylor series are used.
    Source: Loaiza-Ganem, Cunningham, 2019, arXiv:1907.06845.

    Args:
        probs, logits (Tensor or float): one of them.
        lims (tuple of 2 float): where the series begins and ends.

    Example:
        >>> torch.distributions.ContinuousBernoulli(0.25).log_prob(torch.tensor(0.5))
        tensor(-0.0498)
    """

    support = constraints.unit_interval
    has_rsample = True

    def __init__(self, probs=None, logits=None, lims=(0.499, 0.501), validate_args=None):
        super().__init__(probs, logits, validate_args)
        self._lims = lims
        if probs is not None:
            self.probs = clamp_probs(self.probs)

    @lazy_property
    def probs(self):
        return clamp_probs(self.logits.sigmoid())

    def _keep(self, new, batch_shape):
        new._lims = self._lims

    def _by_parts(self, formula, series):
        """formula(probs) outside of lims, series(probs - 1/2) between them, each with finite gradients."""
        middle = (self.probs > self._lims[0]) & (self.probs < self._lims[1])
        away = flambeau.where(middle, self._lims[0], self.probs)
        near = flambeau.where(middle, self.probs - 0.5, 0.0)
        return flambeau.where(middle, series(near), formula(away))

    def _log_constant(self):
        """log C = log(2 atanh(1 - 2 p) / (1 - 2 p))."""

        def formula(p):
            return ((-p).log1p() - p.log()).abs().log() - (1 - 2 * p).abs().log()

        return self._by_parts(formula, lambda x: math.log(2) + (4 / 3 + 104 / 45 * x * x) * x * x)

    @property
    def mean(self):
        def formula(p):
            return p / (2 * p - 1) + 1 / ((-p).log1p() - p.log())

        return self._by_parts(formula, lambda x: 0.5 + (1 / 3 + 16 / 45 * x * x) * x)

    @property
    def variance(self):
        def formula(p):
            return p * (p - 1) / (1 - 2 * p).pow(2) + ((-p).log1p() - p.log()).pow(-2)

        return self._by_parts(formula, lambda x: 1 / 12 - (1 / 15 - 128 / 945 * x * x) * x * x)

    @property
    def stddev(self):
        return self.variance.sqrt()

    def rsample(self, sample_shape=()):
        shape = self._extended_shape(sample_shape)
        return self.icdf(flambeau.rand(shape, dtype=self.probs.dtype, device=self.probs.device))

    def log_prob(self, value):
        self._validate_sample(value)
        logits, value = broadcast_together(f"{type(self).__name__}.log_prob", self.logits, value)
        chance = -F.binary_cross_entropy_with_logits(logits, value, reduction="none")
        return chance + self._log_constant()

    def cdf(self, value):
        self._validate_sample(value)

        def formula(p):
            return (p.pow(value) * (1 - p).pow(1 - value) + p - 1) / (2 * p - 1)

        inner = self._by_parts(formula, lambda x: value)
        return flambeau.where(value <= 0, 0.0, flambeau.where(value >= 1, 1.0, inner))

    def icdf(self, value):
        def formula(p):
            return ((-p + value * (2 * p - 1)).log1p() - (-p).log1p()) / (p.log() - (-p).log1p())

        return self._by_parts(formula, lambda x: value)

    def entropy(self):
        one, zero = self.probs.log(), (-self.probs).log1p()
        return self.mean * (zero - one) - self._log_constant() - zero

    @property
    def _natural_params(self):
        return (self.logits,)

    def _log_normalizer(self, logits):
        """log((exp(x) - 1) / x)."""
        low, high = (math.log(p / (1 - p)) for p in self._lims)
        middle = (logits > low) & (logits < high)
        away = flambeau.where(middle, 1.0, logits)
        x = flambeau.where(middle, logits, 0.0)
        # For large x exp(x) is not formed: log(exp(x) - 1) = x + log(1 - exp(-x)).
        outside = away.clamp(min=0) + (-(-away.abs()).exp()).log1p() - away.abs().log()
        return flambeau.where(middle, x / 2 + x.pow(2) / 24 - x.pow(4) / 2880, outside)
