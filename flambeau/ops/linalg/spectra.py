"""Eigenvalues and singular values, and what is made of them."""

import math

from ... import _core
from ..core import operators as fl
from ..core.arguments import some
from ..core.declare import composite, primitive
from ..core.results import lazy_result_type
from .lapack import check_matrices, raise_where, real_like, takes_nothing

_EighResult = lazy_result_type("linalg_eigh", "eigenvalues eigenvectors")
_EigResult = lazy_result_type("linalg_eig", "eigenvalues eigenvectors")


def _differences(values):
    """values[j] - values[i] at [i, j], and 1 on the diagonal, to divide by."""
    gaps = values.unsqueeze(-2) - values.unsqueeze(-1)
    return gaps + fl.eye(values.size(-1), dtype=values.dtype, device=values.device)


def _any_nonzero(*gradients):
    """(*, 1, 1): whether the vectors of each matrix have a gradient at all."""
    return sum((g.detach() != 0).any(-1).any(-1) for g in gradients)[..., None, None] != 0


def _without_zeros(divisors, wanted):
    """`divisors`, but 1 for the zeros where no gradient is `wanted`.

    Repeated values leave their vectors undetermined: what depends on those has no gradient and gets 0 / 0.
    """
    return fl.where((divisors == 0) & ~wanted, fl.ones_like(divisors), divisors)


def _off_diagonal(matrix):
    return matrix - fl.diag_embed(matrix.diagonal(0, -2, -1))


def _check_phase(operator, left, right=None):
    """Raise if the loss depends on the phase of vectors, which is any: the diagonals then have imaginary parts."""
    parts = [M.detach().diagonal(0, -2, -1).imag for M in (left, right) if M is not None]
    growth = parts[0] if right is None else parts[0] + parts[1]
    limit = 1e-2 if right is None else 1e-2 * (1 + parts[1].abs())
    if some(growth.abs() > limit):
        raise RuntimeError(
            f"backward of {operator}: the loss depends on the phase of the vectors, which is arbitrary, so it has "
            f"no gradient. Use functions of them that keep their value when a vector is turned."
        )


_NO_CONVERGENCE = "the iteration did not converge"


@primitive(method=False, function=False)
def _eigh(ctx, A, UPLO):
    """A = V diag(w) V^H. Source of the derivatives here: Giles, "An extended collection of matrix
    derivative results for forward and reverse mode automatic differentiation", 2008."""
    values, vectors, info = _core._eigh(A, UPLO.upper() == "U")
    raise_where("linalg.eigh", info, _NO_CONVERGENCE)
    ctx.set_materialize_grads(False)
    ctx.save_for_backward(values, vectors)
    return values, vectors


@_eigh.derivative
def _(ctx, grad_values, grad_vectors):
    values, V = ctx.saved
    if grad_vectors is None:
        return None if grad_values is None else (V * grad_values.unsqueeze(-2)) @ V.mH, None
    turn = V.mH @ grad_vectors
    if V.dtype.is_complex:
        _check_phase("linalg.eigh", turn)
    # A is Hermitian, so of the gradient only its Hermitian part has a meaning.
    inner = _off_diagonal(turn - turn.mH) / 2
    inner = inner / _without_zeros(_differences(values), _any_nonzero(grad_vectors))
    if grad_values is not None:
        inner = inner + fl.diag_embed(grad_values)
    return V @ inner @ V.mH, None


def _eigen_parts(operator, A, vectors):
    """(values, vectors or None), complex. Without vectors those of a matrix that is not finite are NaN."""
    values, V, info = _core._eig(A, vectors)
    if vectors:
        raise_where(operator, info, _why_no_vectors)
    else:
        raise_where(operator, info.clamp(min=0), _NO_CONVERGENCE)
    return values, V


def _why_no_vectors(info):
    return _NO_CONVERGENCE + ": the input has an infinity or a NaN" * some(info < 0)


