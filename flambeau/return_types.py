"""The types of named results: `return_types.sort` is what `sort` returns, with values and indices.

`sort_out` is what it returns with out=.
"""

from importlib import import_module

from .ops.core import results

# Of operators that take no out=, and of those that have no operator of their own here.
_WITHOUT_OUT = frozenset(["histogramdd", "lu"])


def _known():
    """The names of all types, whether they are made or not."""
    own = {name for name in (*results.by_name, *results.later) if not name.endswith("_out")}
    own.discard("lu")  # PyTorch returns a plain tuple there
    return own | {name + "_out" for name in own - _WITHOUT_OUT}


def pytree_register_structseq(cls):
    """Makes a type of results known to trees: its values are leaves, or trees themselves."""
    trees = import_module("flambeau.utils._pytree")  # from a higher floor, when it is asked for
    trees.register_pytree_node(
        cls, lambda result: (list(result), None), lambda values, _: cls(values)
    )


def __getattr__(name):
    if name == "all_return_types":
        return [__getattr__(one) for one in sorted(_known())]
    own = name.removesuffix("_out")
    if own not in results.by_name and own not in results.later:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name != own and name in _known():
        kind = results.named(own)
        results.later.setdefault(name, kind.__match_args__)
    try:
        return results.named(name)
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None


def __dir__():
    return sorted({*globals(), *_known(), "all_return_types"})
