"""An operator without a rule: one call for each slice, and a warning that says so once."""

import itertools

from ... import _core
from .levels import sizes
from .values import Tensor, each, is_batched, joint_levels, outward, unbatched

_warned = set()
_warns = [True]


def display_warnings(enabled):
    """Whether operators without a rule are named from now on, each once."""
    _warns[0] = bool(enabled)
    _warned.clear()


def displays_warnings():
    """What display_warnings was last told, at first True."""
    return _warns[0]


def _warn(name):
    if _warns[0] and name not in _warned:
        _warned.add(name)
        _core._warn(
            f"vmap: {name} has no batching rule and is called slice by slice, which is slow. Results are right."
        )


def slices(tensor, levels):
    """slice(index) of the tensor: its part for one index of all levels; views."""
    value, own = unbatched(tensor)
    places = [levels.index(level) for level in own]

    def part(index):
        return value[tuple(index[place] for place in places)] if places else value

    return part


def call(operator, args, kwargs):
    """operator(*args, **kwargs), slice by slice."""
    name = operator.__name__
    levels = joint_levels(*args, *kwargs.values())
    _warn(name)
    in_place = name.endswith("_") and not name.endswith("__")
    if in_place and joint_levels(args[0]) != levels:
        raise RuntimeError(
            f"vmap: {name}: writes in place what differs from slice to slice into a tensor that all slices "
            "share. Use the out-of-place form."
        )

    def sliced(tree, index):
        return each(lambda t: slices(t, levels)(index) if is_batched(t) else t, tree)

    counts = [sizes[level] for level in levels]
    results = [
        operator(
            *(sliced(arg, index) for arg in args),
            **{key: sliced(value, index) for key, value in kwargs.items()},
        )
        for index in itertools.product(*map(range, counts))
    ]
    if in_place:
        return args[0]
    if not results:
        raise RuntimeError(
            f"vmap: {name} has no batching rule and cannot be called without slices."
        )
    return _stacked(name, results, levels, counts)


def _stacked(name, results, levels, counts):
    """The results of all slices as one of the same form, batched."""
    first = results[0]
    if isinstance(first, Tensor):
        value = _core.stack(results)
        return outward(value.reshape(*counts, *value.shape[1:]), levels)
    if isinstance(first, (tuple, list)):
        items = [
            _stacked(name, list(column), levels, counts) for column in zip(*results, strict=True)
        ]
        return type(first)(*items) if hasattr(first, "_fields") else type(first)(items)
    plain = first is None or isinstance(first, (bool, int, float, str))
    if not (plain and all(result == first for result in results)):
        raise RuntimeError(
            f"vmap: {name}: gives a {type(first).__name__}, which differs from slice to slice and is no Tensor "
            "that could be stacked. Return the tensor from the function, and call it there."
        )
    return first
