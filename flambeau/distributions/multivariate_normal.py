"""The normal distribution of vectors."""

import math

import flambeau

from ..ops.core.arguments import common_shape
from . import constraints
from .distribution import Distribution
from .utils import lazy_property

__all__ = ["MultivariateNormal", "OfCovariance"]


def _precision_to_scale_tril(precision):
    """The Cholesky factor of a matrix's inverse, without the inverse: that of the matrix read from its end, turned."""
    turned = flambeau.linalg.cholesky(precision.flip(-2, -1)).flip(-2, -1).mT
    ones = flambeau.eye(precision.shape[-1], dtype=precision.dtype, device=precision.device)
    return flambeau.linalg.solve_triangular(turned, ones, upper=False)


class OfCovariance(Distribution):
    """A distribution with a covariance, its inverse or its Cholesky factor: one is given, the others are derived."""

    arg_constraints = {
        "covariance_matrix": constraints.positive_definite,
        "precision_matrix": constraints.positive_definite,
        "scale_tril": constraints.lower_cholesky,
    }

    def _given(self, *matrices):
        """(name, matrix) of the one of the three, in the order of arg_constraints above, that is not None."""
        given = [
            (name, matrix)
            for name, matrix in zip(OfCovariance.arg_constraints, matrices, strict=True)
            if matrix is not None
        ]
        who = type(self).__name__
        if len(given) != 1:
            raise ValueError(
                f"{who}: give covariance_matrix, precision_matrix or scale_tril, one of them."
            )
        ((name, matrix),) = given
        if matrix.dim() < 2:
            raise ValueError(f"{who}: {name} must have 2 dims or more, (..., n, n).")
        return name, matrix

    @lazy_property
    def scale_tril(self):
        """The Cholesky factor of the covariance."""
        return self._root

    @lazy_property
    def _root(self):
        """scale_tril as it is computed with: repr() shows only what was given or read."""
        if "scale_tril" in self.__dict__:
            return self.scale_tril
        if "covariance_matrix" in self.__dict__:
            return flambeau.linalg.cholesky(self.covariance_matrix)
        return _precision_to_scale_tril(self.precision_matrix)

    @lazy_property
    def covariance_matrix(self):
        """The expected products of differences from the mean."""
        if "scale_tril" in self.__dict__:
            return self.scale_tril @ self.scale_tril.mT
        return flambeau.linalg.inv(self.precision_matrix)

    @lazy_property
    def precision_matrix(self):
        """The inverse of the covariance."""
        return flambeau.cholesky_inverse(self._root)


class MultivariateNormal(OfCovariance):
    """exp(-(x - loc)^T C^-1 (x - loc) / 2) / sqrt(det(2 pi C)).

    Args:
        loc (Tensor): (*B, K).
        covariance_matrix, precision_matrix, scale_tril (Tensor): (*B, K, K): C, its inverse, or the
            lower triangular L with C = L L^T; one of them is given.

    Example:
        >>> d = torch.distributions.MultivariateNormal(torch.zeros(2), torch.eye(2))
        >>> d.log_prob(torch.tensor([0.0, 1.0]))
        tensor(-2.3379)
    """

    arg_constraints = {"loc": constraints.real_vector, **OfCovariance.arg_constraints}
    support = constraints.real_vector
    has_rsample = True

    def __init__(
        self, loc, covariance_matrix=None, precision_matrix=None, scale_tril=None,
        validate_args=None,
    ):  # fmt: skip
        if loc.dim() < 1:
            raise ValueError("MultivariateNormal: loc is 0-dim; it must have 1 dim or more.")
        name, matrix = self._given(covariance_matrix, precision_matrix, scale_tril)
        batch = common_shape("MultivariateNormal", matrix.shape[:-2], loc.shape[:-1], what="batch")
        self.loc = loc.expand((*batch, loc.size(-1)))
        setattr(self, name, matrix.expand((*batch, *matrix.shape[-2:])))
        super().__init__(batch, loc.shape[-1:], validate_args)

    mean = mode = property(lambda self: self.loc, doc="The mean, and the most probable: loc.")

    @property
    def variance(self):
        return self.covariance_matrix.diagonal(dim1=-2, dim2=-1)

    @property
    def _log_root_determinant(self):
        return self._root.diagonal(dim1=-2, dim2=-1).log().sum(-1)

    def rsample(self, sample_shape=()):
        shape = self._extended_shape(sample_shape)
        noise = flambeau.randn(shape, dtype=self.loc.dtype, device=self.loc.device)
        return self.loc + (self._root @ noise.unsqueeze(-1)).squeeze(-1)

    def log_prob(self, value):
        self._validate_sample(value)
        difference = (value - self.loc).unsqueeze(-1)
        white = flambeau.linalg.solve_triangular(self._root, difference, upper=False)
        square = white.squeeze(-1).pow(2).sum(-1)
        constant = self._event_shape[0] * math.log(2 * math.pi)
        return -0.5 * (constant + square) - self._log_root_determinant

    def entropy(self):
        k = self._event_shape[0]
        return (0.5 * k * (1 + math.log(2 * math.pi)) + self._log_root_determinant).expand(
            self._batch_shape
        )
