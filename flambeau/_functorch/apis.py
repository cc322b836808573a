"""torch._functorch.apis: vmap, grad and grad_and_value."""

import functools

from ..func import grad, grad_and_value, vmap
from ..utils._pytree import tree_leaves

__all__ = ["chunk_vmap", "grad", "grad_and_value", "vmap"]


def chunk_vmap(func, in_dims=0, out_dims=0, randomness="error", chunks=2):
    """vmap of `func` in so many parts, one after the other.

    Example:
        >>> from flambeau._functorch.apis import chunk_vmap
        >>> chunk_vmap(lambda x: x.sum(), chunks=2)(torch.ones(3, 2))
        tensor([2., 2., 2.])
    """
    if chunks == 1:
        return vmap(func, in_dims, out_dims, randomness)

    @functools.wraps(func)
    def mapped(*args, **kwargs):
        places = in_dims if isinstance(in_dims, (tuple, list)) else (in_dims,) * len(args)
        size = max(
            leaf.size(place)
            for arg, place in zip(args, places, strict=True)
            if isinstance(place, int)
            for leaf in tree_leaves(arg)
        )
        part = max(-(-size // chunks), 1)
        return vmap(func, in_dims, out_dims, randomness, chunk_size=part)(*args, **kwargs)

    return mapped
