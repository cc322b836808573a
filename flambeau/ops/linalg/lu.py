"""LU factorizations, and solutions by them."""

from ... import _core
from ..core import operators as fl
from ..core.declare import composite, primitive
from ..core.results import lazy_result_type
from . import lapack
from .systems import one_batch

_LuResult = lazy_result_type("linalg_lu", "P L U")
_LuFactorResult = lazy_result_type("linalg_lu_factor", "LU pivots")
_LuFactorExResult = lazy_result_type("linalg_lu_factor_ex", "LU pivots info")
_LuCompactResult = lazy_result_type("lu", "LU pivots info")
_LuUnpackResult = lazy_result_type("lu_unpack", "P L U")


@primitive(method=False, function=False)
def _lu_factor(ctx, A):
    """(LU, pivots, info): P A = L U in one matrix, with the row swaps as LAPACK writes them."""
    LU, pivots, info = _core._lu(A)
    ctx.mark_non_differentiable(pivots, info)
    ctx.save_for_backward(LU, pivots)
    return LU, pivots, info


@_lu_factor.derivative
def _(ctx, grad_output, *_):
    LU, pivots = ctx.saved
    m, n = LU.size(-2), LU.size(-1)
    k = min(m, n)
    P, L, U = lu_unpack(LU, pivots)
    grad_L, grad_U = grad_output[..., :k].tril(-1), grad_output[..., :k, :].triu()
    L1, U1 = L[..., :k, :], U[..., :k]
    if m == n:
        phi = (L.mH @ grad_L).tril(-1) + (grad_U @ U.mH).triu()
        return _between(P, L, U, phi), None
    if m < n:
        # Columns beyond the square part: U2 = L**-1 P^T A2.
        gU1, gU2 = grad_U[..., :k], grad_U[..., k:]
        phi = (L.mH @ grad_L - (gU2 @ U[..., k:].mH)).tril(-1) + (gU1 @ U1.mH).triu()
        first = fl.linalg.solve_triangular(U1.mH, phi, upper=False, left=False)
        inner = fl.cat([first, gU2], -1)
        return P @ fl.linalg.solve_triangular(L.mH, inner, upper=True, unitriangular=True), None
    # Rows beyond the square part: L2 = A2 U**-1.
    gL1, gL2 = grad_L[..., :k, :], grad_L[..., k:, :]
    phi = (L1.mH @ gL1).tril(-1) + (grad_U @ U.mH - L[..., k:, :].mH @ gL2).triu()
    first = fl.linalg.solve_triangular(L1.mH, phi, upper=True, unitriangular=True)
    inner = fl.cat([first, gL2], -2)
    return P @ fl.linalg.solve_triangular(U.mH, inner, upper=False, left=False), None


def _between(P, L, U, phi):
    """P L^-H phi U^-H."""
    inner = fl.linalg.solve_triangular(U.mH, phi, upper=False, left=False)
    return P @ fl.linalg.solve_triangular(L.mH, inner, upper=True, unitriangular=True)


@composite(name="lu_factor", namespaces=("linalg",), method=False)
@lapack.takes_nothing(integers=True)
def linalg_lu_factor(A, *, pivot=True):
    """(LU, pivots): L below and U on and above the diagonal of one matrix, and row swaps, counted from 1."""
    lapack.check_matrices("linalg.lu_factor", A)
    _need_pivot("linalg.lu_factor", pivot)
    LU, pivots, info = _lu_factor(A)
    lapack.raise_where("linalg.lu_factor", info, _SINGULAR)
    return _LuFactorResult(LU, pivots)


_SINGULAR = "the matrix is singular, with a zero on the diagonal of U; linalg.lu_factor_ex takes it"


def _need_pivot(operator, pivot):
    if not pivot:
        raise RuntimeError(
            f"{operator}: pivot=False is not available on the CPU. Leave pivot=True."
        )


@composite(name="lu_factor_ex", namespaces=("linalg",), method=False)
@lapack.takes_nothing(integers=True)
def linalg_lu_factor_ex(A, *, pivot=True, check_errors=False):
    """(LU, pivots, info); info is the first zero on U's diagonal, counted from 1, or 0."""
    lapack.check_matrices("linalg.lu_factor_ex", A)
    _need_pivot("linalg.lu_factor_ex", pivot)
    LU, pivots, info = _lu_factor(A)
    if check_errors:
        lapack.raise_where("linalg.lu_factor_ex", info, _SINGULAR)
    return _LuFactorExResult(LU, pivots, info)


