"""Ready-made parametrizations: orthogonal matrices, weight normalization, spectral normalization."""

import flambeau

from ..modules.module import Module
from . import normalizations
from .parametrize import register_parametrization

__all__ = ["orthogonal", "spectral_norm", "weight_norm"]


class _WeightNorm(Module):
    """A weight from its norms (original0) and its directions (original1)."""

    def __init__(self, dim=0):
        super().__init__()
        self.dim = -1 if dim is None else dim

    def forward(self, weight_g, weight_v):
        return normalizations.weight_of(weight_v, weight_g, self.dim)

    def right_inverse(self, weight):
        return normalizations.norm_except_dim(weight, self.dim), weight


def weight_norm(module, name="weight", dim=0):
    """Let the weight's norm along `dim` and its direction be learned apart; returns the module.

    Source: Salimans, Kingma, 2016, arXiv:1602.07868.
    """
    return register_parametrization(module, name, _WeightNorm(dim), unsafe=True)


class _SpectralNorm(Module):
    """A weight divided by its largest singular value, which power iteration follows in training."""

    def __init__(self, weight, n_power_iterations=1, dim=0, eps=1e-12):
        super().__init__()
        if not -weight.dim() <= dim < weight.dim():
            raise IndexError(
                f"spectral_norm: dim {dim} is out of range; a tensor of {weight.dim()} dims takes "
                f"{-weight.dim()} to {weight.dim() - 1}."
            )
        if n_power_iterations <= 0:
            raise ValueError(
                f"spectral_norm: n_power_iterations is {n_power_iterations}; it must be 1 or more."
            )
        self.dim = dim % weight.dim()
        self.eps = eps
        if weight.dim() > 1:
            self.n_power_iterations = n_power_iterations
            with flambeau.no_grad():
                u, v = normalizations.start_vectors(
                    normalizations.as_matrix(weight.detach(), self.dim), eps
                )
            self.register_buffer("_u", u)
            self.register_buffer("_v", v)

    def forward(self, weight):
        if weight.dim() == 1:
            return flambeau.nn.functional.normalize(weight, dim=0, eps=self.eps)
        matrix = normalizations.as_matrix(weight, self.dim)
        if self.training:
            normalizations.power_iterations(
                matrix.detach(), self._u, self._v, self.n_power_iterations, self.eps, first="u"
            )
        # Copies, for the next call changes the vectors that this one's backward needs.
        u, v = self._u.clone(), self._v.clone()
        return weight / u.dot(matrix.mv(v))

    def right_inverse(self, value):
        return value


def spectral_norm(module, name="weight", n_power_iterations=1, eps=1e-12, dim=None):
    """Divide the weight by its largest singular value; returns the module.

    Source: Miyato et al., 2018, arXiv:1802.05957.
    """
    dim = normalizations.default_dim(module) if dim is None else dim
    made = _SpectralNorm(getattr(module, name), n_power_iterations, dim, eps)
    return register_parametrization(module, name, made)


