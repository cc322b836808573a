"""Transforms of vectors and matrices, and of pieces of a tensor."""

import math

import flambeau
import flambeau.nn.functional as F

from . import constraints
from .transform import Transform
from .utils import sum_rightmost, tril_matrix_to_vec, vec_to_tril_matrix

__all__ = [
    "CatTransform", "CorrCholeskyTransform", "LowerCholeskyTransform", "PositiveDefiniteTransform",
    "SoftmaxTransform", "StackTransform", "StickBreakingTransform",
]  # fmt: skip


class _OfOneKind(Transform):
    """A transform without parameters: all of a class are equal."""

    def __eq__(self, other):
        return type(self) is type(other)

    __hash__ = object.__hash__

    def _needs(self, shape, dims):
        if len(shape) < dims:
            raise ValueError(
                f"{type(self).__name__}: shape {tuple(shape)} has fewer than the {dims} dims of an event."
            )
        return shape


class SoftmaxTransform(_OfOneKind):
    """Vectors to the simplex by softmax; the inverse is the logarithm. Not a bijection: K numbers for K - 1.

    Example:
        >>> torch.distributions.SoftmaxTransform()(torch.tensor([0.0, 1.0]))
        tensor([0.2689, 0.7311])
    """

    domain = constraints.real_vector
    codomain = constraints.simplex

    def _call(self, x):
        return x.softmax(-1)

    def _inverse(self, y):
        return y.log()

    def forward_shape(self, shape):
        return self._needs(shape, 1)

    inverse_shape = forward_shape


class StickBreakingTransform(_OfOneKind):
    """K numbers to K + 1 lengths that a stick of length 1 breaks into, one piece after the other.

    x = 0 gives equal pieces: piece k takes sigmoid(x_k - log(K - k)) of what is left, k from 0.
    Source: the Stan reference manual, "Unit simplex".

    Example:
        >>> torch.distributions.StickBreakingTransform()(torch.tensor([0.0, 1.0]))
        tensor([0.3333, 0.4874, 0.1793])
    """

    domain = constraints.real_vector
    codomain = constraints.simplex
    bijective = True

    @staticmethod
    def _shift(x):
        """log of the number of pieces to come after each."""
        k = x.size(-1)
        return flambeau.arange(k, 0, -1, dtype=x.dtype, device=x.device).log()

    def _call(self, x):
        share = self._inside(x - self._shift(x))
        left = (1 - share).cumprod(-1)
        return F.pad(share, (0, 1), value=1.0) * F.pad(left, (1, 0), value=1.0)

    @staticmethod
    def _inside(x):
        limits = flambeau.finfo(x.dtype)
        return x.sigmoid().clamp(min=limits.tiny, max=1 - limits.eps)

    def _inverse(self, y):
        pieces = y[..., :-1]
        # What is left after each piece; rounding may bring it below 0.
        left = (1 - pieces.cumsum(-1)).clamp(min=flambeau.finfo(y.dtype).tiny)
        return pieces.log() - left.log() + self._shift(pieces)

    def log_abs_det_jacobian(self, x, y):
        x = x - self._shift(x)
        return (F.logsigmoid(x) - x + y[..., :-1].log()).sum(-1)

    def forward_shape(self, shape):
        self._needs(shape, 1)
        return shape[:-1] + (shape[-1] + 1,)

    def inverse_shape(self, shape):
        self._needs(shape, 1)
        return shape[:-1] + (shape[-1] - 1,)


class LowerCholeskyTransform(_OfOneKind):
    """Matrices to Cholesky factors: what is above the diagonal goes, the diagonal becomes its exponential.

    Example:
        >>> torch.distributions.LowerCholeskyTransform()(torch.tensor([[0.0, 1.0], [2.0, 0.0]]))
        tensor([[1., 0.],
                [2., 1.]])
    """

    domain = constraints.independent(constraints.real, 2)
    codomain = constraints.lower_cholesky
    bijective = True

    def _call(self, x):
        return x.tril(-1) + x.diagonal(dim1=-2, dim2=-1).exp().diag_embed()

    def _inverse(self, y):
        return y.tril(-1) + y.diagonal(dim1=-2, dim2=-1).log().diag_embed()

    def log_abs_det_jacobian(self, x, y):
        """Of the lower triangle, which is all that is kept."""
        return x.diagonal(dim1=-2, dim2=-1).sum(-1)


