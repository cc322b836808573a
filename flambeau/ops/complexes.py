"""Operators of complex numbers: parts, angles, conjugates, and building them."""

from .. import _core
from ..kernels import language as k
from .core import operators as fl
from .core.arguments import check_broadcast, require_tensors
from .core.declare import METHODS, composite, make_pointwise, pointwise, register


@pointwise(name="conj_physical")
def _conj(input):
    """The complex conjugate, computed at once."""
    return k.conj(input)


@composite(out=False)
def conj(input):
    """The complex conjugate; real tensors come back as they are.

    Example:
        >>> torch.conj(torch.tensor([1 + 2j, 3 - 4j]))
        tensor([1.-2.j, 3.+4.j])
    """
    return _conj(input) if input.dtype.is_complex else input


_core._bind("conj", conj)


@composite(out=False)
def resolve_conj(input):
    """input itself: flambeau conjugates at once.

    Example:
        >>> torch.resolve_conj(torch.tensor([1 + 2j]).conj())
        tensor([1.-2.j])
    """
    return input


@composite(out=False)
def resolve_neg(input):
    """input itself: flambeau negates at once.

    Example:
        >>> torch.resolve_neg(-torch.tensor([1.0, 2.0]))
        tensor([-1., -2.])
    """
    return input


@composite(out=False)
def _neg_view(input):
    """The negative, as a copy: flambeau negates at once, where PyTorch has a view that waits for it.

    Example:
        >>> torch._neg_view(torch.tensor([1.0, 2.0]))
        tensor([-1., -2.])
    """
    return fl.neg(input)


@composite(out=False)
def is_conj(input) -> bool:
    """False: no tensor waits for its conjugation.

    Example:
        >>> torch.is_conj(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        False
    """
    return False


@composite(out=False)
def is_neg(input) -> bool:
    """False: no tensor waits for its negation.

    Example:
        >>> torch.is_neg(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        False
    """
    return False


def _part(index, name):
    def part(input):
        if not input.dtype.is_complex:
            if index:
                raise RuntimeError(
                    f"{name}: input is {input.dtype}, which has no such part; only complex tensors "
                    "have."
                )
            return input
        return _core.select(_core.view_as_real(input), -1, index)

    part.__name__ = part.__qualname__ = name
    part.__doc__ = f"A view of the {name} part.\n\nDtype: complex{', and real ones as they are' * (not index)}."
    return part


real, imag = _part(0, "real"), _part(1, "imag")
register("real", real)
register("imag", imag)
METHODS["real"] = property(real, lambda self, value: real(self).copy_(value))
METHODS["imag"] = property(imag, lambda self, value: imag(self).copy_(value))

_angle = make_pointwise(lambda input: k.arg(input), name="angle", compute="floating", result="real")


@_angle.derivative
def _(grad_output, input, result):
    # d arg(z) = (x dy - y dx) / abs(z)**2, one division at a time; 0 at 0 and for real numbers.
    x, y, size = k.real(input), k.imag(input), k.abs(input)
    safe = k.where(size == 0, 1, size)
    share = k.real(grad_output) / safe
    return k.make_complex(-y / safe * share, x / safe * share)


_real_angle = make_pointwise(
    lambda input: k.where(k.isnan(input), input, k.where(input < 0, 3.141592653589793, 0.0)),
    name="angle",
    compute="floating",
)
_real_angle.derivative(lambda grad_output, input, result: grad_output * 0)


@_real_angle.derivative
def _(grad_output, input, result):
    return grad_output * 0


@composite()
def angle(input):
    """The angle of complex numbers; for real ones 0, pi where negative.

    Example:
        >>> torch.angle(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        tensor([[0., 0.],
                [0., 0.]])
    """
    return _angle(input) if input.dtype.is_complex else _real_angle(input)


_PARTS = (_core.float16, _core.float32, _core.float64)


def _check_parts(operator, **parts):
    """Raises RuntimeError unless both are float16, float32 or float64, and alike."""
    require_tensors(operator, **parts)
    first, second = parts.values()
    if first.dtype is not second.dtype or first.dtype not in _PARTS:
        raise RuntimeError(
            f"{operator}: {' and '.join(parts)} are {first.dtype} and {second.dtype}; both must be "
            "the same: float16, float32 or float64."
        )


_complex = make_pointwise(
    lambda real, imag: k.make_complex(real, imag), name="complex", result="complex"
)
_polar = make_pointwise(
    lambda abs, angle: k.make_complex(abs * k.cos(angle), abs * k.sin(angle)),
    name="polar",
    result="complex",
)


@composite(method=False, out="exact")
def complex(real, imag):
    """real + i * imag.

    Example:
        >>> torch.complex(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        tensor([[1.+1.j, 2.+2.j],
                [3.+3.j, 4.+4.j]])
    """
    _check_parts("complex", real=real, imag=imag)
    if real.shape != imag.shape:
        check_broadcast("complex", real, imag)
    return _complex(real, imag)


@composite(method=False, out="exact", autocast="float32")
def polar(abs, angle):
    """abs * exp(i * angle).

    Example:
        >>> torch.polar(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        tensor([[ 0.5403+0.8415j, -0.8323+1.8186j],
                [-2.9700+0.4234j, -2.6146-3.0272j]])
    """
    _check_parts("polar", abs=abs, angle=angle)
    if abs.shape != angle.shape:
        check_broadcast("polar", abs, angle)
    return _polar(abs, angle)
