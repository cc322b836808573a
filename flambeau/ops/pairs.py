"""Functions of two numbers, element by element: hypot, atan2, copysign, nextafter, ldexp, logaddexp."""

from .. import _core
from ..kernels import language as k
from .core import operators as fl
from .core.arguments import broadcast_together
from .core.declare import composite, make_pointwise, pointwise, primitive


@pointwise(compute="floating", inplace=True, tensors=("input", "other"), rounds=True)
def hypot(input, other):
    """sqrt(input**2 + other**2) without overflow in between."""
    return k.hypot(input, other)


@pointwise(compute="floating", aliases=("arctan2",), tensors=("input", "other"), rounds=True)
def atan2(input, other):
    """The angle of the point (other, input)."""
    return k.atan2(input, other)


@pointwise(compute="floating", tensors=("input",), smooth=False)
def copysign(input, other):
    """The magnitude of input with the sign of other."""
    return k.copysign(input, other)


_nextafter = make_pointwise(
    lambda input, other: k.nextafter(input, other), name="nextafter", tensors=("input", "other")
)


@_nextafter.derivative("input")
def _(grad_output, input, other, result):
    return k.where(input == other, 0, grad_output)


@_nextafter.derivative("other")
def _(grad_output, input, other, result):
    return grad_output * 0


@primitive(method=False, function=False, out=False)
def _nextafter_of_halves(ctx, input, other):
    # Kernels hold halves as float32, whose neighbours are others: the next one is found in the bits.
    same, bits = input == other, input.contiguous().view(_core.int16)
    moved = fl.where((other > input) == (input > 0), bits + 1, bits - 1)
    smallest = fl.where(other < 0, -0x7FFF, 1).to(_core.int16)
    moved = fl.where(input == 0, smallest, moved).view(input.dtype)
    ctx.save_for_backward(same)
    return fl.where(same, other, fl.where(input.isnan() | other.isnan(), input + other, moved))


@_nextafter_of_halves.derivative
def _(ctx, grad_output):
    return grad_output.masked_fill(ctx.saved[0], 0), grad_output * 0


@composite(inplace=True)
def nextafter(input, other):
    """The next representable value from input towards other. Gradient: that of input, where they differ."""
    halves = (_core.float16, _core.bfloat16)
    if isinstance(input, _core.Tensor) and isinstance(other, _core.Tensor):
        if (input.dtype in halves or other.dtype in halves) and (
            dtype := fl.result_type(input, other)
        ) in halves:
            return _nextafter_of_halves(
                *broadcast_together("nextafter", input.to(dtype), other.to(dtype))
            )
    return _nextafter(input, other)


@pointwise(compute="floating", tensors=("input", "other"), smooth=False, oracle="")
def ldexp(input, other):
    """input * 2**other."""
    return input * k.exp2(other)


@pointwise(compute="floating", inplace=False, tensors=("input", "other"), rounds=True)
def logaddexp(input, other):
    """log(exp(input) + exp(other)) without overflow."""
    swap = k.real(input) < k.real(other)
    larger, smaller = k.where(swap, other, input), k.where(swap, input, other)
    return k.where(
        input == other, larger + 0.6931471805599453, larger + k.log1p(k.exp(smaller - larger))
    )


def _share(grad_output, own, other, unit):
    """The gradient's part own / (own + other) of exponentials, where two infinities share equally.

    exp of a difference is finite where the quotient of two exponentials would be inf / inf. The logarithm
    of nothing, -inf, has no gradient. Two equal finite numbers are like any others: the share has a slope there.
    """
    infinite = (own == other) & (own - other != 0)
    share = grad_output * k.conj(k.sigmoid(k.where(infinite, 0, own - other) * unit))
    nothing = infinite & (k.real(own) < 0)
    return k.where(nothing, 0, share)


def _shares_of(operator, unit):
    """The derivatives of a sum of exponentials, of exp(unit), by its two terms."""

    @operator.derivative("input")
    def _(grad_output, input, other, result):
        return _share(grad_output, input, other, unit)

    @operator.derivative("other")
    def _(grad_output, input, other, result):
        return _share(grad_output, other, input, unit)


_shares_of(logaddexp, 1)


@pointwise(compute="floating", inplace=False, tensors=("input", "other"), rounds=True)
def logaddexp2(input, other):
    """log2(2**input + 2**other) without overflow.

    Example:
        >>> torch.logaddexp2(torch.tensor([1.0, 5.0]), torch.tensor([2.0, 3.0]))
        tensor([2.5850, 5.3219])
    """
    larger = k.maximum(input, other)
    smaller = k.minimum(input, other)
    return k.where(
        input == other, larger + 1, larger + k.log1p(k.exp2(smaller - larger)) * 1.4426950408889634
    )


_shares_of(logaddexp2, 0.6931471805599453)
