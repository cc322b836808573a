"""Trees under the name that fx's users import."""

from ..utils._pytree import TreeSpec, tree_flatten, tree_unflatten

__all__ = ["TreeSpec", "tree_flatten", "tree_flatten_spec", "tree_unflatten"]


def tree_flatten_spec(pytree, spec, exact_structural_match=False):
    """The leaves of a tree that has the structure `spec`.

    Raises ValueError if it has another.
    """
    leaves, found = tree_flatten(pytree)
    if found != spec:
        raise ValueError(f"tree_flatten_spec: the structure is {found}, not {spec}.")
    return leaves
