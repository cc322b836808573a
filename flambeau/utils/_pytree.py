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

import dataclasses
import json
from collections import OrderedDict, defaultdict, deque, namedtuple
from collections.abc import Callable
from operator import attrgetter
from types import UnionType
from typing import Any, NamedTuple

from .structures import (
    is_namedtuple,
    is_namedtuple_class,
    is_namedtuple_instance,
    is_structseq,
    is_structseq_class,
    is_structseq_instance,
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


# -- the way to a leaf


@dataclasses.dataclass(frozen=True)
class SequenceKey:
    """Position `idx` of a sequence."""

    idx: int

    def __str__(self):
        return f"[{self.idx!r}]"

    def get(self, node):
        """What stands there in `node`."""
        return node[self.idx]


@dataclasses.dataclass(frozen=True)
class MappingKey:
    """The value of `key` in a mapping."""

    key: Any

    def __str__(self):
        return f"[{self.key!r}]"

    def get(self, node):
        """What stands there in `node`."""
        return node[self.key]


@dataclasses.dataclass(frozen=True)
class GetAttrKey:
    """Attribute `name`."""

    name: str

    def __str__(self):
        return f".{self.name}"

    def get(self, node):
        """What stands there in `node`."""
        return getattr(node, self.name)


KeyEntry = SequenceKey | MappingKey | GetAttrKey
KeyPath = tuple


def keystr(kp):
    """A path of keys as Python would write it: ['b'][1].x"""
    return "".join(map(str, kp))


def key_get(obj, kp):
    """What the path `kp` leads to in `obj`."""
    for key in kp:
        obj = key.get(obj)
    return obj


# -- kinds of nodes


class NodeDef(NamedTuple):
    """How nodes of one type are taken apart and made."""

    type: type
    flatten_fn: Callable
    unflatten_fn: Callable
    flatten_with_keys_fn: Callable | None


class _Dump(NamedTuple):
    """How a type and its context are written as JSON."""

    name: str
    to_context: Callable | None
    from_context: Callable | None


SUPPORTED_NODES = {}
_DUMPS = {}  # type -> _Dump
_BY_NAME = {}  # written name -> type
STANDARD_DICT_TYPES = frozenset({dict, OrderedDict, defaultdict})
BUILTIN_TYPES = frozenset({tuple, list, dict, namedtuple, OrderedDict, defaultdict, deque})


def register_pytree_node(
    cls,
    flatten_fn,
    unflatten_fn,
    *,
    serialized_type_name=None,
    to_dumpable_context=None,
    from_dumpable_context=None,
    flatten_with_keys_fn=None,
):
    """Makes instances of `cls` nodes.

    Args:
        flatten_fn: node -> (list of children, context); the context must be hashable or comparable.
        unflatten_fn: (children, context) -> node.
        serialized_type_name (str, optional): the type's name in treespec_dumps.
        to_dumpable_context, from_dumpable_context: context -> what JSON holds, and back; both or none.
        flatten_with_keys_fn: node -> (list of (key, child), context), for paths.

    Raises:
        ValueError: `cls` is a node already, or one of the two functions for JSON is missing.
    """
    if cls in SUPPORTED_NODES:
        raise ValueError(f"register_pytree_node: {cls} is a node already.")
    if (to_dumpable_context is None) != (from_dumpable_context is None):
        raise ValueError(
            f"register_pytree_node: {cls} needs both to_dumpable_context and from_dumpable_context, or none."
        )
    SUPPORTED_NODES[cls] = NodeDef(cls, flatten_fn, unflatten_fn, flatten_with_keys_fn)
    name = serialized_type_name
    if name is None and cls is not namedtuple:
        name = f"{cls.__module__}.{cls.__qualname__}"
    _DUMPS[cls] = _Dump(name, to_dumpable_context, from_dumpable_context)
    _BY_NAME[name] = cls


def _register_pytree_node(
    cls, flatten_fn, unflatten_fn, to_str_fn=None, maybe_from_str_fn=None, **options
):
    """register_pytree_node by its older name; the two functions for strings are no longer used."""
    for name, value in (("to_str_fn", to_str_fn), ("maybe_from_str_fn", maybe_from_str_fn)):
        if value is not None:
            raise NotImplementedError(f"_register_pytree_node: {name} is not offered.")
    register_pytree_node(cls, flatten_fn, unflatten_fn, **options)


def _deregister_pytree_node(cls):
    del SUPPORTED_NODES[cls]
    del _BY_NAME[_DUMPS.pop(cls).name]


def register_dataclass(cls, *, field_names=None, drop_field_names=None, serialized_type_name=None):
    """Makes a dataclass a node whose children are its fields.

    Args:
        field_names (list of str, optional): the fields that are children; all of __init__ by default.
        drop_field_names (list of str, optional): fields left out, which take their defaults.

    Raises:
        ValueError: a name is no field, or a field in __init__ stands in neither list.
    """
    initial = [field.name for field in dataclasses.fields(cls) if field.init]
    dropped = list(drop_field_names or ())
    names = [n for n in initial if n not in dropped] if field_names is None else list(field_names)
    if set(names) | set(dropped) != set(initial):
        raise ValueError(
            f"register_dataclass: {cls.__name__} has the fields {initial}, but field_names {names} with "
            f"drop_field_names {dropped} are others."
        )

    def flatten(node):
        values = [getattr(node, name) for name in names]
        given = [name for name, value in zip(names, values, strict=True) if value is not None]
        # A field of None is part of the structure, as PyTorch has it.
        rest = tuple(name for name in names if name not in given)
        return [getattr(node, name) for name in given], (tuple(given), rest)

    def flatten_with_keys(node):
        children, context = flatten(node)
        return [(GetAttrKey(n), c) for n, c in zip(context[0], children, strict=True)], context

    def unflatten(children, context):
        given, rest = context
        return cls(**dict(zip(given, children, strict=True)), **dict.fromkeys(rest))

    register_pytree_node(
        cls, flatten, unflatten, flatten_with_keys_fn=flatten_with_keys,
        serialized_type_name=serialized_type_name,
        to_dumpable_context=lambda context: [list(part) for part in context],
        from_dumpable_context=lambda context: tuple(tuple(part) for part in context),
    )  # fmt: skip


class ConstantNode:
    """The context of a constant: compared as the constant is."""

    def __init__(self, value):
        self.value = value

    def __eq__(self, other):
        return isinstance(other, ConstantNode) and self.value == other.value

    def __hash__(self):
        return hash(self.value)


CONSTANT_NODES = set()


def register_constant(cls):
    """Makes instances of `cls`, which compare and hash by value, part of the structure instead of leaves."""
    if cls.__eq__ is object.__eq__ or cls.__hash__ is None:
        raise TypeError(f"register_constant: {cls.__name__} must define both __eq__ and __hash__.")
    register_pytree_node(
        cls,
        lambda node: ([], ConstantNode(node)),
        lambda children, context: context.value,
        flatten_with_keys_fn=lambda node: ([], ConstantNode(node)),
    )
    CONSTANT_NODES.add(cls)


def is_constant_class(cls):
    """Whether register_constant knows `cls`."""
    return cls in CONSTANT_NODES


# -- the containers of Python


def _keyed(flatten, keys):
    """flatten_with_keys_fn from flatten_fn and a function from context and children to keys."""

    def flatten_with_keys(node):
        children, context = flatten(node)
        return list(zip(keys(context, children), children, strict=True)), context

    return flatten_with_keys


def _positions(context, children):
    return [SequenceKey(i) for i in range(len(children))]


def _mapping_keys(context, children):
    return [MappingKey(key) for key in context]


def _tuple_flatten(d):
    return list(d), None


def _tuple_unflatten(values, context):
    return tuple(values)


def _list_flatten(d):
    return d, None


def _list_unflatten(values, context):
    return list(values)


def _dict_flatten(d):
    return list(d.values()), list(d.keys())


def _dict_unflatten(values, context):
    return dict(zip(context, values, strict=True))


_ordereddict_flatten = _dict_flatten


def _ordereddict_unflatten(values, context):
    return OrderedDict(zip(context, values, strict=True))


def _defaultdict_flatten(d):
    values, keys = _dict_flatten(d)
    return values, [d.default_factory, keys]


def _defaultdict_unflatten(values, context):
    factory, keys = context
    return defaultdict(factory, zip(keys, values, strict=True))


def _deque_flatten(d):
    return list(d), d.maxlen


def _deque_unflatten(values, context):
    return deque(values, maxlen=context)


def _namedtuple_flatten(d):
    return list(d), type(d)


def _namedtuple_unflatten(values, context):
    values = list(values)
    return context(values) if is_structseq_class(context) else context(*values)


_tuple_flatten_with_keys = _keyed(_tuple_flatten, _positions)
_list_flatten_with_keys = _keyed(_list_flatten, _positions)
_dict_flatten_with_keys = _keyed(_dict_flatten, _mapping_keys)
_ordereddict_flatten_with_keys = _keyed(_ordereddict_flatten, _mapping_keys)
_deque_flatten_with_keys = _keyed(_deque_flatten, _positions)
_defaultdict_flatten_with_keys = _keyed(
    _defaultdict_flatten, lambda context, _: _mapping_keys(context[1], _)
)
_namedtuple_flatten_with_keys = _keyed(
    _namedtuple_flatten,
    lambda context, children: [GetAttrKey(name) for name in context._fields],
)


def _by_name(cls):
    return f"{cls.__module__}.{cls.__qualname__}" if isinstance(cls, type) else cls.__name__


def _found(name):
    module, _, rest = name.rpartition(".")
    return attrgetter(rest)(__import__(module, fromlist=["_"]))


register_pytree_node(
    tuple, _tuple_flatten, _tuple_unflatten, flatten_with_keys_fn=_tuple_flatten_with_keys)  # fmt: skip
register_pytree_node(
    list, _list_flatten, _list_unflatten, flatten_with_keys_fn=_list_flatten_with_keys)  # fmt: skip
register_pytree_node(
    dict, _dict_flatten, _dict_unflatten, flatten_with_keys_fn=_dict_flatten_with_keys)  # fmt: skip
register_pytree_node(
    OrderedDict, _ordereddict_flatten, _ordereddict_unflatten,
    flatten_with_keys_fn=_ordereddict_flatten_with_keys)  # fmt: skip
register_pytree_node(
    deque, _deque_flatten, _deque_unflatten, flatten_with_keys_fn=_deque_flatten_with_keys)  # fmt: skip
register_pytree_node(
    defaultdict, _defaultdict_flatten, _defaultdict_unflatten,
    flatten_with_keys_fn=_defaultdict_flatten_with_keys,
    to_dumpable_context=lambda c: {
        "default_factory_module": c[0] and c[0].__module__, "default_factory_name": c[0] and c[0].__qualname__,
        "dict_context": c[1]},
    from_dumpable_context=lambda c: [
        c["default_factory_module"] and _found(f"{c['default_factory_module']}.{c['default_factory_name']}"),
        c["dict_context"]])  # fmt: skip
register_pytree_node(
    namedtuple, _namedtuple_flatten, _namedtuple_unflatten,
    flatten_with_keys_fn=_namedtuple_flatten_with_keys,
    serialized_type_name="collections.namedtuple", to_dumpable_context=_by_name, from_dumpable_context=_found)  # fmt: skip


def _register_namedtuple(cls, *, serialized_type_name):
    """Lets treespec_dumps write a named tuple's structure under a name of its own."""
    _DUMPS[cls] = _Dump(serialized_type_name, None, None)
    _BY_NAME[serialized_type_name] = cls


def _get_node_type(tree):
    kind = type(tree)
    if kind not in SUPPORTED_NODES and is_namedtuple_instance(tree):
        return namedtuple
    if kind not in SUPPORTED_NODES and is_structseq_class(kind):
        _register_results(kind)
    return kind


def _register_results(kind):
    """Named results, as torch.max gives them, become nodes when the first is met."""
    register_pytree_node(
        kind, _tuple_flatten, lambda values, context: kind(list(values)),
        flatten_with_keys_fn=_tuple_flatten_with_keys)  # fmt: skip


def tree_is_leaf(tree, is_leaf=None):
    """Whether `tree` is a leaf: no node, or is_leaf(tree) says so."""
    return (is_leaf is not None and is_leaf(tree)) or _get_node_type(tree) not in SUPPORTED_NODES


_is_leaf = tree_is_leaf


# -- structures


class TreeSpec:
    """The structure of a tree without its leaves.

    Attributes:
        type (type): of the root node; None for a leaf.
        context: what besides its children makes the node.
        num_nodes, num_leaves, num_children (int): counts, the root among the nodes.
    """

    def __init__(self, type, context, children_specs):
        self.type, self.context, self.children_specs = type, context, list(children_specs)
        self.num_nodes = 1 + sum(spec.num_nodes for spec in self.children_specs)
        self.num_leaves = (
            1 if type is None else sum(spec.num_leaves for spec in self.children_specs)
        )
        self.num_children = len(self.children_specs)

    def __repr__(self, indent=0):
        if self.type is None:
            return "*"
        inner = ",\n".join(
            " " * (indent + 2) * (i > 0) + spec.__repr__(indent + 2)
            for i, spec in enumerate(self.children_specs)
        )
        name = self.type.__name__
        return f"TreeSpec({name}, {self.context}, [{inner}])"

    def __eq__(self, other):
        if self is other:
            return True
        if not isinstance(other, TreeSpec):
            return NotImplemented
        return (self.type, self.context, self.children_specs) == (
            other.type, other.context, other.children_specs)  # fmt: skip

    def __hash__(self):
        context = self.context
        if self.type in STANDARD_DICT_TYPES:
            context = frozenset(self._keys())
        elif isinstance(context, list):
            context = tuple(context)
        return hash((self.type, context, tuple(self.children_specs)))

    def _keys(self):
        return self.context[1] if self.type is defaultdict else self.context

    def is_leaf(self):
        """Whether the whole structure is one leaf."""
        return self.type is None

    def children(self):
        """The structures of the children."""
        return list(self.children_specs)

    def child(self, index):
        """The structure of one child."""
        return self.children_specs[index]

    def flatten_up_to(self, tree):
        """The subtrees of `tree` that stand where this structure has leaves.

        Raises:
            ValueError: `tree` has another structure above them.
        """
        found = []
        self._collect(tree, found)
        return found

    def _collect(self, tree, found):
        if self.type is None:
            found.append(tree)
            return
        kind = _get_node_type(tree)
        dicts = kind in STANDARD_DICT_TYPES and self.type in STANDARD_DICT_TYPES
        if kind is not self.type and not dicts:
            raise ValueError(
                f"flatten_up_to: {type(tree).__name__} stands where the structure has {self.type.__name__}."
            )
        if dicts:  # by key, whatever their order
            keys = self._keys()
            if set(keys) != set(tree):
                raise ValueError(
                    f"flatten_up_to: keys {list(tree)} where the structure has {keys}."
                )
            children = [tree[key] for key in keys]
        else:
            children, context = SUPPORTED_NODES[kind].flatten_fn(tree)
            if len(children) != self.num_children:
                raise ValueError(
                    f"flatten_up_to: a {self.type.__name__} of {len(children)} where the structure has "
                    f"{self.num_children}."
                )
            if context != self.context:
                raise ValueError(
                    f"flatten_up_to: a {self.type.__name__} of context {context!r} where the structure has "
                    f"{self.context!r}."
                )
        for spec, child in zip(self.children_specs, children, strict=True):
            spec._collect(child, found)

    def unflatten(self, leaves):
        """A tree of this structure with `leaves`.

        Raises:
            ValueError: their number is not num_leaves.
        """
        leaves = leaves if isinstance(leaves, (list, tuple)) else list(leaves)
        if len(leaves) != self.num_leaves:
            raise ValueError(
                f"tree_unflatten: {len(leaves)} leaves for a structure of {self.num_leaves}, {self!r}."
            )
        return self._build(iter(leaves))

    def _build(self, leaves):
        if self.type is None:
            return next(leaves)
        children = [spec._build(leaves) for spec in self.children_specs]
        return SUPPORTED_NODES[self.type].unflatten_fn(children, self.context)


PyTreeSpec = TreeSpec
_LEAF_SPEC = TreeSpec(None, None, [])


def LeafSpec():
    """The structure of a leaf."""
    return _LEAF_SPEC


def treespec_leaf():
    """The structure of a leaf."""
    return _LEAF_SPEC


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


# -- structures as text

_PROTOCOL = 1


def treespec_dumps(treespec, protocol=None):
    """A structure as JSON text; treespec_loads reads it."""
    if not isinstance(treespec, TreeSpec):
        raise TypeError(f"treespec_dumps: takes a TreeSpec, not {type(treespec).__name__}.")
    if protocol not in (None, _PROTOCOL):
        raise ValueError(f"treespec_dumps: protocol {protocol} is not known; 1 is.")
    return json.dumps([_PROTOCOL, _to_json(treespec)])


def _to_json(spec):
    if spec.type is None:
        return {"type": None, "context": None, "children_spec": []}
    dump = _DUMPS.get(spec.type)
    if dump is None:
        raise NotImplementedError(f"treespec_dumps: {spec.type.__name__} is not registered.")
    if dump.to_context is None:
        try:
            context = json.dumps(spec.context)
        except TypeError as error:
            raise TypeError(
                f"treespec_dumps: the context of {spec.type.__name__} is no JSON; register to_dumpable_context."
            ) from error
    else:
        context = dump.to_context(spec.context)
    children = [_to_json(child) for child in spec.children_specs]
    return {"type": dump.name, "context": context, "children_spec": children}


def treespec_loads(serialized):
    """The structure that treespec_dumps wrote.

    Raises:
        ValueError: the text is of an unknown protocol.
        NotImplementedError: a type in it is not registered.
    """
    protocol, schema = json.loads(serialized)
    if protocol != _PROTOCOL:
        raise ValueError(f"treespec_loads: protocol {protocol} is not known; 1 is.")
    return _from_json(schema)


def _from_json(schema):
    if schema["type"] is None:
        return _LEAF_SPEC
    if schema["type"] not in _BY_NAME:
        raise NotImplementedError(f"treespec_loads: {schema['type']} is not registered.")
    kind = _BY_NAME[schema["type"]]
    dump, context = _DUMPS[kind], schema["context"]
    context = json.loads(context) if dump.from_context is None else dump.from_context(context)
    return TreeSpec(kind, context, [_from_json(child) for child in schema["children_spec"]])


def treespec_pprint(treespec):
    """A structure as a tree of stars, in the containers' own words."""
    return repr(tree_unflatten([_Star()] * treespec.num_leaves, treespec))


class _Star:
    def __repr__(self):
        return "*"


def pytree_to_str(treespec):
    """treespec_dumps by its older name."""
    return treespec_dumps(treespec)


def str_to_pytree(text):
    """treespec_loads by its older name."""
    return treespec_loads(text)
