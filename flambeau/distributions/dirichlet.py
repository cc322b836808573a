"""The Dirichlet distribution."""

import flambeau

from ..ops.gamma_samples import dirichlet_backward as _Dirichlet_backward  # noqa: F401  as PyTorch names it
from . import constraints
from .exp_family import ExponentialFamily

__all__ = ["Dirichlet"]


class Dirichlet(ExponentialFamily):
    """Points x of a simplex with a density of the product of x**(concentration - 1).

    Args:
        concentration (Tensor): (*B, K), positive; events are (K).

    Example:
        >>> torch.distributions.Dirichlet(torch.tensor([1.0, 2.0])).log_prob(torch.tensor([0.4, 0.6]))
        tensor(0.1823)
    """

    arg_constraints = {"concentration": constraints.independent(constraints.positive, 1)}
    support = constraints.simplex
    has_rsample = True

    def __init__(self, concentration, validate_args=None):
        if concentration.dim() < 1:
            raise ValueError(
                "Dirichlet: concentration needs a dimension of categories, but has none."
            )
        self.concentration = concentration
        super().__init__(concentration.shape[:-1], concentration.shape[-1:], validate_args)

    @property
    def mean(self):
        return self.concentration / self.concentration.sum(-1, True)

    @property
    def mode(self):
        excess = (self.concentration - 1).clamp_min(0)
        mode = excess / excess.sum(-1, True)
        # Below 1 everywhere the density has its peaks in the corners.
        corner = (self.concentration < 1).all(-1, keepdim=True)
        best = self.concentration.argmax(-1)
        peak = flambeau.nn.functional.one_hot(best, self.concentration.size(-1)).to(mode.dtype)
        return flambeau.where(corner, peak, mode)

    @property
    def variance(self):
        total = self.concentration.sum(-1, True)
        a = self.concentration
        return a * (total - a) / (total.pow(2) * (total + 1))

    def rsample(self, sample_shape=()):
        """Samples as normalised gamma samples, each inside (0, 1)."""
        concentration = self.concentration.expand(self._extended_shape(sample_shape))
        return flambeau._sample_dirichlet(concentration)

    def _log_beta(self):
        a = self.concentration
        return a.lgamma().sum(-1) - a.sum(-1).lgamma()

    @property
    def _natural_params(self):
        return (self.concentration - 1,)

    def _log_normalizer(self, powers):
        return (powers + 1).lgamma().sum(-1) - (powers + 1).sum(-1).lgamma()

    def log_prob(self, value):
        self._validate_sample(value)
        return flambeau.xlogy(self.concentration - 1, value).sum(-1) - self._log_beta()

    def entropy(self):
        a, total = self.concentration, self.concentration.sum(-1)
        spread = (total - a.size(-1)) * total.digamma()
        return self._log_beta() + spread - ((a - 1) * a.digamma()).sum(-1)