class PositiveDefiniteTransform(_OfOneKind):
    """Matrices to positive definite ones: L L^T with L of LowerCholeskyTransform.

    Example:
        >>> torch.distributions.PositiveDefiniteTransform()(torch.tensor([[0.0, 1.0], [2.0, 0.0]]))
        tensor([[1., 2.],
                [2., 5.]])
    """

    domain = constraints.independent(constraints.real, 2)
    codomain = constraints.positive_definite

    def _call(self, x):
        factor = LowerCholeskyTransform()(x)
        return factor @ factor.mT

    def _inverse(self, y):
        return LowerCholeskyTransform().inv(flambeau.linalg.cholesky(y))


class CorrCholeskyTransform(_OfOneKind):
    """D (D - 1) / 2 numbers to the Cholesky factor of a D x D correlation matrix.

    tanh gives partial correlations z; in row i, y_j = z_j * sqrt(what the squares before j leave of 1).
    Source: Lewandowski, Kurowicka, Joe, J. Multivariate Analysis 100 (2009) 1989.

    Example:
        >>> torch.distributions.CorrCholeskyTransform()(torch.tensor([0.5]))
        tensor([[1.0000, 0.0000],
                [0.4621, 0.8868]])
    """

    domain = constraints.real_vector
    codomain = constraints.corr_cholesky
    bijective = True

    def _call(self, x):
        edge = 1 - flambeau.finfo(x.dtype).eps
        z = vec_to_tril_matrix(x.tanh().clamp(-edge, edge), diag=-1)
        left = (1 - z * z).sqrt().cumprod(-1)[..., :-1]
        z = z + flambeau.eye(z.size(-1), dtype=z.dtype, device=z.device)
        return z * F.pad(left, (1, 0), value=1.0)

    def _inverse(self, y):
        used = (y * y).cumsum(-1)
        left = F.pad(1 - used[..., :-1], (1, 0), value=1.0)
        z = tril_matrix_to_vec(y, diag=-1) / tril_matrix_to_vec(left, diag=-1).sqrt()
        return z.atanh()

    def log_abs_det_jacobian(self, x, y):
        # Each y_j is z_j times a root that later ones share; what follows the last but one of a row
        # is 1 and has no part.
        left = tril_matrix_to_vec(1 - (y * y).cumsum(-1), diag=-2)
        roots = 0.5 * left.log().sum(-1)
        slopes = 2 * (math.log(2) - x - F.softplus(-2 * x)).sum(-1)
        return roots + slopes

    def forward_shape(self, shape):
        self._needs(shape, 1)
        numbers = shape[-1]
        size = round((0.25 + 2 * numbers) ** 0.5 + 0.5)
        if size * (size - 1) // 2 != numbers:
            raise ValueError(
                f"CorrCholeskyTransform: {numbers} numbers do not fill the triangle below a diagonal."
            )
        return shape[:-1] + (size, size)

    def inverse_shape(self, shape):
        self._needs(shape, 2)
        if shape[-2] != shape[-1]:
            raise ValueError(f"CorrCholeskyTransform: {tuple(shape[-2:])} is no square matrix.")
        return shape[:-2] + (shape[-1] * (shape[-1] - 1) // 2,)


class _Joined(Transform):
    """Several transforms, one for each part of a tensor along `dim`."""

    def __init__(self, tseq, dim, cache_size):
        tseq = list(tseq)
        if not all(isinstance(each, Transform) for each in tseq):
            raise TypeError(f"{type(self).__name__}: tseq must hold Transforms.")
        super().__init__(cache_size=cache_size)
        self.transforms = [each.with_cache(cache_size) for each in tseq]
        self.dim = dim

    @property
    def bijective(self):
        return all(each.bijective for each in self.transforms)

    def _pieces(self, value):
        """The parts of a tensor."""
        raise NotImplementedError

    def _join(self, pieces):
        raise NotImplementedError

    def _call(self, x):
        parts = zip(self.transforms, self._pieces(x), strict=True)
        return self._join([each(piece) for each, piece in parts])

    def _inverse(self, y):
        parts = zip(self.transforms, self._pieces(y), strict=True)
        return self._join([each.inv(piece) for each, piece in parts])


class StackTransform(_Joined):
    """One transform for each slice along `dim`.

    Example:
        >>> from flambeau.distributions import StackTransform, ExpTransform, TanhTransform
        >>> StackTransform([ExpTransform(), TanhTransform()])(torch.zeros(2))
        tensor([1., 0.])
    """

    def __init__(self, tseq, dim=0, cache_size=0):
        super().__init__(tseq, dim, cache_size)

    def _again(self, cache_size):
        return StackTransform(self.transforms, self.dim, cache_size)

    def _pieces(self, value):
        if not -value.dim() <= self.dim < value.dim() or value.size(self.dim) != len(
            self.transforms
        ):
            raise ValueError(
                f"StackTransform: {len(self.transforms)} transforms for dim {self.dim} of a value of "
                f"{tuple(value.shape)}."
            )
        return value.unbind(self.dim)

    def _join(self, pieces):
        return flambeau.stack(pieces, self.dim)

    def log_abs_det_jacobian(self, x, y):
        parts = zip(self.transforms, self._pieces(x), self._pieces(y), strict=True)
        return self._join(
            [each.log_abs_det_jacobian(before, after) for each, before, after in parts]
        )

    @constraints.dependent_property
    def domain(self):
        return constraints.stack([each.domain for each in self.transforms], self.dim)

    @constraints.dependent_property
    def codomain(self):
        return constraints.stack([each.codomain for each in self.transforms], self.dim)


class CatTransform(_Joined):
    """One transform for each piece of `lengths` along `dim`.

    Args:
        lengths (list of int, optional): 1 for each by default.

    Example:
        >>> from flambeau.distributions import CatTransform, ExpTransform, TanhTransform
        >>> CatTransform([ExpTransform(), TanhTransform()], lengths=[1, 1])(torch.zeros(2))
        tensor([1., 0.])
    """

    def __init__(self, tseq, dim=0, lengths=None, cache_size=0):
        super().__init__(tseq, dim, cache_size)
        self.lengths = [1] * len(self.transforms) if lengths is None else list(lengths)
        if len(self.lengths) != len(self.transforms):
            raise ValueError(
                f"CatTransform: {len(self.transforms)} transforms, but {len(self.lengths)} lengths."
            )

    def _again(self, cache_size):
        return CatTransform(self.transforms, self.dim, self.lengths, cache_size)

    @property
    def length(self):
        """The size of `dim`."""
        return sum(self.lengths)

    @property
    def event_dim(self):
        """The most that a part has."""
        return max(each.event_dim for each in self.transforms)

    def _pieces(self, value):
        if not -value.dim() <= self.dim < value.dim() or value.size(self.dim) != self.length:
            raise ValueError(
                f"CatTransform: lengths {self.lengths} for dim {self.dim} of a value of {tuple(value.shape)}."
            )
        return value.split(self.lengths, self.dim)

    def _join(self, pieces):
        return flambeau.cat(pieces, self.dim)

    def log_abs_det_jacobian(self, x, y):
        pieces = []
        for each, before, after in zip(
            self.transforms, self._pieces(x), self._pieces(y), strict=True
        ):
            piece = each.log_abs_det_jacobian(before, after)
            pieces.append(sum_rightmost(piece, self.event_dim - each.event_dim))
        dim = self.dim if self.dim < 0 else self.dim - x.dim()  # counted from the end
        dim += self.event_dim
        return flambeau.cat(pieces, dim) if dim < 0 else sum(pieces)

    @constraints.dependent_property
    def domain(self):
        return constraints.cat([each.domain for each in self.transforms], self.dim, self.lengths)

    @constraints.dependent_property
    def codomain(self):
        return constraints.cat([each.codomain for each in self.transforms], self.dim, self.lengths)
