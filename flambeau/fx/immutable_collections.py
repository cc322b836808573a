"""Lists and dicts that do not change: the arguments of nodes, whose users are counted when they are set."""

from ..utils._pytree import register_pytree_node

__all__ = ["immutable_dict", "immutable_list"]


def _refused(kind, method):
    def refuse(self, *args, **kwargs):
        raise NotImplementedError(
            f"{kind}.{method}: arguments of a node do not change in place. Set node.args or node.kwargs."
        )

    refuse.__name__ = method
    return refuse


def _frozen(cls, methods):
    for method in methods.split():
        setattr(cls, method, _refused(cls.__name__, method))
    return cls


class immutable_list(list):
    """A list that refuses every change."""

    def __reduce__(self):
        return immutable_list, (tuple(self),)

    def __hash__(self):
        return hash(tuple(self))


class immutable_dict(dict):
    """A dict that refuses every change."""

    def __reduce__(self):
        return immutable_dict, (tuple(self.items()),)

    def __hash__(self):
        return hash(frozenset(self.items()))


_frozen(
    immutable_list,
    "__delitem__ __iadd__ __imul__ __setitem__ append clear extend insert pop remove reverse sort",
)
_frozen(immutable_dict, "__delitem__ __ior__ __setitem__ clear pop popitem setdefault update")

register_pytree_node(
    immutable_list,
    lambda node: (list(node), None),
    lambda children, context: immutable_list(children),
)
register_pytree_node(
    immutable_dict,
    lambda node: (list(node.values()), list(node)),
    lambda children, context: immutable_dict(zip(context, children, strict=True)),
)
