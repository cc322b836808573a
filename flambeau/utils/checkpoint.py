"""Checkpointing: less memory for more arithmetic, by computing parts of a network again in backward.

Instead of keeping what the operators of a part save, only its inputs are kept; the first that is
needed in backward makes the part run again. checkpoint_sequential cuts a Sequential into such parts.

Source: Chen et al., 2016, arXiv:1604.06174.
"""

import contextlib
import threading
import weakref

import flambeau

from .. import _core
from ..autograd import Function
from ..autograd.graph import saved_tensors_hooks
from .checkpoint_names import (
    SAC_IGNORED_OPS,
    CheckpointPolicy,
    DefaultDeviceType,
    GraphExecGroup,
    SelectiveCheckpointContext,
    check_backward_validity,
    create_selective_checkpoint_contexts,
    detach_variable,
)

__all__ = [
    "CheckpointError",
    "CheckpointFunction",
    "CheckpointPolicy",
    "DefaultDeviceType",
    "GraphExecGroup",
    "SAC_IGNORED_OPS",
    "SelectiveCheckpointContext",
    "check_backward_validity",
    "checkpoint",
    "checkpoint_sequential",
    "create_selective_checkpoint_contexts",
    "detach_variable",
    "get_device_states",
    "noop_context_fn",
    "set_checkpoint_debug_enabled",
    "set_checkpoint_early_stop",
    "set_device_states",
]


class CheckpointError(RuntimeError):
    """The second computation saved other tensors than the first."""


class _Enough(Exception):
    """Everything that backward needs has been computed again."""


_stops_early = True
_running = threading.local()  # depth of checkpointed computations


def is_running():
    """Whether this thread computes what is checkpointed, for the first or the second time."""
    return getattr(_running, "depth", 0) > 0


@contextlib.contextmanager
def _saving(pack, unpack):
    """Saved tensors go through these hooks, and compiled functions run as they are."""
    _running.depth = getattr(_running, "depth", 0) + 1
    try:
        with saved_tensors_hooks(pack, unpack):
            yield
    finally:
        _running.depth -= 1


def noop_context_fn():
    """Contexts for the two computations that change nothing."""
    return contextlib.nullcontext(), contextlib.nullcontext()


@contextlib.contextmanager
def set_checkpoint_early_stop(enable):
    """Whether the second computation ends with the last tensor that backward needs (the default).

    It holds for the calls of checkpoint within, whenever their backward runs.
    """
    global _stops_early
    before, _stops_early = _stops_early, enable
    try:
        yield
    finally:
        _stops_early = before


def set_checkpoint_debug_enabled(enabled):
    """A context that changes nothing: errors name the tensors that differ anyway."""
    return contextlib.nullcontext()


def get_device_states(*args):
    """([], []): devices with random numbers of their own, and their states; there are none here."""
    return [], []


def set_device_states(devices, states, *, device_type=None):
    """Give devices their states back; there are none here."""


def checkpoint(
    function, *args, use_reentrant=None, context_fn=noop_context_fn, determinism_check="default",
    debug=False, early_stop=True, **kwargs,
):  # fmt: skip
    """function(*args, **kwargs), computed again in backward instead of remembered.

    Args:
        function (callable): must compute the same when it is called again with the same arguments.
        use_reentrant (bool): True runs a backward inside the backward; then some positional argument
            must require grad, only positional tensors get gradients, and autograd.grad is refused.
            False has none of these limits. Not given it is True, with a warning.
        context_fn (callable): gives two contexts, for the first computation and for the second.
        determinism_check (str): "default" compares sizes, dtypes and devices of what the two
            computations save, "none" does not.
        debug (bool): accepted; errors name the tensors that differ anyway.
        early_stop (bool): end the second computation with the last tensor that backward needs.
        preserve_rng_state (bool): let both computations draw the same random numbers; True.

    Raises:
        CheckpointError: in backward, where the two computations differ.
    """
    preserve = kwargs.pop("preserve_rng_state", True)
    if use_reentrant is None:
        _core._warn(
            "checkpoint: say use_reentrant=False (recommended) or True; the default will be False."
        )
        use_reentrant = True
    if use_reentrant:
        if kwargs:
            raise ValueError(f"checkpoint: has no argument {next(iter(kwargs))!r}.")
        if context_fn is not noop_context_fn or debug:
            raise ValueError("checkpoint: context_fn and debug need use_reentrant=False.")
        return CheckpointFunction.apply(function, preserve, *args)
    if determinism_check not in ("default", "none"):
        raise ValueError(
            f"checkpoint: determinism_check is {determinism_check!r}; it must be 'default' or "
            "'none'."
        )
    first, second = context_fn()
    if not flambeau.is_grad_enabled():
        with first:
            return function(*args, **kwargs)
    part = _Part(lambda: function(*args, **kwargs), second, preserve, determinism_check)
    part.stops_early = early_stop and _stops_early
    with _saving(part.pack, part.unpack), first:
        result = function(*args, **kwargs)
    part.is_complete = True
    return result


class _Place:
    """Stands for one saved tensor: its number, and what is known of it."""

    def __init__(self, number, tensor):
        self.number = number
        self.description = _describe(tensor)


@contextlib.contextmanager
def _autocast(states):
    """Autocast as it was at the first computation: backward usually runs outside of it."""
    from ..amp import autocast_mode

    before = autocast_mode.restore(states)
    try:
        yield
    finally:
        autocast_mode.restore(before)


def _autocast_now():
    from ..amp import autocast_mode

    return autocast_mode.state_of_all()


def _describe(tensor):
    return tuple(tensor.shape), tensor.dtype, tensor.device


