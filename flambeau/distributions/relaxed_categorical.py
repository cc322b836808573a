"""Categorical samples that gradients flow through: points of the simplex near its corners."""

import math

import flambeau

from ..ops.core.arguments import broadcast_together
from . import constraints
from .categorical import Categorical
from .distribution import Distribution
from .relaxed_bernoulli import Relaxed
from .transforms import ExpTransform
from .utils import borrowed, clamp_probs

__all__ = ["ExpRelaxedCategorical", "RelaxedOneHotCategorical"]


class ExpRelaxedCategorical(Distribution):
    """The logarithms of RelaxedOneHotCategorical's samples.

    Source: Maddison, Mnih, Teh, "The concrete distribution", 2017, arXiv:1611.00712.
    """

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}
    support = constraints.real_vector  # in truth the part of it where the exponentials sum to 1
    has_rsample = True

    def __init__(self, temperature, probs=None, logits=None, validate_args=None):
        self.temperature = temperature
        self._categorical = Categorical(probs, logits)
        shape = self._categorical.param_shape
        super().__init__(shape[:-1], shape[-1:], validate_args)

    def _keep(self, new, batch_shape):
        new.temperature = self.temperature
        new._categorical = self._categorical.expand(batch_shape)

    param_shape = borrowed("_categorical", "param_shape", "The shape of the parameter.")
    logits = borrowed("_categorical", "logits", "Logarithms of the classes' probabilities.")
    probs = borrowed("_categorical", "probs", "The classes' probabilities.")

    def rsample(self, sample_shape=()):
        shape = self._extended_shape(sample_shape)
        drawn = clamp_probs(
            flambeau.rand(shape, dtype=self.logits.dtype, device=self.logits.device)
        )
        gumbel = -(-drawn.log()).log()
        return ((self.logits + gumbel) / self.temperature).log_softmax(-1)

    def log_prob(self, value):
        self._validate_sample(value)
        k = self._event_shape[0]
        logits, value = broadcast_together(f"{type(self).__name__}.log_prob", self.logits, value)
        temperature = flambeau.as_tensor(self.temperature, dtype=logits.dtype, device=logits.device)
        score = (logits - value * temperature).log_softmax(-1).sum(-1)
        return score + math.lgamma(k) + (k - 1) * temperature.log()


class RelaxedOneHotCategorical(Relaxed):
    """Points of the simplex, which at temperature 0 would be OneHotCategorical's.

    Example:
        >>> d = torch.distributions.RelaxedOneHotCategorical(0.5, torch.tensor([0.2, 0.8]))
        >>> d.log_prob(torch.tensor([0.5, 0.5]))
        tensor(-1.1394)

    Source: Jang, Gu, Poole, "Categorical reparameterization with Gumbel-softmax", 2017, arXiv:1611.01144.

    Args:
        temperature (Tensor or float): positive.
        probs, logits (Tensor): (*B, K), as Categorical takes them; one of both.
    """

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}
    support = constraints.simplex

    def __init__(self, temperature, probs=None, logits=None, validate_args=None):
        base = ExpRelaxedCategorical(temperature, probs, logits, validate_args=validate_args)
        super().__init__(base, ExpTransform(), validate_args=validate_args)
