"""Linear algebra: the standard's functions and its extension `linalg`."""

from typing import NamedTuple

import flambeau as fl

from .array import promoted
from .statistics import sum as _sum


class EigResult(NamedTuple):
    """What eig() gives."""

    eigenvalues: fl.Tensor
    eigenvectors: fl.Tensor


class EighResult(NamedTuple):
    """What eigh() gives."""

    eigenvalues: fl.Tensor
    eigenvectors: fl.Tensor


class QRResult(NamedTuple):
    """What qr() gives."""

    Q: fl.Tensor
    R: fl.Tensor


class SlogdetResult(NamedTuple):
    """What slogdet() gives."""

    sign: fl.Tensor
    logabsdet: fl.Tensor


class SVDResult(NamedTuple):
    """What svd() gives."""

    U: fl.Tensor
    S: fl.Tensor
    Vh: fl.Tensor


def matmul(x1, x2, /):
    """The product of two matrices, or stacks of them."""
    return fl.matmul(*promoted(x1, x2))


def matrix_transpose(x, /):
    """x with its last two dimensions exchanged."""
    return x.mT


def tensordot(x1, x2, /, *, axes=2):
    """The sum of products over the last dimensions of x1 and the first of x2, or over two lists of axes."""
    dims = axes if isinstance(axes, int) else [list(a) for a in axes]
    return fl.tensordot(*promoted(x1, x2), dims=dims)


def vecdot(x1, x2, /, *, axis=-1):
    """The sum of conj(x1) * x2 along an axis, which both have in the same length."""
    x1, x2 = promoted(x1, x2)
    if not x1.ndim or not x2.ndim or x1.shape[axis] != x2.shape[axis]:
        raise ValueError(
            f"vecdot: x1 {tuple(x1.shape)} and x2 {tuple(x2.shape)} must have one length along axis {axis}."
        )
    return _sum(fl.conj(x1) * x2, axis=axis, dtype=x1.dtype)


def cholesky(x, /, *, upper=False):
    """L with L L^H = x, or its conjugate transpose."""
    return fl.linalg.cholesky(x, upper=upper)


def cross(x1, x2, /, *, axis=-1):
    """The cross product of vectors of three elements along an axis."""
    x1, x2 = promoted(x1, x2)
    if x1.shape[axis] != 3 or x2.shape[axis] != 3:
        raise ValueError(
            f"cross: axis {axis} has sizes {x1.shape[axis]} and {x2.shape[axis]}, not 3 and 3."
        )
    return fl.linalg.cross(*fl.broadcast_tensors(x1, x2), dim=axis)


def det(x, /):
    """The determinant."""
    return fl.linalg.det(x)


def diagonal(x, /, *, offset=0):
    """The diagonals of the matrices in the last two dimensions."""
    return fl.diagonal(x, offset, -2, -1)


def eig(x, /):
    """Eigenvalues and eigenvectors of square matrices, complex ones always."""
    return EigResult(*fl.linalg.eig(x))


def eigh(x, /):
    """Eigenvalues and eigenvectors of Hermitian matrices."""
    return EighResult(*fl.linalg.eigh(x))


def eigvals(x, /):
    """Eigenvalues of square matrices, complex ones always."""
    return fl.linalg.eigvals(x)


def eigvalsh(x, /):
    """Eigenvalues of Hermitian matrices."""
    return fl.linalg.eigvalsh(x)


def inv(x, /):
    """The inverse."""
    return fl.linalg.inv(x)


def matrix_norm(x, /, *, keepdims=False, ord="fro"):
    """A norm of the matrices in the last two dimensions."""
    return fl.linalg.matrix_norm(x, ord, keepdim=keepdims)


def matrix_power(x, n, /):
    """x multiplied n times with itself."""
    return fl.linalg.matrix_power(x, n)


def matrix_rank(x, /, *, rtol=None):
    """How many singular values exceed rtol times the largest; max(M, N) * eps without rtol."""
    values = fl.linalg.svdvals(x)
    if rtol is None:
        rtol = max(x.shape[-2:]) * fl.finfo(x.dtype).eps
    rtol = rtol.unsqueeze(-1) if isinstance(rtol, fl.Tensor) else rtol
    largest = fl.amax(values, -1, True) if values.shape[-1] else values
    return (values > largest * rtol).sum(-1)


def outer(x1, x2, /):
    """The products of each element of x1 with each of x2."""
    x1, x2 = promoted(x1, x2)
    return x1.unsqueeze(-1) * x2


def pinv(x, /, *, rtol=None):
    """The pseudoinverse; singular values up to rtol times the largest count as 0."""
    if rtol is None:
        rtol = max(x.shape[-2:]) * fl.finfo(x.dtype).eps
    return fl.linalg.pinv(x, rtol=rtol)


def qr(x, /, *, mode="reduced"):
    """Q and R with Q R = x, Q unitary and R triangular."""
    return QRResult(*fl.linalg.qr(x, mode=mode))


def slogdet(x, /):
    """The determinant's sign and the logarithm of its magnitude."""
    return SlogdetResult(*fl.linalg.slogdet(x))


def solve(x1, x2, /):
    """x with x1 @ x = x2; x2 is one vector only if it has one dimension, else a stack of matrices."""
    x1, x2 = promoted(x1, x2)
    if x2.ndim == 1:
        return fl.linalg.solve(x1, x2.unsqueeze(-1)).squeeze(-1)
    stack = fl.broadcast_shapes(x1.shape[:-2], x2.shape[:-2])
    return fl.linalg.solve(x1.expand(*stack, *x1.shape[-2:]), x2.expand(*stack, *x2.shape[-2:]))


def svd(x, /, *, full_matrices=True):
    """U, S, Vh with U diag(S) Vh = x."""
    return SVDResult(*fl.linalg.svd(x, full_matrices=full_matrices))


def svdvals(x, /):
    """The singular values, largest first."""
    return fl.linalg.svdvals(x)


def trace(x, /, *, offset=0, dtype=None):
    """The sums of the diagonals."""
    return _sum(diagonal(x, offset=offset), axis=-1, dtype=dtype)


def vector_norm(x, /, *, axis=None, keepdims=False, ord=2):
    """A norm of the elements along the axes, all of them by default."""
    if axis == ():  # over no axis each element is a vector of its own
        return (x != 0).to(abs(x).dtype) if ord == 0 else abs(x)
    if isinstance(axis, list):
        axis = tuple(axis)
    return fl.linalg.vector_norm(x, ord, axis, keepdim=keepdims)
