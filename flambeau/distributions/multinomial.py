"""The multinomial distribution."""

import flambeau

from ..ops.core.arguments import broadcast_together
from . import constraints
from .binomial import Binomial
from .categorical import Categorical, OverCategorical

__all__ = ["Multinomial"]


class Multinomial(OverCategorical):
    """How often each of K classes comes in total_count draws.

    Args:
        total_count (int): the number of draws.
        probs, logits (Tensor): (*B, K), as Categorical takes them; one of both.

    Example:
        >>> d = torch.distributions.Multinomial(2, torch.tensor([0.5, 0.5]))
        >>> d.log_prob(torch.tensor([1.0, 1.0]))
        tensor(-0.6931)
    """

    def __init__(self, total_count=1, probs=None, logits=None, validate_args=None):
        if not isinstance(total_count, int):
            raise NotImplementedError(
                "Multinomial: total_count must be one int for the whole batch."
            )
        self.total_count = total_count
        self._of(probs, logits, validate_args)

    def _keep(self, new, batch_shape):
        super()._keep(new, batch_shape)
        new.total_count = self.total_count

    @constraints.dependent_property(is_discrete=True, event_dim=1)
    def support(self):
        """Counts whose sum is at most total_count."""
        return constraints.multinomial(self.total_count)

    @property
    def mean(self):
        return self.probs * self.total_count

    @property
    def variance(self):
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape=()):
        """Counts; memory in proportion to them, not to total_count."""
        with flambeau.no_grad():
            probs = self.probs.expand(self._extended_shape(sample_shape))
            if self.total_count <= 4 * probs.size(-1):
                return self._counted(probs)
            return self._one_class_after_another(probs)

    def _counted(self, probs):
        drawn = Categorical(probs, validate_args=False).sample((self.total_count,)).movedim(0, -1)
        one = flambeau.ones((), dtype=probs.dtype, device=probs.device).expand(drawn.shape)
        return flambeau.zeros_like(probs).scatter_add(-1, drawn, one)

    def _one_class_after_another(self, probs):
        # Each class is binomial among the draws that the classes before it have left.
        left = flambeau.full(
            probs.shape[:-1], self.total_count, dtype=probs.dtype, device=probs.device
        )
        later = probs.flip(-1).cumsum(-1).flip(-1)
        counts = []
        for k in range(probs.size(-1) - 1):
            share = (probs[..., k] / later[..., k]).nan_to_num(0.0).clamp(0, 1)
            counts.append(flambeau.binomial(left, share))
            left = left - counts[-1]
        return flambeau.stack([*counts, left], -1)

    def log_prob(self, value):
        self._validate_sample(value)
        logits, value = broadcast_together(f"{type(self).__name__}.log_prob", self.logits, value)
        ways = (value.sum(-1) + 1).lgamma() - (value + 1).lgamma().sum(-1)
        return ways + flambeau.where(value == 0, 0.0, value * logits).sum(-1)

    def entropy(self):
        """The entropy, in nats.

        The mean of log k! of each class is summed over all k: memory in proportion to total_count.
        """
        n = flambeau.tensor(
            float(self.total_count), dtype=self.probs.dtype, device=self.probs.device
        )
        draws = n * self._categorical.entropy() - (n + 1).lgamma()
        each = Binomial(self.total_count, self.probs, validate_args=False)
        counts = each.enumerate_support(expand=False)[1:]
        return draws + (each.log_prob(counts).exp() * (counts + 1).lgamma()).sum([0, -1])
