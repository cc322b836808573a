"""Primitives and users' Functions whose forward and backward are batched by calling them once.

The operators that forward calls have rules, so it runs on batched tensors as it is. What it records is one
node on their values; its backward batches gradients and saved tensors again and calls the operator's own,
whose operators have rules too. So a primitive needs no rule of its own.
"""

import contextlib

from ... import _core
from .levels import Level, sizes
from .values import Tensor, batched, each, inward, joint_levels, outward, rule, unbatched


class _Context:
    """What forward and backward see as ctx: the node's, with batched tensors."""

    def __init__(self, needs_input_grad):
        self.needs_input_grad = needs_input_grad
        self.materialize_grads = True
        self.kept, self.kept_forward, self.dirty, self.fixed = (), (), (), ()

    def save_for_backward(self, *tensors):
        self.kept = tensors

    def save_for_forward(self, *tensors):
        self.kept_forward = tensors

    def mark_dirty(self, *tensors):
        self.dirty = tensors

    def mark_non_differentiable(self, *tensors):
        self.fixed = tensors

    def set_materialize_grads(self, value):
        self.materialize_grads = value

    def linked(self, gradient):
        return gradient

    @property
    def saved(self):
        return self.kept

    saved_tensors = saved


def _flat(tree, found):
    if isinstance(tree, Tensor):
        found.append(tree)
    elif isinstance(tree, (tuple, list)):
        for item in tree:
            _flat(item, found)
    return found


def _placed(tree, values):
    """`tree` with its tensors replaced by the next of `values`."""
    return each(lambda _: next(values), tree)


@contextlib.contextmanager
def _levels_of(counts):
    """New levels of these sizes: those of the call may have ended when backward runs."""
    with contextlib.ExitStack() as stack:
        yield tuple(stack.enter_context(Level(count)).number for count in counts)


class _Lifted:
    """One call: what backward needs to know of it."""

    def __init__(self, backward, levels):
        self.backward, self.levels = backward, levels
        self.counts = [sizes[level] for level in levels]

    def places(self, tensor):
        """The tensor's own levels by their places among the call's."""
        return tuple(self.levels.index(level) for level in unbatched(tensor)[1])

    def run_backward(self, node, *grads):
        inner = self.context
        with _levels_of(self.counts) as numbers:
            values = iter(node.saved_tensors)
            inner.kept = tuple(
                None if places is None else _again(next(values), places, numbers)
                for places in self.kept_places
            )
            given = []
            for grad, places in zip(grads, self.result_places, strict=True):
                given.append(None if grad is None else _again(grad, places, numbers))
            made = self.backward(inner, *given)
            inner.kept = ()
            made = made if type(made) is tuple else (made,)
            made += (None,) * (len(self.args) - len(made))
            gradients = []
            for arg, grad in zip(self.args, made):
                gradients += self.gradients_of(arg, grad, numbers)
        return tuple(gradients)

    def gradients_of(self, arg, grad, numbers):
        """The gradients of the values of an argument, (shape, places) or a list of them."""
        if isinstance(arg, list):
            grads = grad if isinstance(grad, (tuple, list)) else (None,) * len(arg)
            return [g for a, one in zip(arg, grads) for g in self.gradients_of(a, one, numbers)]
        if arg is None:
            return []
        if grad is None:
            return [None]
        shape, places = arg
        if tuple(grad.shape) != shape:
            grad = grad.sum_to_size(shape)
        # Where the argument does not depend on a level, its gradient is the sum over the slices.
        value = inward(grad, numbers)
        extra = [k for k in range(len(numbers)) if k not in places]
        return [value.sum(extra) if extra else value]


def _again(value, places, numbers):
    """A value whose first dimensions belong to some of the call's levels, batched at new numbers for them."""
    return outward(value, tuple(numbers[place] for place in places))


def call(forward, backward, node_type, args, with_setup=None):
    """forward(ctx, *args) with batched tensors among args (also in lists), recorded with `backward`.

    Args:
        with_setup (optional): setup_context of a Function whose forward takes no ctx.
    """
    levels = joint_levels(*args)
    lifted = _Lifted(backward, levels)
    values = tuple(unbatched(t)[0] for t in _flat(args, []))
    node = _core._function_node(node_type, lifted.run_backward)
    history = _core._inspect_inputs(node, values)
    inner = lifted.context = _Context(tuple(_needs(arg) for arg in args))
    recording = _core._set_grad_enabled(False)
    try:
        if with_setup is None:
            result = forward(inner, *args)
        else:
            result = forward(*args)
            with_setup(inner, args, result)
    finally:
        _core._set_grad_enabled(recording)
    flat = _flat(result, [])
    if inner.fixed:
        node.mark_non_differentiable(
            *(unbatched(t)[0] for t in flat if any(t is fixed for fixed in inner.fixed))
        )
    if inner.dirty:
        node.mark_dirty(*(unbatched(t)[0] for t in inner.dirty))
    if not history:
        return result
    node.set_materialize_grads(inner.materialize_grads)
    lifted.args = [_described(arg, lifted) for arg in args]
    lifted.result_places = [lifted.places(t) for t in flat]
    lifted.kept_places = [None if t is None else lifted.places(t) for t in inner.kept]
    node.save_for_backward(*(unbatched(t)[0] for t in inner.kept if t is not None))
    inner.kept = ()
    found = [unbatched(t) for t in flat]
    recorded = _core._record_function(node, values, tuple(value for value, _ in found), history)
    return _placed(
        result, iter([_core._batch(v, own) for v, (_, own) in zip(recorded, found, strict=True)])
    )


def _described(arg, lifted):
    if isinstance(arg, Tensor):
        return tuple(arg.shape), lifted.places(arg)
    if isinstance(arg, (tuple, list)):
        return [_described(item, lifted) for item in arg]
    return None


def _needs(arg):
    if isinstance(arg, Tensor):
        return arg.requires_grad
    return isinstance(arg, (tuple, list)) and any(_needs(item) for item in arg)


@rule(_core._inspect_inputs)
def _(node, args):
    """What a node hears of are values: its gradients come in with all levels."""
    return _core._inspect_inputs(node, _values(args))


@rule(_core._record_function)
def _(node, args, result, history):
    value, levels = unbatched(result)
    return batched(_core._record_function(node, _values(args), value, history), levels)


def _values(args):
    return tuple(unbatched(arg)[0] if isinstance(arg, Tensor) else arg for arg in args)
