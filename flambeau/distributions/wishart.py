"""The Wishart distribution."""

import math

import flambeau

from .. import _core
from ..ops.core.arguments import common_shape
from . import constraints
from .exp_family import ExponentialFamily
from .multivariate_normal import OfCovariance

__all__ = ["Wishart"]


class Wishart(OfCovariance, ExponentialFamily):
    """The sum of `df` outer products of vectors of MultivariateNormal(0, C), for any df > p - 1.

    Args:
        df (Tensor or float): *B, above p - 1.
        covariance_matrix, precision_matrix, scale_tril (Tensor): (*B, p, p): C, its inverse, or L with
            C = L L^T; one of them.

    Example:
        >>> d = torch.distributions.Wishart(3.0, torch.eye(2))
        >>> d.log_prob(torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
        tensor(-3.5310)
    """

    arg_constraints = {**OfCovariance.arg_constraints, "df": constraints.greater_than(0)}
    support = constraints.positive_definite
    has_rsample = True

    def __init__(
        self, df, covariance_matrix=None, precision_matrix=None, scale_tril=None,
        validate_args=None,
    ):  # fmt: skip
        name, matrix = self._given(covariance_matrix, precision_matrix, scale_tril)
        df = flambeau.as_tensor(df, dtype=matrix.dtype, device=matrix.device)
        p = matrix.size(-1)
        batch = common_shape("Wishart", df.shape, matrix.shape[:-2])
        self.df = df.expand(batch)
        setattr(self, name, matrix.expand(batch + matrix.shape[-2:]))
        if bool(self.df.le(p - 1).any()):
            raise ValueError(f"Wishart: df is {df}; matrices of {p} rows take more than {p - 1}.")
        super().__init__(batch, matrix.shape[-2:], validate_args=validate_args)
        if bool(self.df.lt(p).any()):
            _core._warn(
                f"Wishart: with df below {p} samples of {p} rows may round to singular matrices."
            )

    @property
    def _p(self):
        return self._event_shape[-1]

    def _wide(self, value):
        return value[..., None, None]

    @property
    def mean(self):
        return self._wide(self.df) * self.covariance_matrix

    @property
    def mode(self):
        factor = self.df - self._p - 1
        return self._wide(flambeau.where(factor > 0, factor, math.nan)) * self.covariance_matrix

    @property
    def variance(self):
        c = self.covariance_matrix
        diagonal = c.diagonal(dim1=-2, dim2=-1)
        return self._wide(self.df) * (c.pow(2) + diagonal.unsqueeze(-1) * diagonal.unsqueeze(-2))

    def rsample(self, sample_shape=(), max_try_correction=None):
        """Samples by Bartlett's decomposition.

        Args:
            max_try_correction (int, optional): how often singular samples are drawn anew, 10 by default.
        """
        shape = self._extended_shape(sample_shape)
        row = flambeau.arange(self._p, dtype=self.df.dtype, device=self.df.device)
        degrees = (self.df.unsqueeze(-1) - row).expand(shape[:-1])
        root = self._root.expand(shape)
        sample = _bartlett(degrees, root)
        for _ in range(10 if max_try_correction is None else max_try_correction):
            singular = ~self.support.check(sample.detach())
            if not bool(singular.any()):
                break
            sample = sample.index_put((singular,), _bartlett(degrees[singular], root[singular]))
        return sample

    def _log_root_determinant(self):
        return self._root.diagonal(dim1=-2, dim2=-1).log().sum(-1)

    def log_prob(self, value):
        self._validate_sample(value)
        nu, p = self.df, self._p
        solved = flambeau.cholesky_solve(value, self._root)
        trace = solved.diagonal(dim1=-2, dim2=-1).sum(-1)
        constant = nu * (0.5 * p * math.log(2) + self._log_root_determinant())
        power = 0.5 * (nu - p - 1) * flambeau.linalg.slogdet(value).logabsdet
        return power - 0.5 * trace - constant - flambeau.mvlgamma(nu / 2, p)

    def _multivariate_digamma(self, value):
        row = flambeau.arange(self._p, dtype=value.dtype, device=value.device)
        return (value.unsqueeze(-1) - row / 2).digamma().sum(-1)

    def entropy(self):
        nu, p = self.df, self._p
        scale = (p + 1) * (0.5 * p * math.log(2) + self._log_root_determinant())
        shape = flambeau.mvlgamma(nu / 2, p) - 0.5 * (nu - p - 1) * self._multivariate_digamma(
            nu / 2
        )
        return scale + shape + 0.5 * nu * p

    @property
    def _natural_params(self):
        return -0.5 * self.precision_matrix, 0.5 * (self.df - self._p - 1)

    def _log_normalizer(self, matrix, power):
        p = self._p
        half = power + 0.5 * (p + 1)
        volume = p * math.log(2) - flambeau.linalg.slogdet(-2 * matrix).logabsdet
        return half * volume + flambeau.mvlgamma(half, p)


def _bartlett(degrees, root):
    """L A A^T L^T for L, `root`: A has normal numbers below its diagonal, and on it the roots of chi squares."""
    squares = 2 * flambeau._standard_gamma(degrees / 2)
    factor = flambeau.randn(root.shape, dtype=root.dtype, device=root.device).tril(-1)
    root = root @ (factor + squares.sqrt().diag_embed())
    return root @ root.mT
