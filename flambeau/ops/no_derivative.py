"""Results that cannot be differentiated although they depend on tensors that require grad.

They require grad like any other, so that backward says so; cut from the graph they would count as constants.
"""

from .. import _core


def without_derivative(name, result, *sources):
    """`result` of operator `name`, whose backward raises if a tensor among `sources` requires grad."""
    if not _core.is_grad_enabled() or not any(
        isinstance(source, _core.Tensor) and source.requires_grad for source in sources
    ):
        return result
    from ..autograd.function import Function

    class NoDerivative(Function):
        @staticmethod
        def forward(ctx, *sources):
            return result.detach()

        @staticmethod
        def backward(ctx, grad):
            raise NotImplementedError(
                f"{name}: it has no derivative. Call it under torch.no_grad(), or on detach()ed "
                "tensors."
            )

    return NoDerivative.apply(*sources)