@primitive(method=False, function=False)
def _eig(ctx, A):
    """A V = V diag(w), each column of V of norm 1."""
    values, vectors = _eigen_parts("linalg.eig", A, True)
    ctx.set_materialize_grads(False)
    ctx.save_for_backward(A, values, vectors)
    return values, vectors


@_eig.derivative
def _(ctx, grad_values, grad_vectors):
    A, values, V = ctx.saved
    if grad_vectors is None:
        if grad_values is None:
            return None
        return real_like(A, fl.linalg.solve(V.mH, grad_values.unsqueeze(-1) * V.mH))
    projected = V.mH @ grad_vectors
    _check_phase("linalg.eig", projected)
    # The norm of each column is held at 1, which takes out the growth along it.
    growth = projected.diagonal(0, -2, -1).real.to(V.dtype)
    projected = projected - V.mH @ (V * growth.unsqueeze(-2))
    inner = (
        _off_diagonal(projected)
        / _without_zeros(_differences(values), _any_nonzero(grad_vectors)).conj()
    )
    if grad_values is not None:
        inner = inner + fl.diag_embed(grad_values)
    return real_like(A, fl.linalg.solve(V.mH, inner @ V.mH))


def _triangle(operator, A, UPLO):
    """UPLO as L or U, for checked matrices."""
    check_matrices(operator, A, square=True)
    if str(UPLO).upper() not in ("L", "U"):
        raise RuntimeError(f"{operator}: UPLO is {UPLO!r}; it must be 'L' or 'U'.")
    return str(UPLO).upper()


@composite(name="eigh", namespaces=("linalg",), method=False, autocast="float32")
@takes_nothing(integers=True)
def linalg_eigh(A, UPLO="L"):
    """(eigenvalues, eigenvectors) of Hermitian matrices, values ascending, from one triangle of A."""
    return _EighResult(*_eigh(A, _triangle("linalg.eigh", A, UPLO)))


@composite(name="eigvalsh", namespaces=("linalg",), method=False, out="same", autocast="float32")
@takes_nothing(integers=True)
def linalg_eigvalsh(A, UPLO="L"):
    """The eigenvalues of Hermitian matrices, ascending."""
    triangle = _triangle("linalg.eigvalsh", A, UPLO)
    if fl.is_grad_enabled() and A.requires_grad:
        return _eigh(A, triangle)[0]
    values, _, info = _core._eigh(A, triangle == "U", False)
    raise_where("linalg.eigvalsh", info, _NO_CONVERGENCE)
    return values


@composite(name="eig", namespaces=("linalg",), method=False, autocast="float32")
def linalg_eig(A):
    """(eigenvalues, eigenvectors) of square matrices, complex and in no order.

    Example:
        >>> torch.linalg.eig(torch.tensor([[2.0, 0.0], [0.0, 4.0]]))
        torch.return_types.linalg_eig(
        eigenvalues=tensor([2.+0.j, 4.+0.j]),
        eigenvectors=tensor([[1.+0.j, 0.+0.j],
                [0.+0.j, 1.+0.j]]))
    """
    check_matrices("linalg.eig", A, square=True)
    return _EigResult(*_eig(A))


@composite(name="eigvals", namespaces=("linalg",), method=False, autocast="float32")
def linalg_eigvals(A):
    """The eigenvalues of square matrices, complex and in no order; NaN for a matrix with an infinity or a NaN.

    Example:
        >>> torch.linalg.eigvals(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        tensor([-0.3723+0.j,  5.3723+0.j])
    """
    check_matrices("linalg.eigvals", A, square=True)
    if fl.is_grad_enabled() and A.requires_grad:
        return _eig(A)[0]
    return _eigen_parts("linalg.eigvals", A, False)[0]


# exp(A) = exp(A / 2**s) ** 2**s: 18 terms of the series reach the dtype's precision for norms up to these.
# Source: Bader, Blanes, Casas, "Computing the matrix exponential with an optimized Taylor polynomial
# approximation", Mathematics 7 (2019) 1174, table 1.
_LARGEST_NORM = {fl.float32: 3.01, fl.float64: 1.09}
_TERMS, _POWERS = 18, 5  # the powers that are kept of A
# Squaring loses digits in proportion to the norm: larger matrices of single precision are squared in double.
_MOST_SINGLE = 64
_WIDER = {fl.float32: fl.float64, fl.complex64: fl.complex128}


