"""Cholesky factorizations, and what follows from the factor."""

from ... import _core
from ..core import operators as fl
from ..core.arguments import some
from ..core.declare import composite, primitive
from ..core.results import lazy_result_type
from . import lapack
from .systems import one_batch, triangular_solution

_CholeskyExResult = lazy_result_type("linalg_cholesky_ex", "L info")


@primitive(method=False, function=False)
def _cholesky(ctx, A, upper):
    """(L, info): A = L L^H, from the lower triangle of A or its `upper` one.

    With dL = L Phi(L^-1 dA L^-H), Phi the lower triangle with half the diagonal.
    """
    L, info = _core._cholesky(A.mH if upper else A, upper)  # L.mH is what lies by columns then
    return lapack.with_info(ctx, L, info, L)


@_cholesky.derivative
def _(ctx, grad_output, _):
    (L,) = ctx.saved
    # L^-H phi L^-1 / 2, where the upper half of phi mirrors the lower, since A is Hermitian.
    phi = L.mH @ grad_output
    phi = phi.tril() + phi.tril(-1).mH
    inner = fl.linalg.solve_triangular(L.mH, phi, upper=True)
    return fl.linalg.solve_triangular(L, inner, upper=False, left=False) / 2, None


@primitive(method=False, function=False)
def _cholesky_solve(ctx, L, B):
    """X = (L L^H)**-1 B. The gradient of L is that of L L^H, not masked by the triangle, as in PyTorch."""
    X = triangular_solution(L.mH, triangular_solution(L, B, False, False), True, False)
    ctx.save_for_backward(L, X)
    return X


@_cholesky_solve.derivative
def _(ctx, grad_output):
    L, X = ctx.saved
    grad_B = _cholesky_solve(L, grad_output)
    grad_A = -(grad_B @ X.mH)
    return (grad_A + grad_A.mH) @ L, grad_B


_ZERO_ON_DIAGONAL = "L is singular, with a zero on its diagonal"
_NOT_DEFINITE = "the matrix is not positive-definite"


def _factor_definite(operator, A, upper):
    lapack.check_matrices(operator, A, square=True)
    L, info = _cholesky(A, upper)
    lapack.raise_where(operator, info, _NOT_DEFINITE)
    return L.mH if upper else L


@composite(name="cholesky", namespaces=("linalg",), method=False, out="same", autocast="float32")
@lapack.takes_nothing()
def linalg_cholesky(A, *, upper=False):
    """L with A = L @ L.mH for Hermitian positive-definite matrices, or its Hermitian transpose."""
    return _factor_definite("linalg.cholesky", A, upper)


@composite(autocast="float32")
def cholesky(input, upper=False):
    """L with input = L @ L.mH for Hermitian positive-definite matrices, or its Hermitian transpose.

    Example:
        >>> torch.cholesky(torch.tensor([[2.0, 0.0], [0.0, 4.0]]))
        tensor([[1.4142, 0.0000],
                [0.0000, 2.0000]])
    """
    _core._warn_once(
        "cholesky", "cholesky: is an old name. Use linalg.cholesky; for upper=True its result's mH."
    )
    if input.numel() == 0 and input.dim() > 1:
        return input * input  # whatever its sizes and dtype are, as in PyTorch; nothing is computed
    return _factor_definite("cholesky", input, upper)


@composite(name="cholesky_ex", namespaces=("linalg",), method=False, autocast="float32")
@lapack.takes_nothing()
def linalg_cholesky_ex(A, *, upper=False, check_errors=False):
    """(L, info) of `linalg.cholesky`; info is the first minor that is not positive, or 0 where all are."""
    lapack.check_matrices("linalg.cholesky_ex", A, square=True)
    L, info = _cholesky(A, upper)
    if check_errors:
        lapack.raise_where("linalg.cholesky_ex", info, _NOT_DEFINITE)
    return _CholeskyExResult(L.mH if upper else L, info)


@composite(autocast="float32")
def cholesky_solve(B, L, upper=False):
    """X with A @ X = B, given the Cholesky factor L of A.

    Example:
        >>> torch.cholesky_solve(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        tensor([[ 1.0000,  2.3750],
                [ 0.0000, -0.1250]])
    """
    lapack.check_matrices("cholesky_solve", L, square=True)
    lapack.check_matrices("cholesky_solve", B)
    lapack.check_same_dtype("cholesky_solve", B=B, L=L)
    if L.size(-1) != B.size(-2):
        raise RuntimeError(
            f"cholesky_solve: B {tuple(B.shape)} and L {tuple(L.shape)} do not fit: it takes (..., "
            "n, k) and (..., n, n)."
        )
    L, B = one_batch("cholesky_solve", L, B)
    return _cholesky_solve(L.mH if upper else L, B)


@composite(autocast="float32")
def cholesky_inverse(L, upper=False):
    """The inverse of A, given the Cholesky factor L of A.

    Example:
        >>> torch.cholesky_inverse(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        tensor([[ 1.5625, -0.1875],
                [-0.1875,  0.0625]])
    """
    lapack.check_matrices("cholesky_inverse", L, square=True)
    if not (L.is_cuda or _core._is_batched(L) or (L.requires_grad and fl.is_grad_enabled())):
        inverse, info = _core._inverse_of_factor(L, upper)
        lapack.raise_where("cholesky_inverse", info, _ZERO_ON_DIAGONAL)
        return inverse
    zero = L.detach().diagonal(0, -2, -1) == 0
    if some(zero):
        first = zero.to(fl.int32).argmax(-1).add(1)
        lapack.raise_where("cholesky_inverse", first * zero.any(-1), _ZERO_ON_DIAGONAL)
    identity = fl.eye(L.size(-1), dtype=L.dtype, device=L.device)
    return cholesky_solve(identity.expand(L.shape), L, upper)
