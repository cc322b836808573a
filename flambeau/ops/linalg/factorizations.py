"""Matrices as products of triangular, orthogonal and permutation ones."""

from ... import _core
from ..core import operators as fl
from ..core.arguments import common_shape, some
from ..core.attach import attached
from ..core.declare import composite, primitive
from ..core.no_derivative import without_derivative
from ..core.results import lazy_result_type
from . import lapack
from .systems import one_batch, triangular_solution

_CholeskyExResult = lazy_result_type("linalg_cholesky_ex", "L info")
_QrResult = lazy_result_type("linalg_qr", "Q R")
_OldQrResult = lazy_result_type("qr", "Q R")
_LuResult = lazy_result_type("linalg_lu", "P L U")
_LuFactorResult = lazy_result_type("linalg_lu_factor", "LU pivots")
_LuFactorExResult = lazy_result_type("linalg_lu_factor_ex", "LU pivots info")
_LuCompactResult = lazy_result_type("lu", "LU pivots info")
_LuUnpackResult = lazy_result_type("lu_unpack", "P L U")
_LdlFactorResult = lazy_result_type("linalg_ldl_factor", "LD pivots")
_LdlFactorExResult = lazy_result_type("linalg_ldl_factor_ex", "LD pivots info")
_GeqrfResult = lazy_result_type("geqrf", "a tau")


@primitive(method=False, function=False)
def _cholesky(ctx, A, upper):
    """(L, info): A = L L^H, from the lower triangle of A or its `upper` one.

    With dL = L Phi(L^-1 dA L^-H), Phi the lower triangle with half the diagonal.
    """
    L, info = _core._cholesky(A.mH if upper else A)
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


@primitive(method=False, function=False)
def _qr(ctx, A):
    """A = Q R with as many columns in Q as the smaller side of A has."""
    Q, R = _core._qr(A, False)
    ctx.save_for_backward(Q, R)
    return Q, R


@_qr.derivative
def _(ctx, grad_Q, grad_R):
    Q, R = ctx.saved
    rows, columns = Q.size(-2), R.size(-1)
    if rows >= columns:
        return _qr_backward(Q, R, grad_Q, grad_R)
    # A = [X | Y] = Q [R1 | R2]: X is square, and Y = Q R2 gives grad_Y and one more part of grad_Q.
    left, right = R[..., :rows], grad_R[..., rows:]
    grad_Q = grad_Q + Q @ (R[..., rows:] @ right.mH)
    grad_X = _qr_backward(Q, left, grad_Q, grad_R[..., :rows])
    return fl.cat([grad_X, Q @ right], -1)


def _qr_backward(Q, R, grad_Q, grad_R):
    """Source: Roberts and Roberts, "QR and LQ Decomposition Matrix Backpropagation Algorithms", 2020, arXiv:2009.10071."""
    M = R @ grad_R.mH - grad_Q.mH @ Q
    symmetric = M.tril(-1) + M.tril(-1).mH + _diagonal_matrix(M)
    return fl.linalg.solve_triangular(R.mH, grad_Q + Q @ symmetric, upper=False, left=False)


def _diagonal_matrix(M):
    diagonal = M.diagonal(0, -2, -1)
    if M.dtype.is_complex:
        diagonal = diagonal.real.to(M.dtype)
    return fl.diag_embed(diagonal)


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
    zero = L.detach().diagonal(0, -2, -1) == 0
    if some(zero):
        first = zero.to(fl.int32).argmax(-1).add(1)
        lapack.raise_where(
            "cholesky_inverse", first * zero.any(-1), "L is singular, with a zero on its diagonal"
        )
    identity = fl.eye(L.size(-1), dtype=L.dtype, device=L.device)
    return cholesky_solve(identity.expand(L.shape), L, upper)


