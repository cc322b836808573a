"""The normal distribution of vectors whose covariance is of low rank beside its diagonal."""

import math
from operator import attrgetter

import flambeau

from ..ops.core.arguments import common_shape
from . import constraints
from .distribution import Distribution
from .utils import lazy_property

__all__ = ["LowRankMultivariateNormal"]


class LowRankMultivariateNormal(Distribution):
    """MultivariateNormal with the covariance W W^T + diag(D), in time proportional to K R**2.

    Inverse and determinant come from the R x R matrix I + W^T D^-1 W (Woodbury's identity, and the matrix
    determinant lemma).

    Args:
        loc (Tensor): (*B, K).
        cov_factor (Tensor): W, (*B, K, R).
        cov_diag (Tensor): D, (*B, K), positive.

    Example:
        >>> d = torch.distributions.LowRankMultivariateNormal(torch.zeros(2), torch.ones(2, 1), torch.ones(2))
        >>> d.log_prob(torch.tensor([0.0, 1.0]))
        tensor(-2.7205)
    """

    arg_constraints = {
        "loc": constraints.real_vector,
        "cov_factor": constraints.independent(constraints.real, 2),
        "cov_diag": constraints.independent(constraints.positive, 1),
    }
    support = constraints.real_vector
    has_rsample = True

    def __init__(self, loc, cov_factor, cov_diag, validate_args=None):
        if loc.dim() < 1:
            raise ValueError("LowRankMultivariateNormal: loc is 0-dim; it must have 1 dim or more.")
        event = loc.shape[-1:]
        if cov_factor.dim() < 2 or cov_factor.shape[-2:-1] != event or cov_diag.shape[-1:] != event:
            raise ValueError(
                f"LowRankMultivariateNormal: loc (..., {event[0]}) takes cov_factor (..., {event[0]}, R) and "
                f"cov_diag (..., {event[0]}), but they are {tuple(cov_factor.shape)} and {tuple(cov_diag.shape)}."
            )
        batch = common_shape(
            "LowRankMultivariateNormal",
            loc.shape[:-1],
            cov_factor.shape[:-2],
            cov_diag.shape[:-1],
            what="batch",
        )
        self.loc = loc.expand(batch + event)
        self.cov_factor = cov_factor.expand(batch + cov_factor.shape[-2:])
        self.cov_diag = cov_diag.expand(batch + event)
        super().__init__(batch, event, validate_args=validate_args)

    @lazy_property
    def _small_root(self):
        """The Cholesky factor of I + W^T D^-1 W, (*B, R, R)."""
        w = self.cov_factor
        small = (w.mT / self.cov_diag.unsqueeze(-2)) @ w
        return flambeau.linalg.cholesky(
            small + flambeau.eye(w.size(-1), dtype=w.dtype, device=w.device)
        )

    mean = property(attrgetter("loc"), doc="The expected value.")

    mode = mean

    @lazy_property
    def variance(self):
        return self.cov_factor.pow(2).sum(-1) + self.cov_diag

    @lazy_property
    def covariance_matrix(self):
        """W W^T + diag(D)."""
        return self.cov_factor @ self.cov_factor.mT + self.cov_diag.diag_embed()

    @lazy_property
    def scale_tril(self):
        """The Cholesky factor of the covariance."""
        return flambeau.linalg.cholesky(self.covariance_matrix)

    @lazy_property
    def precision_matrix(self):
        """The inverse of the covariance."""
        part = self.cov_factor.mT / self.cov_diag.unsqueeze(-2)
        white = flambeau.linalg.solve_triangular(self._small_root, part, upper=False)
        return self.cov_diag.reciprocal().diag_embed() - white.mT @ white

    def rsample(self, sample_shape=()):
        shape = self._extended_shape(sample_shape)
        like = {"dtype": self.loc.dtype, "device": self.loc.device}
        shared = flambeau.randn(shape[:-1] + self.cov_factor.shape[-1:], **like)
        own = flambeau.randn(shape, **like)
        return (
            self.loc
            + (self.cov_factor @ shared.unsqueeze(-1)).squeeze(-1)
            + self.cov_diag.sqrt() * own
        )

    def squared_distance(self, difference):
        """x^T C^-1 x for x (*S, *B, K)."""
        part = (self.cov_factor.mT / self.cov_diag.unsqueeze(-2)) @ difference.unsqueeze(-1)
        white = flambeau.linalg.solve_triangular(self._small_root, part, upper=False)
        return (difference.pow(2) / self.cov_diag).sum(-1) - white.squeeze(-1).pow(2).sum(-1)

    @property
    def _log_root_determinant(self):
        small = self._small_root.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        return small + 0.5 * self.cov_diag.log().sum(-1)

    def log_prob(self, value):
        self._validate_sample(value)
        constant = self._event_shape[0] * math.log(2 * math.pi)
        return (
            -0.5 * (constant + self.squared_distance(value - self.loc)) - self._log_root_determinant
        )

    def entropy(self):
        constant = 0.5 * self._event_shape[0] * (1 + math.log(2 * math.pi))
        return (constant + self._log_root_determinant).expand(self._batch_shape)