class _Orthogonal(Module):
    """A matrix with orthonormal columns (rows where it is wide) from one without constraints.

    With `use_trivialization` the map is applied around `base`, the matrix that was assigned last,
    and so starts from the identity.
    """

    def __init__(self, weight, orthogonal_map, use_trivialization=True):
        super().__init__()
        if weight.is_complex() and orthogonal_map == "householder":
            raise ValueError(
                "orthogonal: orthogonal_map='householder' does not take complex tensors. Use "
                "'matrix_exp' or 'cayley'."
            )
        self.shape = weight.shape
        self.orthogonal_map = orthogonal_map
        self.use_trivialization = use_trivialization
        if use_trivialization:
            self.register_buffer("base", None)

    def forward(self, weight):
        wide = weight.size(-2) < weight.size(-1)
        x = weight.mT if wide else weight  # (*B, n, k), n >= k
        q = self._householder(x) if self.orthogonal_map == "householder" else self._of_group(x)
        if self.use_trivialization:
            q = self.base @ q
        return q.mT if wide else q

    def _of_group(self, x):
        """The exponential, or the Cayley transform, of the skew-Hermitian part below the diagonal."""
        n, k = x.shape[-2:]
        lower = x.tril()
        if n != k:
            lower = flambeau.cat([lower, lower.new_zeros(*x.shape[:-2], n, n - k)], -1)
        skew = lower - lower.mH
        if self.orthogonal_map == "matrix_exp":
            q = flambeau.matrix_exp(skew)
        else:
            identity = flambeau.eye(n, dtype=x.dtype, device=x.device)
            q = flambeau.linalg.solve(identity - 0.5 * skew, identity + 0.5 * skew)
        return q[..., :k]

    @staticmethod
    def _householder(x):
        """The product of the reflections whose vectors stand below the diagonal; signs stand on it."""
        vectors = x.tril(-1)
        tau = 2 / (1 + (vectors * vectors).sum(-2))
        q = flambeau.linalg.householder_product(vectors, tau)
        return q * x.diagonal(dim1=-2, dim2=-1).int().unsqueeze(-2)

    def right_inverse(self, value):
        """What the map takes to `value`, or to the nearest orthogonal factor of it."""
        if value.shape != self.shape:
            raise ValueError(
                f"orthogonal: takes matrices of shape {tuple(self.shape)}, not "
                f"{tuple(value.shape)}."
            )
        wide = value.size(-2) < value.size(-1)
        q = value.mT if wide else value
        n, k = q.shape[-2:]
        with flambeau.no_grad():
            if not self.use_trivialization:
                return self._reflections(q, wide)
            if n != k:
                filling = flambeau.randn(*q.shape[:-2], n, n - k, dtype=q.dtype, device=q.device)
                q = flambeau.cat([q, filling], -1)
            self.base = q.clone() if n == k and _is_orthogonal(q) else _orthogonal_factor(q)
            start = flambeau.zeros_like(value)
            start.diagonal(dim1=-2, dim2=-1).fill_(-1.0)
            return start

    def _reflections(self, q, wide):
        if self.orthogonal_map != "householder":
            raise NotImplementedError(
                "orthogonal: with use_trivialization=False, 'matrix_exp' and 'cayley' have no "
                "inverse, so nothing can be assigned. Use 'householder'."
            )
        packed, tau = flambeau.geqrf(q)
        diagonal = packed.diagonal(dim1=-2, dim2=-1)
        # LAPACK leaves out a reflection (tau = 0) that forward will make, with a vector of zeros.
        diagonal.copy_(flambeau.where((diagonal < 0) == (tau == 0), 1.0, -1.0))
        return packed.mT if wide else packed


def _is_orthogonal(q):
    n = q.size(-1)
    error = q.mH @ q - flambeau.eye(n, dtype=q.dtype, device=q.device)
    return bool(error.abs().max() <= 10 * n * flambeau.finfo(q.dtype).eps)


def _orthogonal_factor(matrix):
    """Q of the QR decomposition whose R has a positive diagonal."""
    packed, tau = flambeau.geqrf(matrix)
    q = flambeau.linalg.householder_product(packed, tau)
    return q * packed.diagonal(dim1=-2, dim2=-1).sgn().unsqueeze(-2)


def orthogonal(module, name="weight", orthogonal_map=None, *, use_trivialization=True):
    """Keep a matrix of the module orthogonal while it is learned; returns the module.

    Args:
        orthogonal_map (str, optional): "matrix_exp", "cayley" or "householder"; by default the first
            for square and complex matrices, the last for others, where it is quicker.
        use_trivialization (bool): apply the map around the present value.

    Source: Lezcano-Casado, 2019, arXiv:1909.09501.
    """
    weight = getattr(module, name, None)
    if not isinstance(weight, flambeau.Tensor):
        raise ValueError(
            f"orthogonal: {type(module).__name__} has no parameter or buffer '{name}'."
        )
    if weight.dim() < 2:
        raise ValueError(
            f"orthogonal: '{name}' {tuple(weight.shape)} must be a matrix or a stack of them."
        )
    if orthogonal_map is None:
        square = weight.size(-2) == weight.size(-1)
        orthogonal_map = "matrix_exp" if square or weight.is_complex() else "householder"
    if orthogonal_map not in ("matrix_exp", "cayley", "householder"):
        raise ValueError(
            f"orthogonal: orthogonal_map is {orthogonal_map!r}; it must be 'matrix_exp', 'cayley' "
            "or 'householder'."
        )
    made = _Orthogonal(weight, orthogonal_map, use_trivialization)
    return register_parametrization(module, name, made, unsafe=True)