@composite(name="qr", namespaces=("linalg",), method=False, autocast="float32")
def linalg_qr(A, mode="reduced"):
    """(Q, R) with A = Q @ R, Q orthogonal, R upper triangular; mode "complete" makes Q square, "r" leaves it out.

    Example:
        >>> torch.linalg.qr(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        torch.return_types.linalg_qr(
        Q=tensor([[-0.3162, -0.9487],
                [-0.9487,  0.3162]]),
        R=tensor([[-3.1623, -4.4272],
                [ 0.0000, -0.6325]]))
    """
    lapack.check_matrices("linalg.qr", A)
    if mode not in ("reduced", "complete", "r"):
        raise RuntimeError(f"linalg.qr: mode is {mode!r}; it must be 'reduced', 'complete' or 'r'.")
    if mode == "complete" and A.size(-2) > A.size(-1):
        return _QrResult(*_complete_qr(A))
    Q, R = _qr(A)
    return _QrResult(A.new_empty(0) if mode == "r" else Q, R)


@primitive(method=False, function=False)
def _complete_qr(ctx, A):
    """The full Q; the columns beyond R's are any basis of the rest, so it has no derivative."""
    return _core._qr(A, True)


@_complete_qr.derivative
def _(ctx, grad_Q, grad_R):
    raise RuntimeError(
        "backward of linalg.qr: with mode='complete' and more rows than columns, Q's last columns are arbitrary "
        "and there is no gradient. Use mode='reduced'."
    )


@composite(autocast="float32")
def qr(input, some=True):
    """(Q, R) of `linalg.qr`, complete with some=False.

    Example:
        >>> torch.qr(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        torch.return_types.qr(
        Q=tensor([[-0.3162, -0.9487],
                [-0.9487,  0.3162]]),
        R=tensor([[-3.1623, -4.4272],
                [ 0.0000, -0.6325]]))
    """
    _core._warn_once(
        "qr", "qr: is an old name. Use linalg.qr, with mode='complete' for some=False."
    )
    return _OldQrResult(*linalg_qr(input, "reduced" if some else "complete"))


@composite(autocast="float32")
def geqrf(input):
    """(a, tau): the Householder vectors below R in one matrix, stored by columns, and their factors.

    Example:
        >>> torch.geqrf(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        torch.return_types.geqrf(
        a=tensor([[-3.1623, -4.4272],
                [ 0.7208, -0.6325]]),
        tau=tensor([1.3162, 0.0000]))
    """
    import numpy

    lapack.check_matrices("geqrf", input)
    if input.is_meta:
        taus = fl.empty(
            (*input.shape[:-2], min(input.shape[-2:])), dtype=input.dtype, device="meta"
        )
        return _GeqrfResult(
            without_derivative("geqrf", fl.empty_like(input.mT.contiguous()).mT, input),
            without_derivative("geqrf", taus, input),
        )
    if input.is_cuda:
        from ..cuda.linalg import geqrf as on_device

        found = on_device(input.detach())
        if found is not None:
            return _GeqrfResult(*(without_derivative("geqrf", t, input) for t in found))
    values = lapack.array(input)
    flat = lapack.stacked(values)
    m, n = values.shape[-2:]
    factors = numpy.empty((len(flat), n, m), values.dtype)
    taus = numpy.empty((len(flat), min(m, n)), values.dtype)
    for i, matrix in enumerate(flat):
        factors[i], taus[i] = numpy.linalg.qr(matrix, "raw")
    batch = values.shape[:-2]
    return _GeqrfResult(
        without_derivative("geqrf", lapack.tensor(factors.reshape(*batch, n, m), input).mT, input),
        without_derivative("geqrf", lapack.tensor(taus.reshape(*batch, min(m, n)), input), input),
    )


def _reflections(A, tau):
    """The product of all I - tau_i v_i v_i^H, where v_i is 1 at i, what A has below it, and 0 above."""
    m, k = A.size(-2), tau.size(-1)
    Q = fl.eye(m - k, dtype=A.dtype, device=A.device).expand(*A.shape[:-2], m - k, m - k)
    for i in reversed(range(k)):
        # Reflection i changes rows and columns from i on only, whatever is in the later ones:
        #   [1 0]     [1]              [1 0]
        #   [0 Q] - t [v] [1 v^H] times [0 Q]
        v = A[..., i + 1 :, i : i + 1]  # (*, m - i - 1, 1)
        t = tau[..., i : i + 1].unsqueeze(-1)  # (*, 1, 1)
        across = v.mH @ Q
        first = fl.cat([1 - t, -t * v], -2)
        others = fl.cat([-t * across, Q - t * (v @ across)], -2)
        Q = fl.cat([first, others], -1)
    return Q if k else attached(Q, A, tau)


