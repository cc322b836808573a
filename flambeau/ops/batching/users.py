"""Rules that users write: the vmap of an autograd.Function, and of an operator of one's own.

A rule is called for the innermost level alone, as rule(info, in_dims, *args): the tensors among args have one
dimension more, where in_dims says; others are batched as before.
"""

import contextlib
from typing import NamedTuple

from ... import _core
from . import lift
from .levels import active
from .values import Tensor, joint_levels, outward, unbatched


class VmapInfo(NamedTuple):
    """What a rule is told: how many slices there are, and the randomness of the vmap."""

    batch_size: int
    randomness: str


@contextlib.contextmanager
def _without(level):
    """While the rule runs its level is none."""
    stack = active()
    place = stack.index(level)
    stack.pop(place)
    _core._set_levels(len(stack))
    try:
        yield
    finally:
        stack.insert(place, level)
        _core._set_levels(len(stack))


def _innermost(values):
    numbers = joint_levels(*values)
    return next(level for level in reversed(active()) if level.number in numbers)


def _taken_off(level, arg):
    """(the argument without the level, where its slices lie or None); lists and dicts item by item."""
    if isinstance(arg, Tensor):
        value, levels = unbatched(arg)
        if level.number not in levels:
            return arg, None
        outer = [number for number in levels if number != level.number]
        place = levels.index(level.number)
        value = value.movedim(place, len(outer)) if place < len(outer) else value
        return _core._batch(value, tuple(outer)), 0
    if isinstance(arg, dict):
        pairs = {key: _taken_off(level, item) for key, item in arg.items()}
        return {k: v for k, (v, _) in pairs.items()}, {k: d for k, (_, d) in pairs.items()}
    if type(arg) in (tuple, list):
        pairs = [_taken_off(level, item) for item in arg]
        return type(arg)(v for v, _ in pairs), type(arg)(d for _, d in pairs)
    return arg, None


def _put_on(level, output, dim, name):
    """The output with the level on it, whose slices lie along dim; tuples and lists item by item."""
    if isinstance(output, (tuple, list)):
        dims = [dim] * len(output) if dim is None or isinstance(dim, int) else dim
        if not isinstance(dims, (tuple, list)) or len(dims) != len(output):
            raise RuntimeError(
                f"{name}.vmap: out_dims {dim} do not fit the outputs. Give a dim or None for each."
            )
        items = [_put_on(level, item, d, name) for item, d in zip(output, dims, strict=True)]
        return type(output)(*items) if hasattr(output, "_fields") else type(output)(items)
    if dim is None or not isinstance(output, Tensor):
        return output
    value, outer = unbatched(output)
    n = len(outer)
    return outward(_core._batch(value.movedim(n + dim % output.dim(), n), outer), (level.number,))


def call(name, rule, args, kwargs=None):
    """rule(info, in_dims, *args, **kwargs), a user's, with the level put on its outputs again."""
    kwargs = kwargs or {}
    level = _innermost((*args, *kwargs.values()))
    given, in_dims = _taken_off(level, tuple(args))
    named, _ = _taken_off(level, kwargs)
    with _without(level):
        answer = rule(VmapInfo(level.size, level.randomness), in_dims, *given, **named)
    if not (isinstance(answer, tuple) and len(answer) == 2):
        raise RuntimeError(
            f"{name}.vmap: it must return a tuple (outputs, out_dims), not {type(answer).__name__}."
        )
    return _put_on(level, *answer, name)


def apply(cls, backward, with_setup, args, *, has_rule):
    """cls.apply(*args) of an autograd.Function where an argument is batched."""
    if has_rule and cls.generate_vmap_rule:
        raise RuntimeError(
            f"{cls.__name__}: it has a vmap method and generate_vmap_rule=True. Keep one of them."
        )
    if has_rule:
        return call(cls.__name__, cls.vmap, args)
    if not cls.generate_vmap_rule:
        raise RuntimeError(
            f"{cls.__name__}: inside vmap it needs to know how to treat all slices at once. Set "
            "generate_vmap_rule = True if forward and backward are made of operators, or write a static "
            "method vmap(info, in_dims, *args)."
        )
    return lift.call(
        cls.forward,
        lambda ctx, *grads: backward(ctx, *grads),
        cls._backward_cls,
        tuple(args),
        cls.setup_context if with_setup else None,
    )
