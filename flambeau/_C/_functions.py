"""Types of nodes, and operators that make a backward of their own, by PyTorch's private names."""

from .. import _core
from ..autograd.function import Function

__all__ = ["AccumulateGrad", "CopySlices", "DelayedError", "UndefinedGrad"]

AccumulateGrad = _core._node_type("AccumulateGrad")
CopySlices = _core._node_type("CopySlices")


class _Undefined(Function):
    @staticmethod
    def forward(ctx, input):
        return input.detach()

    @staticmethod
    def backward(ctx, grad):
        return None


class UndefinedGrad:
    """UndefinedGrad()(x): x, whose gradient is None."""

    def __call__(self, input):
        return _Undefined.apply(input)


class _Delayed(Function):
    @staticmethod
    def forward(ctx, message, *inputs):
        ctx.message = message
        return tuple(None if input is None else input.detach() for input in inputs)

    @staticmethod
    def backward(ctx, *grads):
        raise RuntimeError(ctx.message)


class DelayedError(_core.Node):
    """DelayedError(message, n)(x, ...): the tensors, whose backward is an error with that message."""

    def __new__(cls, message, n):
        def call(*inputs):
            outputs = _Delayed.apply(message, *inputs)
            return outputs if len(inputs) != 1 else outputs[0]

        return call