def _check_reflections(operator, A, tau):
    lapack.check_matrices(operator, A)
    if A.size(-1) < tau.size(-1) or A.size(-2) < tau.size(-1):
        raise RuntimeError(
            f"{operator}: {tau.size(-1)} factors in tau are more than the sides of input {tuple(A.shape)}."
        )
    if tuple(A.shape[:-2]) != tuple(tau.shape[:-1]):
        raise RuntimeError(
            f"{operator}: expected tau of shape (*{tuple(A.shape[:-2])}, k) for input {tuple(A.shape)}, not "
            f"{tuple(tau.shape)}."
        )
    lapack.check_same_dtype(operator, input=A, tau=tau)


@composite(name="householder_product", namespaces=("linalg",), method=False, autocast="float32")
def linalg_householder_product(A, tau):
    """The first columns of the product of the reflections that `geqrf` gives.

    Example:
        >>> torch.linalg.householder_product(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([1.0, 2.0]))
        tensor([[ 0.,  3.],
                [-3.,  8.]])
    """
    _check_reflections("linalg.householder_product", A, tau)
    if A.size(-2) < A.size(-1):
        raise RuntimeError(
            f"linalg.householder_product: input {tuple(A.shape)} has more columns than rows."
        )
    return _reflections(A, tau)[..., : A.size(-1)]


@composite(autocast="float32")
def orgqr(input, tau):
    """An alias of `linalg.householder_product`.

    Example:
        >>> torch.orgqr(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([1.0, 2.0]))
        tensor([[ 0.,  3.],
                [-3.,  8.]])
    """
    return linalg_householder_product(input, tau)


@composite(out="same", autocast="float32")
def ormqr(input, tau, other, left=True, transpose=False):
    """The product of the Q that `geqrf` gives, or its transpose, with `other`."""
    _check_reflections("ormqr", input, tau)
    lapack.check_matrices("ormqr", other)
    lapack.check_same_dtype("ormqr", input=input, other=other)
    rows = other.size(-2 if left else -1)
    if rows != input.size(-2) or tuple(other.shape[:-2]) != tuple(input.shape[:-2]):
        raise RuntimeError(
            f"ormqr: Q is {input.size(-2)} x {input.size(-2)} by input {tuple(input.shape)}; other "
            f"{tuple(other.shape)} does not fit on its {'right' if left else 'left'}."
        )
    Q = _reflections(input, tau)
    if transpose:
        Q = Q.mH
    return Q @ other if left else other @ Q


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
    if unpack_data:
        L = LU_data[..., :k].tril(-1) + fl.eye(m, k, dtype=LU_data.dtype, device=LU_data.device)
        U = LU_data[..., :k, :].triu()
    if unpack_pivots:
        P = _permutation(LU_pivots, m, LU_data)
    return _LuUnpackResult(P, L, U)


def _permutation(pivots, m, like):
    """The permutation matrix that row swaps make."""
    if pivots.is_meta:
        return fl.empty((*pivots.shape[:-1], m, m), dtype=like.dtype, device="meta")
    import numpy

    pivots, levels = _core._unbatch(pivots)
    if pivots.is_cuda:
        from ..cuda.linalg import permutations

        return _core._batch(permutations(pivots, m, like.dtype), levels)
    swaps = lapack.array(pivots)
    flat = lapack.stacked(swaps[..., None])[..., 0]
    # Row swaps of all matrices at once, or of each one by one: the fewer steps.
    order = numpy.tile(numpy.arange(m), (len(flat), 1))
    if flat.shape[0] > flat.shape[1]:
        every_one = numpy.arange(len(flat))
        for i, others in enumerate(flat.T - 1):
            moved = order[:, i].copy()
            order[:, i] = order[every_one, others]
            order[every_one, others] = moved
    else:
        for matrix, row_swaps in enumerate(flat.tolist()):
            rows = list(range(m))
            for i, other in enumerate(row_swaps):
                rows[i], rows[other - 1] = rows[other - 1], rows[i]
            order[matrix] = rows
    matrices = numpy.zeros((len(flat), m, m), str(like.dtype).partition(".")[2])
    matrices[numpy.arange(len(flat))[:, None], order, numpy.arange(m)] = 1
    return _core._batch(lapack.tensor(matrices.reshape(*swaps.shape[:-1], m, m), like), levels)


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
    P, L, U = lu_unpack(LU, pivots)
    if not left:
        return linalg_lu_solve(LU, pivots, B.mH, adjoint=not adjoint).mH
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


