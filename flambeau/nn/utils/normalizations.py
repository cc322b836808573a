"""What weight and spectral normalization compute."""

import flambeau

from .. import functional as F


def norm_except_dim(v, dim):
    """The norm of each slice of v along `dim`, the other dimensions kept as 1; of all if dim is -1."""
    if dim == -1:
        return v.norm()
    dims = [d for d in range(v.dim()) if d != dim % v.dim()]
    return flambeau.linalg.vector_norm(v, 2, dims, keepdim=True)


def weight_of(v, g, dim):
    """v scaled so that its norms are g."""
    return v * (g / norm_except_dim(v, dim))


def as_matrix(weight, dim):
    """The weight with `dim` first and everything else in one dimension."""
    if dim != 0:
        weight = weight.permute(dim, *[d for d in range(weight.dim()) if d != dim])
    return weight.reshape(weight.size(0), -1)


def power_iterations(matrix, u, v, steps, eps, first="v"):
    """Move u and v, in place, towards the singular vectors of the largest singular value.

    A step computes the one named by `first`, and from that the other.
    """
    with flambeau.no_grad():
        for step in range(2 * steps):
            if (step % 2 == 0) == (first == "v"):
                v.copy_(F.normalize(matrix.t().mv(u), dim=0, eps=eps))
            else:
                u.copy_(F.normalize(matrix.mv(v), dim=0, eps=eps))


def start_vectors(matrix, eps, steps=15):
    """(u, v) near the singular vectors of the largest singular value."""
    u = F.normalize(matrix.new_empty(matrix.size(0)).normal_(0, 1), dim=0, eps=eps)
    v = F.normalize(matrix.new_empty(matrix.size(1)).normal_(0, 1), dim=0, eps=eps)
    power_iterations(matrix, u, v, steps, eps)
    return u, v


def default_dim(module):
    """The dimension of the outputs: 1 in transposed convolutions, otherwise 0."""
    from ..modules.conv import _ConvTransposeNd

    return 1 if isinstance(module, _ConvTransposeNd) else 0
