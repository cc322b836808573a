"""Views under further names, and those that change a tensor's own layout in place."""

from .. import _core
from .declare import METHODS, composite, register


@composite(out=False)
def swapaxes(input, axis0, axis1):
    """An alias of `transpose`."""
    return _core.transpose(input, axis0, axis1)


@composite(out=False)
def swapdims(input, dim0, dim1):
    """An alias of `transpose`."""
    return _core.transpose(input, dim0, dim1)


@composite(out=False)
def adjoint(input):
    """The last two dims swapped, complex numbers conjugated."""
    if input.dim() < 2:
        raise RuntimeError(
            "adjoint: only supported on matrices or batches of matrices, got 0-D or 1-D tensor."
        )
    swapped = _core.transpose(input, -2, -1)
    return swapped.conj() if input.dtype.is_complex else swapped


@composite(function=False, out=False)
def view_as(input, other):
    """A view with the sizes of `other`."""
    return _core.view(input, other.shape)


@composite(function=False, out=False)
def expand_as(input, other):
    """A view expanded to the sizes of `other`."""
    return _core.expand(input, other.shape)


@composite(function=False, out=False)
def reshape_as(input, other):
    """`reshape` to the sizes of `other`."""
    return _core.reshape(input, other.shape)


def _matrix_transpose(input):
    """The last two dims swapped."""
    if input.dim() < 2:
        raise RuntimeError(
            f"tensor.mT is only supported on matrices or batches of matrices. Got {input.dim()}-D tensor."
        )
    return _core.transpose(input, -2, -1)


def _matrix_adjoint(input):
    """The last two dims swapped, complex numbers conjugated."""
    if input.dim() == 0:
        raise RuntimeError(
            "tensor.mH is only supported on matrices or batches of matrices. Got 0-D tensor."
        )
    return adjoint(input)


def _all_reversed(input):
    """The dims in reverse order."""
    return _core.permute(input, tuple(range(input.dim() - 1, -1, -1)))


def _conjugate_transpose(input):
    """A matrix transposed, complex numbers conjugated."""
    if input.dim() not in (0, 2):
        raise RuntimeError(
            f"tensor.H is only supported on matrices (2-D tensors). Got {input.dim()}-D tensor."
        )
    return adjoint(input) if input.dim() else input


METHODS["mT"] = property(_matrix_transpose)
METHODS["mH"] = property(_matrix_adjoint)
METHODS["T"] = property(_all_reversed)
METHODS["H"] = property(_conjugate_transpose)


def _declare_in_place(name, view):
    """Tensor.<name>_: the tensor itself takes the layout that the view has."""

    def in_place(input, *args, **kwargs):
        return _core._take_layout(input, view(input, *args, **kwargs))

    in_place.__name__ = in_place.__qualname__ = f"{name}_"
    in_place.__doc__ = (
        f"{name}(), in place: no element moves, the tensor's own sizes and strides change."
    )
    register(f"{name}_", in_place, method=True, namespaces=())


for _name, _view in (
    ("t", _core.t),
    ("transpose", _core.transpose),
    ("squeeze", _core.squeeze),
    ("unsqueeze", _core.unsqueeze),
    ("swapaxes", swapaxes),
    ("swapdims", swapdims),
):
    _declare_in_place(_name, _view)


def fill_diagonal_(input, fill_value, wrap=False):
    """Fill the main diagonal, i = j = k ..., in place; `wrap` starts anew below in a tall matrix."""
    if input.dim() < 2:
        raise RuntimeError("fill_diagonal_: dimensions must larger than 1")
    if input.dim() > 2 and len(set(input.shape)) != 1:
        raise RuntimeError("fill_diagonal_: all dimensions of input must be of equal length")
    step = sum(input.stride())
    columns = input.shape[1]
    starts = (
        range(0, input.shape[0], columns + 1) if wrap and input.dim() == 2 and columns else (0,)
    )
    for start in starts:
        length = min(input.shape[0] - start, *input.shape[1:])
        offset = input.storage_offset() + start * input.stride(0)
        _core.as_strided(input, (length,), (step,), offset).fill_(fill_value)
    return input


register("fill_diagonal_", fill_diagonal_, method=True)
