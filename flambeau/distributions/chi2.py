"""The chi-squared distribution."""

import flambeau

from . import constraints
from .gamma import Gamma

__all__ = ["Chi2"]


class Chi2(Gamma):
    """The sum of `df` squares of standard normal numbers.

    Args:
        df (Tensor or float): degrees of freedom; positive, not only whole.

    Example:
        >>> torch.distributions.Chi2(2.0).log_prob(torch.tensor(1.0))
        tensor(-1.1931)
    """

    arg_constraints = {"df": constraints.positive}

    def __init__(self, df, validate_args=None):
        half = 0.5 * df
        rate = 0.5 if isinstance(half, float) else flambeau.full_like(half, 0.5)
        super().__init__(half, rate, validate_args=validate_args)

    def _keep(self, new, batch_shape):
        new.concentration, new.rate = (
            self.concentration.expand(batch_shape),
            self.rate.expand(batch_shape),
        )

    @property
    def df(self):
        """The number of squares."""
        return 2 * self.concentration
