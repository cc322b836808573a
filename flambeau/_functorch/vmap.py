"""torch._functorch.vmap: vmap and the steps that it is made of."""

from .._C._functorch import _add_batch_dim, _remove_batch_dim
from .._core import Tensor
from ..func import vmap
from ..utils._pytree import _broadcast_to_and_flatten, tree_flatten, tree_unflatten

__all__ = [
    "Tensor",
    "_add_batch_dim",
    "_broadcast_to_and_flatten",
    "_get_name",
    "_maybe_remove_batch_dim",
    "_remove_batch_dim",
    "tree_flatten",
    "tree_unflatten",
    "vmap",
]


def _get_name(func):
    """How messages name a function: its own name, or what it prints as."""
    return getattr(func, "__name__", None) or repr(func)


def _maybe_remove_batch_dim(name, batched_output, vmap_level, batch_size, out_dim):
    """_remove_batch_dim; with out_dim None the output as it is.

    Raises:
        ValueError: the output is no tensor, or differs from slice to slice where out_dim is None.
    """
    from ..func.mapping import unmapped
    from ..ops.batching import active

    level = next(level for level in active() if level.number == vmap_level)
    return unmapped(name, level, batched_output, out_dim)