def _series(A):
    """The sum of A**k / k! for k up to 18, in blocks of powers that are multiplied as Horner has it: 7 products.

    Source: Paterson, Stockmeyer, SIAM Journal on Computing 2 (1973) 60.
    """
    powers = [fl.eye(A.size(-1), dtype=A.dtype, device=A.device), A]
    while len(powers) <= _POWERS:
        half = len(powers) // 2
        powers.append(powers[half] @ powers[len(powers) - half])
    result = None
    for first in range(_TERMS - _TERMS % _POWERS, -1, -_POWERS):
        terms = range(first, min(first + _POWERS, _TERMS + 1))
        block = powers[0] / math.factorial(first)
        for k in terms[1:]:
            block = fl.add(block, powers[k - first], alpha=1 / math.factorial(k))
        result = block if result is None else block + result @ powers[_POWERS]
    return result


def _largest(norms):
    return float(_core._unbatch(norms)[0].amax())  # under vmap of all slices


def _matrix_exp(operator, A):
    if A.dtype in (fl.float16, fl.bfloat16, fl.complex32):
        wide = A.cfloat() if A.dtype.is_complex else A.float()
        return _matrix_exp(operator, wide).to(A.dtype)
    check_matrices(operator, A, square=True)
    if A.numel() == 0:
        return A.clone()
    if A.is_meta:
        return A @ A
    if A.size(-1) == 1:
        return A.exp()
    with fl.no_grad():
        norms = A.abs().to(fl.float64).sum(-2).amax(-1)  # no sum of finite numbers is infinite
        norm = _largest(norms)
    if (
        not norm < math.inf
    ):  # of a matrix that is not finite every element is NaN, of the others none
        bad = ~A.detach().isfinite().all(-1).all(-1)
        A = A * fl.where(bad, math.nan, 1.0).to(A.dtype)[..., None, None]
        norms = norms.masked_fill(bad, 0)
        norm = _largest(norms)
    if norm > _MOST_SINGLE and A.dtype in _WIDER:
        return _matrix_exp(operator, A.to(_WIDER[A.dtype])).to(A.dtype)
    limit = _LARGEST_NORM[A.dtype.to_real()]
    squarings = max(0, math.ceil(math.log2(norm / limit))) if 0 < norm < math.inf else 0
    if _core._unbatch(norms)[0].dim() == 0:
        result = _series(A / 2**squarings)
        for _ in range(squarings):
            result = result @ result
        return result
    # Each matrix by its own norm: scaled by that of a larger one it would lose digits.
    own = (norms / limit).clamp(min=1).log2().ceil()[..., None, None]
    result = _series(A * fl.exp2(-own).to(A.dtype))
    for done in range(squarings):
        open_ones = own > done
        factor = fl.where(open_ones, result, 0)
        result = fl.where(open_ones, factor @ factor, result)
    return result


@composite(out=False)
def matrix_exp(input):
    """The exponential of square matrices, by scaling, its power series and squaring.

    Example:
        >>> torch.matrix_exp(torch.tensor([[0.0, 1.0], [0.0, 0.0]]))
        tensor([[1., 1.],
                [0., 1.]])
    """
    return _matrix_exp("matrix_exp", input)


@composite(name="matrix_exp", namespaces=("linalg",), method=False, out=False)
def linalg_matrix_exp(A):
    """The exponential of square matrices.

    Example:
        >>> torch.linalg.matrix_exp(torch.tensor([[2.0, 0.0], [0.0, 3.0]]))
        tensor([[ 7.3891,  0.0000],
                [ 0.0000, 20.0855]])
    """
    return _matrix_exp("linalg.matrix_exp", A)
