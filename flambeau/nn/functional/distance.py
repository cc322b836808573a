"""Distances and similarities between vectors."""

import flambeau

from ...ops.core.arguments import broadcast_together, check_broadcast


def cosine_similarity(x1, x2, dim: int = 1, eps=1e-8):
    """x1 . x2 / (max(|x1|, eps) * max(|x2|, eps)) along `dim`, after broadcasting."""
    dtype = flambeau.promote_types(x1.dtype, x2.dtype)
    if not dtype.is_floating_point:
        raise RuntimeError(
            f"cosine_similarity: the inputs are {dtype}, but it takes floating ones. Convert them "
            "with .float() first."
        )
    x1, x2 = broadcast_together("cosine_similarity", x1.to(dtype), x2.to(dtype))
    # Each vector is divided before the product, for the product of two norms may overflow.
    first = x1 / _norm_above(x1, dim, eps)
    second = x2 / _norm_above(x2, dim, eps)
    return (first * second).sum(dim)


def _norm_above(x, dim, eps):
    # The limit is no function of x: where it acts, the gradient is that of x / eps.
    norm = x.norm(2, dim, keepdim=True)
    return norm.clamp_min(eps)


def pairwise_distance(x1, x2, p=2.0, eps=1e-6, keepdim=False):
    """|x1 - x2 + eps| in the p-norm, along the last dimension."""
    check_broadcast("pairwise_distance", x1, x2)
    difference = x1 - x2 + eps
    return difference.norm(p, dim=max(x1.dim(), x2.dim()) - 1, keepdim=keepdim)


pdist = flambeau.pdist
