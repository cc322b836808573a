"""The structure of a tree without its leaves, and as text."""

import json
from collections import defaultdict

from .tree_nodes import _BY_NAME, _DUMPS, STANDARD_DICT_TYPES, SUPPORTED_NODES, _get_node_type

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
    return repr(treespec.unflatten([_Star()] * treespec.num_leaves))


class _Star:
    def __repr__(self):
        return "*"


def pytree_to_str(treespec):
    """treespec_dumps by its older name."""
    return treespec_dumps(treespec)


def str_to_pytree(text):
    """treespec_loads by its older name."""
    return treespec_loads(text)