@composite
def lu_unpack(LU_data, LU_pivots, unpack_data=True, unpack_pivots=True):
    """(P, L, U) with A = P @ L @ U from what `linalg.lu_factor` gives."""
    lapack.check_matrices("lu_unpack", LU_data)
    m, n = LU_data.size(-2), LU_data.size(-1)
    k = min(m, n)
    if unpack_pivots:
        lapack.check_pivots("lu_unpack", LU_pivots, LU_data, k)
    L = U = P = LU_data.new_empty(0)
    recorded = _core.is_grad_enabled() and LU_data.requires_grad
    if unpack_data and not (recorded or LU_data.is_cuda):
        L, U = _core._triangles(LU_data)
    elif unpack_data:
        L = LU_data[..., :k].tril(-1) + fl.eye(m, k, dtype=LU_data.dtype, device=LU_data.device)
        U = LU_data[..., :k, :].triu()
    if unpack_pivots:
        P = _permutation(LU_pivots, m, LU_data)
    return _LuUnpackResult(P, L, U)


def _permutation(pivots, m, like):
    """The permutation matrix that row swaps make."""
    if pivots.is_cuda:
        from ..cuda.linalg import permutations

        pivots, levels = _core._unbatch(pivots)
        return _core._batch(permutations(pivots, m, like.dtype), levels)
    return _core._permutation(pivots, m, like.dtype)


@composite(name="lu", namespaces=("linalg",), method=False)
@lapack.takes_nothing(integers=True)
def linalg_lu(A, *, pivot=True):
    """(P, L, U) with A = P @ L @ U, P a permutation."""
    lapack.check_matrices("linalg.lu", A)
    _need_pivot("linalg.lu", pivot)
    return _LuResult(*lu_unpack(*_lu_factor(A)[:2]))


@composite(name="lu")
def lu_compact(A, pivot=True, get_infos=False) -> object:
    """(LU, pivots), with get_infos also info: the older form of `linalg.lu_factor_ex`."""
    _core._warn_once(
        "lu", "lu: is an old name. Use linalg.lu_factor, or linalg.lu_factor_ex for info."
    )
    factors = linalg_lu_factor_ex(A, pivot=pivot)
    if get_infos:
        return _LuCompactResult(*factors)
    lapack.raise_where("lu", factors.info, _SINGULAR)
    return _LuFactorResult(factors.LU, factors.pivots)


@composite(name="lu_solve", namespaces=("linalg",), method=False, out="same")
@lapack.takes_nothing()
def linalg_lu_solve(LU, pivots, B, *, left=True, adjoint=False):
    """X with A @ X = B (X @ A = B with left=False), given `linalg.lu_factor` of A, or of its adjoint."""
    lapack.check_matrices("linalg.lu_solve", LU, square=True)
    lapack.check_matrices("linalg.lu_solve", B)
    lapack.check_same_dtype("linalg.lu_solve", LU=LU, B=B)
    lapack.check_pivots("linalg.lu_solve", pivots, LU, LU.size(-1))
    if LU.size(-1) != B.size(-2 if left else -1):
        raise RuntimeError(
            f"linalg.lu_solve: B {tuple(B.shape)} does not fit to factors {tuple(LU.shape)} with left={left}."
        )
    if not left:
        return linalg_lu_solve(LU, pivots, B.mH, adjoint=not adjoint).mH
    recorded = _core.is_grad_enabled() and (LU.requires_grad or B.requires_grad)
    if not (recorded or LU.is_cuda):
        batch = LU.shape[:-2]
        LU, B = one_batch("linalg.lu_solve", LU, B)
        if LU.shape[:-2] != batch:
            pivots = pivots.expand(*LU.shape[:-1])
        return _core._solve_factored(LU, pivots, B, adjoint)
    P, L, U = lu_unpack(LU, pivots)
    if adjoint:
        half = fl.linalg.solve_triangular(U.mH, B, upper=False)
        return P @ fl.linalg.solve_triangular(L.mH, half, upper=True, unitriangular=True)
    half = fl.linalg.solve_triangular(L, P.mT @ B, upper=False, unitriangular=True)
    return fl.linalg.solve_triangular(U, half, upper=True)


@composite(out="same", autocast="float32")
def lu_solve(b, LU_data, LU_pivots):
    """X with A @ X = b, given `linalg.lu_factor` of A."""
    _core._warn_once("lu_solve", "lu_solve: is an old name. Use linalg.lu_solve(LU, pivots, b).")
    return linalg_lu_solve(LU_data, LU_pivots, b)
