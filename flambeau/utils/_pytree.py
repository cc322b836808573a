"""Trees of containers: taken apart into leaves and a structure, mapped over, and put together again.

Nodes are tuples, lists, dicts, OrderedDicts, defaultdicts, deques, named tuples, named results, and what
register_pytree_node and register_dataclass add; everything else, None included, is a leaf. The idea is
JAX's (Bradbury et al., 2018); names and results are those of torch.utils._pytree.

    >>> leaves, structure = tree_flatten({"a": 1, "b": (2, [3])})
    >>> leaves
    [1, 2, 3]
    >>> tree_unflatten([x * 10 for x in leaves], structure)
    {'a': 10, 'b': (20, [30])}
"""

from collections.abc import Callable
from types import UnionType
from typing import Any

from .structures import (
    is_namedtuple,
    is_namedtuple_class,
    is_namedtuple_instance,
    is_structseq,
    is_structseq_class,
    is_structseq_instance,
)
from .tree_nodes import (  # noqa: F401
    _BY_NAME,
    _DUMPS,
    BUILTIN_TYPES,
    CONSTANT_NODES,
    STANDARD_DICT_TYPES,
    SUPPORTED_NODES,
    ConstantNode,
    GetAttrKey,
    KeyEntry,
    KeyPath,
    MappingKey,
    NodeDef,
    SequenceKey,
    _by_name,
    _defaultdict_flatten,
    _defaultdict_flatten_with_keys,
    _defaultdict_unflatten,
    _deque_flatten,
    _deque_flatten_with_keys,
    _deque_unflatten,
    _deregister_pytree_node,
    _dict_flatten,
    _dict_flatten_with_keys,
    _dict_unflatten,
    _Dump,
    _found,
    _get_node_type,
    _is_leaf,
    _keyed,
    _list_flatten,
    _list_flatten_with_keys,
    _list_unflatten,
    _mapping_keys,
    _namedtuple_flatten,
    _namedtuple_flatten_with_keys,
    _namedtuple_unflatten,
    _ordereddict_flatten,
    _ordereddict_flatten_with_keys,
    _ordereddict_unflatten,
    _positions,
    _register_namedtuple,
    _register_pytree_node,
    _register_results,
    _tuple_flatten,
    _tuple_flatten_with_keys,
    _tuple_unflatten,
    is_constant_class,
    key_get,
    keystr,
    register_constant,
    register_dataclass,
    register_pytree_node,
    tree_is_leaf,
)
from .tree_structures import (  # noqa: F401
    _LEAF_SPEC,
    _PROTOCOL,
    LeafSpec,
    PyTreeSpec,
    TreeSpec,
    _from_json,
    _Star,
    _to_json,
    pytree_to_str,
    str_to_pytree,
    treespec_dumps,
    treespec_leaf,
    treespec_loads,
    treespec_pprint,
)

__all__ = [
    "Context", "DumpableContext", "FlattenFunc", "FromDumpableContextFn", "GetAttrKey", "KeyPath",
    "LeafSpec", "MappingKey", "PyTree", "PyTreeSpec", "SequenceKey", "ToDumpableContextFn", "TreeSpec",
    "UnflattenFunc", "is_namedtuple", "is_namedtuple_class", "is_namedtuple_instance", "is_structseq",
    "is_structseq_class", "is_structseq_instance", "key_get", "keystr", "register_constant",
    "register_dataclass", "register_pytree_node", "tree_all", "tree_all_only", "tree_any",
    "tree_any_only", "tree_flatten", "tree_flatten_with_path", "tree_is_leaf", "tree_iter",
    "tree_leaves", "tree_leaves_with_path", "tree_map", "tree_map_", "tree_map_only", "tree_map_only_",
    "tree_map_with_path", "tree_structure", "tree_unflatten", "treespec_dumps", "treespec_loads",
    "treespec_pprint",
]  # fmt: skip

PyTree = Context = DumpableContext = Any
FlattenFunc = FlattenFn = Callable
UnflattenFunc = UnflattenFn = Callable
ToDumpableContextFn = FromDumpableContextFn = Callable


# -- taking apart and putting together


def tree_iter(tree, is_leaf=None):
    """The leaves of `tree`, one after the other."""
    if tree_is_leaf(tree, is_leaf):
        yield tree
        return
    for child in SUPPORTED_NODES[_get_node_type(tree)].flatten_fn(tree)[0]:
        yield from tree_iter(child, is_leaf)


def tree_leaves(tree, is_leaf=None):
    """The leaves of `tree` as a list."""
    return list(tree_iter(tree, is_leaf))


def arg_tree_leaves(*args, **kwargs):
    """The leaves of a call's arguments."""
    return tree_leaves((args, kwargs))


def tree_structure(tree, is_leaf=None):
    """The structure of `tree`."""
    return tree_flatten(tree, is_leaf)[1]


def tree_flatten(tree, is_leaf=None):
    """(leaves, structure) of `tree`.

    Args:
        is_leaf (callable, optional): where it is true of a node, that node is a leaf.
    """
    leaves = []
    return leaves, _flatten_into(leaves, tree, is_leaf)


def _flatten_into(leaves, node, is_leaf):
    """The structure of a node, whose leaves are appended. (A function inside another that calls itself is a cycle,
    which keeps the leaves, gradients among them, until the collector comes.)"""
    kind = _get_node_type(node)
    if kind not in SUPPORTED_NODES or (is_leaf is not None and is_leaf(node)):
        leaves.append(node)
        return _LEAF_SPEC
    children, context = SUPPORTED_NODES[kind].flatten_fn(node)
    return TreeSpec(kind, context, [_flatten_into(leaves, child, is_leaf) for child in children])