@composite(name="ldl_factor_ex", namespaces=("linalg",), method=False)
@lapack.takes_nothing()
def linalg_ldl_factor_ex(A, *, hermitian=False, check_errors=False):
    """(LD, pivots, info): L and block-diagonal D of symmetric (or Hermitian) A = L D L^T in one matrix."""
    from . import lapack_calls

    lapack.check_matrices("linalg.ldl_factor_ex", A, square=True)
    if A.is_meta:
        pivots = fl.empty(A.shape[:-1], dtype=fl.int32, device="meta")
        info = fl.empty(A.shape[:-2], dtype=fl.int32, device="meta")
        LD = fl.empty(A.shape, dtype=A.dtype, device="meta")
        return _LdlFactorExResult(without_derivative("linalg.ldl_factor_ex", LD, A), pivots, info)
    values = lapack.array(A)
    LD, pivots, info = lapack_calls.ldl_factor(lapack.stacked(values), hermitian)
    batch = values.shape[:-2]
    if check_errors and info.any():
        raise RuntimeError("linalg.ldl_factor_ex: the matrix is singular, and so is D.")
    return _LdlFactorExResult(
        without_derivative("linalg.ldl_factor_ex", lapack.tensor(LD.reshape(values.shape), A), A),
        lapack.tensor(pivots.reshape(values.shape[:-1]), A),
        lapack.tensor(info.reshape(batch), A),
    )


@composite(name="ldl_factor", namespaces=("linalg",), method=False)
def linalg_ldl_factor(A, *, hermitian=False):
    """(LD, pivots) of `linalg.ldl_factor_ex`.

    Example:
        >>> torch.linalg.ldl_factor(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        torch.return_types.linalg_ldl_factor(
        LD=tensor([[ 4.0000,  0.0000],
                [ 0.7500, -1.2500]]),
        pivots=tensor([2, 2], dtype=torch.int32))
    """
    LD, pivots, info = linalg_ldl_factor_ex(A, hermitian=hermitian)
    lapack.raise_where(
        "linalg.ldl_factor", info, "D is singular; linalg.ldl_factor_ex takes such a matrix"
    )
    return _LdlFactorResult(LD, pivots)


@composite(name="ldl_solve", namespaces=("linalg",), method=False, out="same")
def linalg_ldl_solve(LD, pivots, B, *, hermitian=False):
    """X with A @ X = B, given `linalg.ldl_factor` of A."""
    from . import lapack_calls

    lapack.check_matrices("linalg.ldl_solve", LD, square=True)
    lapack.check_matrices("linalg.ldl_solve", B)
    lapack.check_same_dtype("linalg.ldl_solve", LD=LD, B=B)
    pivots = pivots.clone()  # no other thread writes to these after the check
    lapack.check_pivots("linalg.ldl_solve", pivots, LD, LD.size(-1), smallest=-LD.size(-1))
    if LD.size(-1) != B.size(-2):
        raise RuntimeError(
            f"linalg.ldl_solve: B {tuple(B.shape)} does not fit to factors {tuple(LD.shape)}."
        )
    batch = common_shape("linalg.ldl_solve", LD.shape[:-2], B.shape[:-2], what="batch")
    if LD.is_meta:
        X = fl.empty((*batch, *B.shape[-2:]), dtype=B.dtype, device="meta")
        return without_derivative("linalg.ldl_solve", X, LD, B)
    factors = lapack.array(LD.expand(*batch, *LD.shape[-2:]))
    swaps = lapack.array(pivots.expand(*batch, pivots.size(-1)))
    right = lapack.array(B.expand(*batch, *B.shape[-2:]))
    X = lapack_calls.ldl_solve(
        lapack.stacked(factors),
        lapack.stacked(swaps[..., None])[..., 0],
        lapack.stacked(right),
        hermitian,
    )
    return without_derivative("linalg.ldl_solve", lapack.tensor(X.reshape(right.shape), B), LD, B)
