"""Bernoulli samples that gradients flow through: numbers between 0 and 1, nearer to the ends the lower the temperature."""

import flambeau
import flambeau.nn.functional as F

from ..ops.core.arguments import broadcast_together
from . import constraints
from .bernoulli import OneProbability
from .transformed_distribution import TransformedDistribution
from .transforms import SigmoidTransform
from .utils import borrowed, clamp_probs

__all__ = ["LogitRelaxedBernoulli", "RelaxedBernoulli"]


class LogitRelaxedBernoulli(OneProbability):
    """The log odds of RelaxedBernoulli.

    Source: Maddison, Mnih, Teh, "The concrete distribution", 2017, arXiv:1611.00712.
    """

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.real
    has_rsample = True

    def __init__(self, temperature, probs=None, logits=None, validate_args=None):
        self.temperature = temperature
        super().__init__(probs, logits, validate_args)

    def _keep(self, new, batch_shape):
        new.temperature = self.temperature

    @property
    def param_shape(self):
        """The shape of the parameter."""
        return self._param.size()

    def rsample(self, sample_shape=()):
        shape = self._extended_shape(sample_shape)
        probs = clamp_probs(self.probs.expand(shape))
        drawn = clamp_probs(flambeau.rand(shape, dtype=probs.dtype, device=probs.device))
        odds = drawn.log() - (-drawn).log1p() + probs.log() - (-probs).log1p()
        return odds / self.temperature

    def log_prob(self, value):
        self._validate_sample(value)
        logits, value = broadcast_together(f"{type(self).__name__}.log_prob", self.logits, value)
        difference = logits - value * self.temperature
        temperature = flambeau.as_tensor(self.temperature, dtype=logits.dtype, device=logits.device)
        return temperature.log() + difference - 2 * F.softplus(difference)


class Relaxed(TransformedDistribution):
    """A transformed relaxed distribution, with its parameters."""

    has_rsample = True

    temperature = borrowed("base_dist", "temperature", "How far from the ends samples lie.")
    logits = borrowed("base_dist", "logits", "As the base has them.")
    probs = borrowed("base_dist", "probs", "As the base has them.")


class RelaxedBernoulli(Relaxed):
    """Numbers in (0, 1), which at temperature 0 would be Bernoulli's.

    Example:
        >>> torch.distributions.RelaxedBernoulli(0.5, 0.25).log_prob(torch.tensor(0.5))
        tensor(-0.9808)

    Source: Jang, Gu, Poole, "Categorical reparameterization with Gumbel-softmax", 2017, arXiv:1611.01144.

    Args:
        temperature (Tensor or float): positive.
        probs, logits (Tensor or float): one of them.
    """

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.unit_interval

    def __init__(self, temperature, probs=None, logits=None, validate_args=None):
        base = LogitRelaxedBernoulli(temperature, probs, logits)
        super().__init__(base, SigmoidTransform(), validate_args=validate_args)
