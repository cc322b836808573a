"""Correlation matrices, by their Cholesky factors."""

import math

import flambeau

from . import constraints
from .beta import Beta
from .distribution import Distribution

__all__ = ["LKJCholesky"]


class LKJCholesky(Distribution):
    """Cholesky factors of correlation matrices with a density of det(matrix)**(concentration - 1).

    Source: Lewandowski, Kurowicka, Joe, J. Multivariate Analysis 100 (2009) 1989, the onion method.

    Args:
        dim (int): the matrices' size, 2 or more.
        concentration (Tensor or float): positive; 1 is uniform over correlation matrices.

    Example:
        >>> from flambeau.distributions import LKJCholesky
        >>> LKJCholesky(3, 0.5).sample().shape
        torch.Size([3, 3])
    """

    arg_constraints = {"concentration": constraints.positive}
    support = constraints.corr_cholesky

    def __init__(self, dim, concentration=1.0, validate_args=None):
        if dim < 2:
            raise ValueError(f"LKJCholesky: dim is {dim}; it must be 2 or more.")
        self.dim = dim
        if not isinstance(concentration, flambeau.Tensor):
            concentration = flambeau.tensor(concentration, dtype=flambeau.get_default_dtype())
        self.concentration = concentration
        super().__init__(concentration.shape, (dim, dim), validate_args)

    def _keep(self, new, batch_shape):
        new.dim = self.dim

    def sample(self, sample_shape=()):
        """Row k: a direction of k numbers, its squared length from a beta distribution, and what is left of 1."""
        with flambeau.no_grad():
            c = self.concentration
            row = flambeau.arange(self.dim, dtype=c.dtype, device=c.device)
            before = (row - 1).clamp(min=0)
            # Row k has a squared length of Beta(k / 2, c + (dim - 1 - k) / 2).
            length = Beta(
                before + 0.5, c.unsqueeze(-1) + 0.5 * (self.dim - 2) - 0.5 * before, validate_args=False
            ).sample(sample_shape)  # fmt: skip
            direction = flambeau.randn(
                self._extended_shape(sample_shape), dtype=c.dtype, device=c.device
            ).tril(-1)
            norm = direction.norm(dim=-1, keepdim=True)
            unit = direction / flambeau.where(norm == 0, 1.0, norm)
            below = length.sqrt().unsqueeze(-1) * unit
            left = (1 - below.pow(2).sum(-1)).clamp(min=flambeau.finfo(c.dtype).tiny)
            return below + left.sqrt().diag_embed()

    def log_prob(self, value):
        self._validate_sample(value)
        c, n = self.concentration, self.dim - 1
        diagonal = value.diagonal(dim1=-2, dim2=-1)[..., 1:]
        row = flambeau.arange(2, self.dim + 1, dtype=c.dtype, device=c.device)
        powers = (2 * (c - 1)).unsqueeze(-1) + self.dim - row
        top = c + 0.5 * n
        constant = 0.5 * n * math.log(math.pi) + flambeau.mvlgamma(top - 0.5, n) - n * top.lgamma()
        return (powers * diagonal.log()).sum(-1) - constant
