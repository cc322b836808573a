"""Layer and Loss: modules that only say what they compute; the engine derives the rest.

updateOutput records one call on a Tape. updateGradInput and accGradParameters differentiate that record if
it is of the input they are given, unchanged, and record the call again if not.
"""

import flambeau as torch

from .module import Module, _gradient_name
from .utils import leaves, mapped


def _stamp(tensor):
    """What tells whether a tensor is the same memory, unwritten since."""
    if not torch.is_tensor(tensor):
        return tensor
    return (tensor.data_ptr(), tensor._version, tensor.shape, tensor.stride(), tensor.dtype)


def stamps(*tables):
    """One stamp for each tensor of all tables."""
    return [_stamp(tensor) for table in tables for tensor in leaves(table)]


def _leaf(value):
    """A tensor to differentiate by, over the same memory; what has no gradient stays as it is."""
    if not torch.is_tensor(value):
        return value
    detached = value.detach()
    return detached.requires_grad_() if detached.is_floating_point() else detached


class Tape:
    """One recorded call: its inputs and parameters as leaves, its output with the graph."""

    def __init__(self, owner, function, input, names):
        self.input = mapped(_leaf, input)
        self.parameters = {name: _leaf(getattr(owner, name)) for name in names}
        own = {name: getattr(owner, name) for name in names}
        with torch.enable_grad():
            owner.__dict__.update(self.parameters)
            try:
                self.output = function(self.input)
            finally:
                owner.__dict__.update(own)

    def gradients(self, name, gradOutput, of_input, of_parameters):
        """(gradients by the input, a table; gradients by the parameters, a dict), those that are asked for."""
        outputs, grads = [], []
        for output, grad in zip(leaves(self.output), leaves(gradOutput), strict=True):
            if torch.is_tensor(output) and output.requires_grad:
                if grad.numel() != output.numel():
                    raise RuntimeError(
                        f"{name}: gradOutput is {tuple(grad.shape)}, but the output {tuple(output.shape)}."
                    )
                outputs.append(output)
                grads.append(grad.reshape(output.shape).to(output.dtype))
        wanted = [t for t in leaves(self.input) if _has_gradient(t)] if of_input else []
        count = len(wanted)
        if of_parameters:
            wanted += self.parameters.values()
        found = [None] * len(wanted)
        if outputs and wanted:
            found = torch.autograd.grad(
                outputs, wanted, grads, retain_graph=True, allow_unused=True
            )
        by_input = iter(found[:count])

        def gradient_of(leaf):
            grad = next(by_input) if of_input and _has_gradient(leaf) else None
            return torch.zeros_like(leaf) if grad is None else grad

        return (
            mapped(gradient_of, self.input) if of_input else None,
            dict(zip(self.parameters, found[count:])) if of_parameters else {},
        )


def _has_gradient(value):
    return torch.is_tensor(value) and value.requires_grad


def _detached(value):
    return value.detach() if torch.is_tensor(value) else value


class Layer(Module):
    """A module whose output is _compute(input), a differentiable function of input and parameters."""

    inplace = False
    _tape = None

    def _compute(self, input):
        raise NotImplementedError(f"{self!r} does not say what it computes.")

    def _record(self, input):
        names = [name for name, _ in self._own_parameters()]
        self._tape = Tape(self, self._compute, input, names)
        return self._tape

    def _stamps(self, input):
        return stamps(input, [value for _, value in self._own_parameters()], self._tape.output)

    def updateOutput(self, input):
        if self.inplace:
            tape = self._record(input.clone())
            self.output = input.copy_(tape.output.detach())
            return self.output
        tape = self._record(input)
        self.output = mapped(_detached, tape.output)
        self._stamped = self._stamps(input)
        return self.output

    def _tape_of(self, input):
        """The record of the call with this input, made again if it is not the last one."""
        if self.inplace:
            if self._tape is None or self._tape.input.shape != input.shape:
                raise RuntimeError(
                    f"{self!r}: working in place, it needs forward before backward, with an input of the same "
                    f"shape, but got {tuple(input.shape)}."
                )
            return self._tape
        if self._tape is None or self._stamped != self._stamps(input):
            self._record(input)
            self._stamped = self._stamps(input)
        return self._tape

    def _gradients(self, input, gradOutput, of_input, of_parameters):
        tape = self._tape_of(input)
        return tape.gradients(repr(self), gradOutput, of_input, of_parameters)

    def updateGradInput(self, input, gradOutput):
        self._keep(self._gradients(input, gradOutput, True, False)[0], gradOutput)
        return self.gradInput

    def _keep(self, grad, gradOutput):
        self.gradInput = gradOutput.copy_(grad) if self.inplace else grad

    def accGradParameters(self, input, gradOutput, scale=1):
        if self._own_parameters():
            self._accumulate(self._gradients(input, gradOutput, False, True)[1], scale)

    def _accumulate(self, gradients, scale):
        for name, grad in gradients.items():
            if grad is not None:
                getattr(self, _gradient_name(name)).add_(grad, alpha=scale)

    def backward(self, input, gradOutput, scale=1):
        cls = type(self)
        if (
            cls.updateGradInput is not Layer.updateGradInput
            or cls.accGradParameters is not Layer.accGradParameters
        ):
            return super().backward(input, gradOutput, scale)
        grad, gradients = self._gradients(input, gradOutput, True, True)  # one walk for both
        self._accumulate(gradients, scale)
        self._keep(grad, gradOutput)
        return self.gradInput

    def clearState(self):
        self._tape = None
        return super().clearState()

    def type(self, type=None, tensorCache=None):
        if type is not None:
            self._tape = None
        return super().type(type, tensorCache)

    def __getstate__(self):
        return {**self.__dict__, "_tape": None}


class AlongDimension(Layer):
    """A layer that works along one dimension of its input."""

    def __init__(self, dimension):
        super().__init__()
        self.dimension = dimension
