"""Modules and functions as recorded graphs, forwards and backwards."""

import flambeau

from .streams import CUDAGraph, Stream, current_stream, graph, stream

__all__ = ["make_graphed_callables"]


def make_graphed_callables(
    callables, sample_args, num_warmup_iters=3, allow_unused_input=False, pool=None
):
    """Callables of the same values and gradients whose work is launched as one graph each way.

    Args:
        callables (Module, function or tuple of them): of tensors as positional arguments, the same sizes each time.
        sample_args (tuple of Tensor, or a tuple of such): arguments as they will be, in sizes, dtypes and whether
            they require grad.
        num_warmup_iters (int): runs before the recording.
        allow_unused_input (bool): whether an argument may have no gradient.
        pool: accepted; each graph has memory of its own.

    A module runs its graph while it is in the mode, training or not, in which it was recorded. Modules with hooks
    must not be given.
    """
    single = not isinstance(callables, tuple)
    every = (callables,) if single else callables
    samples = (sample_args,) if single else sample_args
    made = []
    for one, args in zip(every, samples, strict=True):
        _check(one, args)
        recorded = _Recorded(one, args, num_warmup_iters, allow_unused_input)
        made.append(_in_its_place(one, recorded))
    return made[0] if single else tuple(made)


def _check(one, args):
    if isinstance(one, flambeau.nn.Module) and (
        one._forward_hooks or one._forward_pre_hooks or one._backward_hooks
    ):
        raise RuntimeError(
            "make_graphed_callables: a module has hooks, which a graph would not run. Register them afterwards."
        )
    for arg in args:
        if not isinstance(arg, flambeau.Tensor) or not arg.is_cuda:
            raise TypeError(
                "make_graphed_callables: sample_args must be Tensors on a GPU, not "
                f"{arg.device if isinstance(arg, flambeau.Tensor) else type(arg).__name__}."
            )


def _tensors(value):
    return (value,) if isinstance(value, flambeau.Tensor) else tuple(value)


class _Recorded:
    """The two graphs of one callable, and the tensors that they read and write."""

    def __init__(self, function, args, warmups, allow_unused):
        parameters = (
            tuple(function.parameters()) if isinstance(function, flambeau.nn.Module) else ()
        )
        self.inputs = tuple(a.detach().clone().requires_grad_(a.requires_grad) for a in args)
        self.given = (*self.inputs, *parameters)
        self.wanted = [t for t in self.given if t.requires_grad]
        side = Stream()
        side.wait_stream(current_stream())
        with stream(side):
            for _ in range(warmups):
                outputs = _tensors(function(*self.inputs))
                self.gradients_of(outputs, [flambeau.ones_like(o) for o in outputs], allow_unused)
        current_stream().wait_stream(side)
        self.forward, self.backward = CUDAGraph(), CUDAGraph()
        with graph(self.forward, stream=side):
            result = function(*self.inputs)
        self.is_tuple = not isinstance(result, flambeau.Tensor)
        self.outputs = _tensors(result)
        self.grad_outputs = [flambeau.zeros_like(o) for o in self.outputs]
        self.gradients = []
        if self.wanted and any(o.requires_grad for o in self.outputs):
            with graph(self.backward, stream=side):
                self.gradients = self.gradients_of(self.outputs, self.grad_outputs, allow_unused)

    def gradients_of(self, outputs, grads, allow_unused):
        pairs = [(o, g) for o, g in zip(outputs, grads, strict=True) if o.requires_grad]
        if not (self.wanted and pairs):
            return []
        roots, given = zip(*pairs, strict=True)
        return flambeau.autograd.grad(
            roots, self.wanted, given, allow_unused=allow_unused, retain_graph=False
        )

    def __call__(self, *args):
        made = _Replayed.apply(self, *args, *self.given[len(self.inputs) :])
        return made if self.is_tuple else made[0]


class _Replayed(flambeau.autograd.Function):
    """A launch of the forward graph; its backward launches the other."""

    @staticmethod
    def forward(ctx, recorded, *given):
        ctx.recorded = recorded
        for own, new in zip(recorded.inputs, given):
            if own.data_ptr() != new.data_ptr():
                own.detach().copy_(new)
        recorded.forward.replay()
        return tuple(o.detach().clone() for o in recorded.outputs)

    @staticmethod
    def backward(ctx, *grads):
        recorded = ctx.recorded
        for own, new in zip(recorded.grad_outputs, grads, strict=True):
            if new is not None:
                own.copy_(new)
        recorded.backward.replay()
        found = iter(recorded.gradients)
        made = [next(found) if t.requires_grad else None for t in recorded.given]
        return None, *[None if g is None else g.detach().clone() for g in made]


def _in_its_place(one, recorded):
    """A module with another forward, or a function."""
    if not isinstance(one, flambeau.nn.Module):
        return recorded
    plain, mode = one.forward, one.training

    def forward(*args):
        return recorded(*args) if one.training == mode else plain(*args)

    one.forward = forward
    return one