class _Part:
    """One checkpointed computation. `again` holds what the second run saved and nobody took yet."""

    def __init__(self, run, context, preserves_random_numbers, check):
        self.run = run
        self.context = context
        self.check = check
        self.random_state = flambeau.get_rng_state() if preserves_random_numbers else None
        self.autocast = _autocast_now()
        self.places = []  # weak: a tensor that nobody can ask for any more need not be computed
        self.again = {}
        self.stops_early = True
        self.is_complete = False  # a backward within the function comes before all is saved

    def pack(self, tensor):
        place = _Place(len(self.places), tensor)
        self.places.append(weakref.ref(place))
        return place

    def unpack(self, place):
        if place.number not in self.again:
            self._run_again()
        return self.again.pop(place.number)

    def _run_again(self):
        count = 0
        last = max(i for i, place in enumerate(self.places) if place() is not None)

        def keep(tensor):
            nonlocal count
            place = self.places[count]() if count < len(self.places) else None
            if place is not None:
                self._compare(place, tensor)
                self.again[count] = tensor.detach()
            count += 1
            if count > last and self.stops_early:
                raise _Enough
            return tensor

        with contextlib.ExitStack() as stack:
            _as_at_first(stack, self.random_state, self.autocast)
            stack.enter_context(_saving(keep, lambda tensor: tensor))
            stack.enter_context(contextlib.suppress(_Enough))
            stack.enter_context(self.context)
            self.run()
        differs = count != len(self.places) and self.is_complete and not self.stops_early
        if count <= last or differs:
            raise CheckpointError(
                f"checkpoint: the function saved {len(self.places)} tensors when it ran first, and "
                f"{count} when it ran again. It must do the same both times."
            )

    def _compare(self, place, tensor):
        found = _describe(tensor)
        if self.check == "default" and found != place.description:
            raise CheckpointError(
                f"checkpoint: the function saved tensor {place.number} as {place.description} when "
                f"it ran first, and as {found} when it ran again. It must do the same both times."
            )


def _as_at_first(stack, random_state, autocast):
    """Until the stack is left: gradients, and the numbers and casts that the function had when it ran first."""
    if random_state is not None:
        stack.callback(flambeau.set_rng_state, flambeau.get_rng_state())
        flambeau.set_rng_state(random_state)
    stack.enter_context(flambeau.enable_grad())
    stack.enter_context(_autocast(autocast))


class CheckpointFunction(Function):
    """The reentrant form: forward without a graph, backward makes one and runs through it."""

    @staticmethod
    def forward(ctx, run_function, preserve_rng_state, *args):
        ctx.run_function = run_function
        ctx.random_state = flambeau.get_rng_state() if preserve_rng_state else None
        ctx.autocast = _autocast_now()
        ctx.args = [None if isinstance(arg, flambeau.Tensor) else arg for arg in args]
        ctx.tensor_places = [i for i, arg in enumerate(args) if isinstance(arg, flambeau.Tensor)]
        ctx.save_for_backward(*[args[i] for i in ctx.tensor_places])
        if not any(args[i].requires_grad for i in ctx.tensor_places):
            _core._warn(
                "checkpoint: no input requires grad, so with use_reentrant=True none of the "
                "function's parameters gets a gradient. Pass use_reentrant=False."
            )
        with flambeau.no_grad():
            return run_function(*args)

    @staticmethod
    def backward(ctx, *grads):
        inputs = list(ctx.args)
        for place, tensor in zip(ctx.tensor_places, ctx.saved_tensors, strict=True):
            inputs[place] = tensor.detach().requires_grad_(tensor.requires_grad)
        with contextlib.ExitStack() as stack:
            _as_at_first(stack, ctx.random_state, ctx.autocast)
            outputs = ctx.run_function(*inputs)
        outputs = (outputs,) if isinstance(outputs, flambeau.Tensor) else tuple(outputs)
        paired = [
            (output, grad)
            for output, grad in zip(outputs, grads, strict=True)
            if isinstance(output, flambeau.Tensor) and output.requires_grad
        ]
        if not paired:
            raise RuntimeError(
                "checkpoint: no output requires grad, so there is nothing to run again for."
            )
        flambeau.autograd.backward(*map(list, zip(*paired, strict=True)))
        return (
            None,
            None,
            *[value.grad if isinstance(value, flambeau.Tensor) else None for value in inputs],
        )


def checkpoint_sequential(functions, segments, input, use_reentrant=None, **kwargs):
    """A Sequential, or a list of callables, in `segments` checkpointed parts; the last is ordinary.

    Args:
        functions (Sequential or list of callable): run one after the other.
        segments (int): how many parts.
        input (Tensor): the input of the first.
        use_reentrant, preserve_rng_state: of `checkpoint`.
    """
    if use_reentrant is None:
        _core._warn(
            "checkpoint_sequential: say use_reentrant=False (recommended) or True; the default "
            "will be False."
        )
        use_reentrant = True
    preserve = kwargs.pop("preserve_rng_state", True)
    if kwargs:
        raise ValueError(f"checkpoint_sequential: has no argument {next(iter(kwargs))!r}.")
    functions = list(
        functions.children() if isinstance(functions, flambeau.nn.Module) else functions
    )

    def part(start, end):
        def run(value):
            for function in functions[start:end]:
                value = function(value)
            return value

        return run

    length = len(functions) // segments
    end = 0
    for start in range(0, length * (segments - 1), length or 1):
        end = start + length
        input = checkpoint(
            part(start, end), input, use_reentrant=use_reentrant, preserve_rng_state=preserve
        )
    return part(end, len(functions))(input)