def tree_unflatten(leaves, treespec):
    """The tree of structure `treespec` with `leaves`; the inverse of tree_flatten.

    Raises:
        TypeError: `treespec` is no TreeSpec.
        ValueError: the number of leaves is another.
    """
    if not isinstance(treespec, TreeSpec):
        raise TypeError(f"tree_unflatten: takes a TreeSpec, not {type(treespec).__name__}.")
    return treespec.unflatten(leaves)


def tree_leaves_with_path(tree, is_leaf=None):
    """(path, leaf) of each leaf, a path being a tuple of keys."""
    return list(_paths((), tree, is_leaf))


def _paths(path, node, is_leaf):
    if tree_is_leaf(node, is_leaf):
        yield path, node
        return
    definition = SUPPORTED_NODES[_get_node_type(node)]
    if definition.flatten_with_keys_fn is None:
        raise ValueError(
            f"tree paths: {type(node).__name__} was registered without flatten_with_keys_fn."
        )
    for key, child in definition.flatten_with_keys_fn(node)[0]:
        yield from _paths((*path, key), child, is_leaf)


def tree_flatten_with_path(tree, is_leaf=None):
    """(list of (path, leaf), structure)."""
    return tree_leaves_with_path(tree, is_leaf), tree_structure(tree, is_leaf)


def tree_map(func, tree, *rests, is_leaf=None):
    """The tree of func(leaf, ...) for the leaves of `tree` and what stands there in the others.

    Example:
        >>> tree_map(lambda a, b: a + b, [1, (2, 3)], [10, (20, 30)])
        [11, (22, 33)]
    """
    leaves, structure = tree_flatten(tree, is_leaf)
    columns = [leaves, *(structure.flatten_up_to(rest) for rest in rests)]
    return structure.unflatten([func(*row) for row in zip(*columns, strict=True)])


def tree_map_(func, tree, *rests, is_leaf=None):
    """func(leaf, ...) for its effect; gives `tree` back."""
    leaves, structure = tree_flatten(tree, is_leaf)
    for row in zip(leaves, *(structure.flatten_up_to(rest) for rest in rests), strict=True):
        func(*row)
    return tree


def tree_map_with_path(func, tree, *rests, is_leaf=None):
    """tree_map of func(path, leaf, ...)."""
    pairs, structure = tree_flatten_with_path(tree, is_leaf)
    columns = [*zip(*pairs, strict=True)] if pairs else [(), ()]
    columns += [structure.flatten_up_to(rest) for rest in rests]
    return structure.unflatten([func(*row) for row in zip(*columns, strict=True)])


def _chooser(types):
    if isinstance(types, (type, tuple, UnionType)):
        return lambda leaf: isinstance(leaf, types)
    if callable(types):
        return types
    raise TypeError(f"takes a type, a tuple of types or a function, not {types!r}.")


def map_only(type_or_types_or_pred, /):
    """A decorator: the function is applied to leaves of these types alone; others stay."""
    chosen = _chooser(type_or_types_or_pred)
    return lambda func: lambda leaf: func(leaf) if chosen(leaf) else leaf


def tree_map_only(type_or_types_or_pred, /, func, tree, is_leaf=None):
    """tree_map over the leaves of some types; the others stay."""
    return tree_map(map_only(type_or_types_or_pred)(func), tree, is_leaf=is_leaf)


def tree_map_only_(type_or_types_or_pred, /, func, tree, is_leaf=None):
    """tree_map_ over the leaves of some types."""
    return tree_map_(map_only(type_or_types_or_pred)(func), tree, is_leaf=is_leaf)


def tree_all(pred, tree, is_leaf=None):
    """Whether pred(leaf) holds for all leaves."""
    return all(map(pred, tree_iter(tree, is_leaf)))


def tree_any(pred, tree, is_leaf=None):
    """Whether pred(leaf) holds for one leaf at least."""
    return any(map(pred, tree_iter(tree, is_leaf)))


def tree_all_only(type_or_types, /, pred, tree, is_leaf=None):
    """tree_all over the leaves of some types."""
    chosen = _chooser(type_or_types)
    return all(pred(leaf) for leaf in tree_iter(tree, is_leaf) if chosen(leaf))


def tree_any_only(type_or_types, /, pred, tree, is_leaf=None):
    """tree_any over the leaves of some types."""
    chosen = _chooser(type_or_types)
    return any(pred(leaf) for leaf in tree_iter(tree, is_leaf) if chosen(leaf))


def _broadcast_to_and_flatten(tree, treespec, is_leaf=None):
    """The leaves of `tree` repeated to the structure `treespec`, of which it is a part; None where it is not."""
    if treespec.is_leaf():
        return [tree] if tree_is_leaf(tree, is_leaf) else None
    if tree_is_leaf(tree, is_leaf):
        return [tree] * treespec.num_leaves
    kind = _get_node_type(tree)
    if kind is not treespec.type:
        return None
    children, context = SUPPORTED_NODES[kind].flatten_fn(tree)
    if len(children) != treespec.num_children or context != treespec.context:
        return None
    result = []
    for child, spec in zip(children, treespec.children_specs, strict=True):
        flat = _broadcast_to_and_flatten(child, spec, is_leaf)
        if flat is None:
            return None
        result += flat
    return result
