"""The kinds of nodes that trees have, how they are taken apart and made, and the way to a leaf."""

import dataclasses
from collections import OrderedDict, defaultdict, deque, namedtuple
from collections.abc import Callable
from operator import attrgetter
from typing import Any, NamedTuple

from .. import _core
from .structures import (
    is_namedtuple_instance,
    is_structseq_class,
)

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
    cls, flatten_fn, unflatten_fn, *, serialized_type_name=None, to_dumpable_context=None,
    from_dumpable_context=None, flatten_with_keys_fn=None,
):  # fmt: skip
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
    _core._warn("_register_pytree_node: is deprecated. Use register_pytree_node.", FutureWarning)
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
