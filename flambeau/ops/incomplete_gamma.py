"""The regularised incomplete gamma functions; the expansions are in csrc/kernels/elements/incomplete_gamma.cpp, in float64."""

from .. import _core
from .core import operators as fl
from .core.arguments import broadcast_together, require_tensors
from .core.declare import composite, primitive, register


@primitive(method=False, function=False)
def _incomplete(ctx, input, other, upper):
    dtype = input.dtype if input.dtype is other.dtype else fl.result_type(input, other)
    dtype = dtype if dtype.is_floating_point else fl.get_default_dtype()
    wide = dtype if dtype is fl.float32 else fl.float64
    a, x = input, other
    if a.shape != x.shape:
        a, x = broadcast_together("gammaincc" if upper else "gammainc", a, x)
    a, x = a.to(wide).contiguous(), x.to(wide).contiguous()
    ctx.save_for_backward(input, other)
    ctx.upper = upper
    result = _core._incomplete_gamma(a, x, upper)
    return result if wide is dtype else result.to(dtype)


@_incomplete.derivative
def _(ctx, grad_output):
    input, other = ctx.saved
    name = "igammac" if ctx.upper else "igamma"
    if ctx.needs_input_grad[0]:
        raise NotImplementedError(
            f"{name}: there is no derivative for input, its first argument. detach() it."
        )
    slope = ((input - 1) * other.log() - other - fl.lgamma(input)).exp()
    grad = -grad_output * slope if ctx.upper else grad_output * slope
    return None, grad.sum_to_size(other.shape).to(other.dtype), None


@composite(inplace=True)
def igamma(input, other):
    """The regularised lower incomplete gamma function P(input, other).

    Accuracy: some digits of float64 are lost to cancellation as input grows, log10(input) of them.
    Gradient: of other only, as in PyTorch.

    Example:
        >>> torch.igamma(torch.tensor([1.0, 1.0]), torch.tensor([1.0, 9.0]))
        tensor([0.6321, 0.9999])
    """
    require_tensors("igamma", input=input, other=other)
    return _incomplete(input, other, 0)


@composite(inplace=True)
def igammac(input, other):
    """The regularised upper incomplete gamma function Q(input, other) = 1 - P(input, other).

    Example:
        >>> torch.igammac(torch.tensor([1.0, 2.0]), torch.tensor(1.0))
        tensor([0.3679, 0.7358])
    """
    require_tensors("igammac", input=input, other=other)
    return _incomplete(input, other, 1)


register("gammainc", igamma, namespaces=("special",))
register("gammaincc", igammac, namespaces=("special",))
