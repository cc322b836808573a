"""Singular values, and what is made of them: ranks, pseudo-inverses, least squares, low rank."""

import math

from ... import _core
from ..core import operators as fl
from ..core.arguments import common_shape, every, some
from ..core.declare import composite, primitive
from ..core.results import lazy_result_type
from . import lapack
from .spectra import (
    _NO_CONVERGENCE,
    _WIDER,
    _any_nonzero,
    _check_phase,
    _differences,
    _off_diagonal,
    _without_zeros,
    linalg_eigvalsh,
)

_SvdResult = lazy_result_type("linalg_svd", "U S Vh")
_OldSvdResult = lazy_result_type("svd", "U S V")
_LstsqResult = lazy_result_type("linalg_lstsq", "solution residuals rank singular_values")
_MOST_WIDE = 640  # rows or columns; beyond it the time of double precision counts
# From so many rows and columns on LAPACK divides and conquers, whose rounding is that of ten times the largest value.
_DIVIDED = 26
_LOPSIDED = 16  # where half of the values are so many times less than the largest, the others' digits suffer


def _widened(A, *others):
    """These matrices in double precision, where A is of single precision and not too large."""
    wide = _WIDER.get(A.dtype) if min(A.shape[-2:]) <= _MOST_WIDE else None
    return (A, *others) if wide is None else [t.to(wide) for t in (A, *others)]


def _is_lopsided(S):
    """Whether most singular values of a matrix are small beside its largest."""
    return some(S[..., S.size(-1) // 2] * _LOPSIDED < S[..., 0])


def _decomposed(operator, A, full=False, vectors=True):
    """(U, S, Vh), without history. An infinity makes its matrix' parts NaN; a NaN is an error, as in PyTorch."""
    finite = A.isfinite()
    if every(finite):
        U, S, Vh, info = _core._svd(A, full, vectors)
        if (
            A.dtype is fl.float32
            and _DIVIDED <= min(A.shape[-2:]) <= _MOST_WIDE
            and _is_lopsided(S)
        ):
            U, S, Vh, info = _core._svd(A.double(), full, vectors)
            U, S, Vh = (part if part is None else part.float() for part in (U, S, Vh))
        lapack.raise_where(operator, info, _NO_CONVERGENCE)
        return U, S, Vh
    if some(A.isnan()):
        failed = A.isnan().any(-1).any(-1).to(fl.int32)
        lapack.raise_where(operator, failed, f"{_NO_CONVERGENCE}: the input has a NaN")
    good = finite.all(-1).all(-1).unsqueeze(-1)
    parts = _decomposed(operator, fl.where(good.unsqueeze(-1), A, fl.zeros_like(A)), full, vectors)
    return [
        part
        if part is None
        else fl.where(good if part.dim() < A.dim() else good.unsqueeze(-1), part, math.nan)
        for part in parts
    ]


@primitive(method=False, function=False)
def _svd(ctx, A):
    """A = U diag(S) V^H with as many singular values as the smaller side of A has."""
    U, S, Vh = _decomposed("linalg.svd", A)
    ctx.set_materialize_grads(False)
    ctx.save_for_backward(U, S, Vh)
    return U, S, Vh


@_svd.derivative
def _(ctx, grad_U, grad_S, grad_Vh):
    U, S, Vh = ctx.saved
    if grad_U is None and grad_Vh is None:
        return None if grad_S is None else (U * grad_S.unsqueeze(-2)) @ Vh
    grad_U = fl.zeros_like(U) if grad_U is None else grad_U
    grad_V = fl.zeros_like(Vh).mH if grad_Vh is None else grad_Vh.mH
    return _svd_backward(U, S, Vh, grad_U, grad_S, grad_V)


def _svd_backward(U, S, Vh, grad_U, grad_S, grad_V):
    V = Vh.mH
    m, n, k = U.size(-2), V.size(-2), S.size(-1)
    left, right = U.mH @ grad_U, V.mH @ grad_V
    if U.dtype.is_complex:
        _check_phase("linalg.svd", left, right)
    turn_left, turn_right = left - left.mH, right - right.mH
    # The gaps of the squares, as products: squares of 1e25 and 1e-25 leave float32's range.
    wanted = _any_nonzero(grad_U, grad_V)
    gaps = _without_zeros(_differences(S), wanted)
    sums = S.unsqueeze(-2) + S.unsqueeze(-1) + fl.eye(k, dtype=S.dtype, device=S.device)
    sums = _without_zeros(sums, wanted)
    inner = _off_diagonal(turn_left) / gaps * (S.unsqueeze(-2) / sums)
    inner = inner + _off_diagonal(turn_right) / gaps * (S.unsqueeze(-1) / sums)
    if grad_S is not None:
        inner = inner + fl.diag_embed(grad_S.to(U.dtype))
    divisors = _without_zeros(S.unsqueeze(-2), wanted)
    if U.dtype.is_complex:
        phase = turn_left.diagonal(0, -2, -1) / (2 * divisors.squeeze(-2))
        inner = inner + fl.diag_embed(phase)
    result = U @ inner @ Vh
    if m > k:
        beyond = grad_U / divisors
        result = result + (beyond - U @ (U.mH @ beyond)) @ Vh
    if n > k:
        beyond = grad_V / divisors
        result = result + U @ (beyond - V @ (V.mH @ beyond)).mH
    return result


@primitive(method=False, function=False)
def _singular_values(ctx, A):
    """Only S of the singular value decomposition; its derivative is diag(U^H dA V)."""
    if not ctx.needs_input_grad[0]:
        return _decomposed("linalg.svdvals", A, vectors=False)[1]
    # The slope wants the vectors of close singular values apart, which single precision mixes.
    U, S, Vh = _decomposed("linalg.svdvals", *_widened(A))
    ctx.save_for_backward(A)
    ctx.vectors = U.to(A.dtype), Vh.to(A.dtype)
    return S.to(A.dtype.to_real())


@_singular_values.derivative
def _(ctx, grad_output):
    (A,) = ctx.saved
    U, Vh = ctx.vectors
    if fl.is_grad_enabled():
        U, _, Vh = _svd(A)
    return (U * grad_output.unsqueeze(-2)) @ Vh


def _full_svd(A):
    """U and Vh square; the part beyond the singular values is any basis of the rest, without gradient."""
    U, S, Vh = _decomposed("linalg.svd", A.detach(), full=True)
    if not (fl.is_grad_enabled() and A.requires_grad):
        return U, S, Vh
    k = S.shape[-1]
    narrow_U, S, narrow_Vh = _svd(A)
    return fl.cat([narrow_U, U[..., k:]], -1), S, fl.cat([narrow_Vh, Vh[..., k:, :]], -2)


def _check_driver(operator, driver):
    """Raise if one of the GPU's algorithms is asked for."""
    if driver is not None:
        raise RuntimeError(
            f"{operator}: driver= chooses between CUDA's routines; on the CPU leave it away."
        )


@composite(name="svd", namespaces=("linalg",), method=False, autocast="float32")
@lapack.takes_nothing()
def linalg_svd(A, full_matrices=True, *, driver=None):
    """(U, S, Vh) with A = U @ diag(S) @ Vh, singular values descending."""
    lapack.check_matrices("linalg.svd", A)
    _check_driver("linalg.svd", driver)
    square = A.size(-2) == A.size(-1)
    return _SvdResult(*(_full_svd(A) if full_matrices and not square else _svd(A)))


@composite(name="svdvals", namespaces=("linalg",), method=False, out="same", autocast="float32")
@lapack.takes_nothing()
def linalg_svdvals(A, *, driver=None):
    """The singular values of matrices, descending."""
    lapack.check_matrices("linalg.svdvals", A)
    _check_driver("linalg.svdvals", driver)
    return _singular_values(A)


@composite(autocast="float32")
@lapack.takes_nothing()
def svd(input, some=True, compute_uv=True):
    """(U, S, V) with input = U @ diag(S) @ V.mH; some=False makes U and V square."""
    lapack.check_matrices("svd", input)
    if not compute_uv:
        m, n = input.size(-2), input.size(-1)
        zeros = [input.new_zeros(*input.shape[:-2], size, size) for size in (m, n)]
        return _OldSvdResult(zeros[0], linalg_svdvals(input), zeros[1])
    U, S, Vh = linalg_svd(input, full_matrices=not some)
    return _OldSvdResult(U, S, Vh.mH)


def _check_tolerances(operator, **values):
    for name, value in values.items():
        if isinstance(value, fl.Tensor) and value.dtype.is_complex:
            raise RuntimeError(f"{operator}: {name} must be real, but it is {value.dtype}.")


def _tolerance(A, largest, atol, rtol):
    """max(atol, rtol * the largest singular value); without either, eps times the longer side."""
    if rtol is None:
        no_atol = atol is None or (not isinstance(atol, fl.Tensor) and not atol > 0)
        default = fl.finfo(largest.dtype).eps * max(A.size(-2), A.size(-1))
        rtol = default if no_atol else 0.0
        if isinstance(atol, fl.Tensor):
            rtol = fl.where(atol > 0, 0.0, default)
    atol = 0.0 if atol is None else atol
    tolerance = rtol * largest
    return fl.maximum(tolerance, fl.zeros_like(tolerance) + atol)


def _magnitudes(A, hermitian):
    return linalg_eigvalsh(A).abs() if hermitian else linalg_svdvals(A)


@composite(name="matrix_rank", namespaces=("linalg",), method=False, autocast="float32")
def linalg_matrix_rank(A, tol=None, hermitian=False, *, atol=None, rtol=None):
    """How many singular values of matrices exceed max(atol, rtol * the largest).

    Example:
        >>> torch.linalg.matrix_rank(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        tensor(2)
    """
    if A.numel() == 0 and not A.dtype.is_complex:  # of rank 0, whatever its sizes and dtype are
        A, hermitian = A.to(fl.float32), False
    lapack.check_matrices("linalg.matrix_rank", A, square=hermitian)
    _check_tolerances("linalg.matrix_rank", tol=tol, atol=atol, rtol=rtol)
    if tol is not None:
        atol, rtol = tol, 0.0
    with fl.no_grad():
        values = _magnitudes(A, hermitian)
        if values.size(-1) == 0:
            return fl.zeros(A.shape[:-2], dtype=fl.int64, device=A.device)
        limit = _tolerance(A, values.amax(-1), atol, rtol)
        return (values > limit.unsqueeze(-1)).sum(-1)


@primitive(method=False, function=False)
def _pseudo_inverse(ctx, A, atol, rtol, hermitian):
    """X = A^+. Source of dX: Golub and Pereyra, SIAM J. Numer. Anal. 10 (1973) 413:
    dX = -X dA X + X X^H dA^H (I - A X) + (I - X A) dA^H X^H X."""
    if hermitian:
        w, V, info = _core._eigh(A, False)
        lapack.raise_where("linalg.pinv", info, _NO_CONVERGENCE)
        U, S, Vh = V * w.sign().unsqueeze(-2), w.abs(), V.mH
    else:
        U, S, Vh = _decomposed("linalg.pinv", A)
    if S.size(-1):
        limit = _tolerance(A, S.amax(-1), atol, rtol).unsqueeze(-1)
        S = fl.where(limit < S, 1 / S, fl.zeros_like(S))
    result = (Vh.mH * S.unsqueeze(-2)) @ U.mH
    if not hermitian and A.dtype in _WIDER and min(A.shape[-2:]) > _MOST_WIDE:
        # One of Newton's steps takes off what the vectors of small values lack; what was cut off stays away.
        # Source: Schulz, Z. Angew. Math. Mech. 13 (1933) 57.
        result = result + (result - result @ (A @ result))
    ctx.save_for_backward(A, result)
    return result


@_pseudo_inverse.derivative
def _(ctx, grad_output):
    A, X = ctx.saved
    return _pseudo_inverse_gradient(A, X, grad_output), None, None, None


def _pseudo_inverse_gradient(A, X, grad_output):
    g, Xh = grad_output.mH, X.mH
    first = g @ X
    last = X @ g
    result = -(Xh @ grad_output @ Xh) + (first @ Xh - A @ (X @ (first @ Xh)))
    second = (Xh @ last) - ((Xh @ last) @ X) @ A
    return result + second


@primitive(method=False, function=False)
def _least_squares(ctx, A, B, rtol, full):
    """(X, rank): X = A^+ B, by a QR decomposition with column exchanges; with `full`, of all columns but zeros."""
    X, rank = _core._least_squares(A, B, fl.finfo(A.dtype).tiny if full else rtol)
    ctx.mark_non_differentiable(rank)
    ctx.save_for_backward(A, B)
    ctx.rtol = rtol
    return X, rank


@_least_squares.derivative
def _(ctx, grad_output, _):
    A, B = ctx.saved
    dtype = A.dtype
    A, B, grad_output = _widened(A, B, grad_output)  # the slope has the square of A's condition
    inverse = _pseudo_inverse(A, None, ctx.rtol, False)
    grad_B = inverse.mH @ grad_output
    # The gradient of the pseudo-inverse for grad_output @ B.mH, whose factors have few columns.
    X = inverse @ B
    grad_A = (B - A @ X) @ (inverse @ grad_B).mH - grad_B @ X.mH
    grad_A = grad_A + (inverse.mH @ X) @ (grad_output - A.mH @ grad_B).mH
    return grad_A.to(dtype), grad_B.to(dtype), None, None


@composite(name="pinv", namespaces=("linalg",), method=False)
def linalg_pinv(A, rcond=None, hermitian=False, *, atol=None, rtol=None):
    """The pseudo-inverse: singular values up to max(atol, rtol * the largest) count as 0.

    Example:
        >>> torch.linalg.pinv(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        tensor([[-2.0000,  1.0000],
                [ 1.5000, -0.5000]])
    """
    hermitian = hermitian and A.numel() > 0
    lapack.check_matrices("linalg.pinv", A, square=hermitian)
    _check_tolerances("linalg.pinv", rcond=rcond, atol=atol, rtol=rtol)
    if rcond is not None:
        rtol = rcond
    return _pseudo_inverse(A, atol, rtol, hermitian)


@composite(out=False, autocast="float32")
def pinverse(input, rcond=1e-15):
    """`linalg.pinv` with a relative limit of rcond.

    Example:
        >>> torch.pinverse(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        tensor([[-2.0000,  1.0000],
                [ 1.5000, -0.5000]])
    """
    return linalg_pinv(input, rtol=rcond)


@composite(name="cond", namespaces=("linalg",), method=False, autocast="float32")
@lapack.takes_nothing()
def linalg_cond(A, p=None):
    """The condition number of matrices: norm(A, p) * norm(inv(A), p), by default from singular values."""
    lapack.check_matrices("linalg.cond", A)
    if p is None or p in (2, -2):
        values = linalg_svdvals(A)
        if values.size(-1) == 0:
            return values.new_zeros(values.shape[:-1])
        largest, smallest = values[..., 0], values[..., -1]
        return smallest / largest if p == -2 else largest / smallest
    lapack.check_matrices(f"linalg.cond with p={p}", A, square=True)
    if p not in ("fro", "nuc", 1, -1, math.inf, -math.inf):
        raise RuntimeError(
            f"linalg.cond: p={p!r} is no norm of matrices; use None, 'fro', 'nuc', 1, 2, inf or one of these negative."
        )
    if A.numel() == 0:
        return fl.linalg.matrix_norm(A, p)
    inverse, info = fl.linalg.inv_ex(A)
    inverse = inverse.masked_fill((info != 0)[..., None, None], 1)
    result = fl.linalg.matrix_norm(A, p) * fl.linalg.matrix_norm(inverse, p)
    return fl.where(info == 0, result, fl.full_like(result, math.inf))


def _finite(A):
    """Which matrices hold neither infinities nor NaN."""
    return A.isfinite().all(-1).all(-1)


def _within_range(B):
    """(B with columns near the end of the dtype's range divided by powers of 2, those powers or None)."""
    largest = B.detach().abs().sum(-2, keepdim=True)
    far = largest > math.sqrt(fl.finfo(B.dtype).max)
    if not some(far):
        return B, None
    largest = B.detach().abs().amax(-2, keepdim=True)
    exponent = largest.frexp()[1].masked_fill(~(far & largest.isfinite()), 1)
    power = fl.ones_like(largest).ldexp(exponent - 1)
    return B / power, power


@composite(name="lstsq", namespaces=("linalg",), method=False, autocast="float32")
def linalg_lstsq(A, B, rcond=None, *, driver=None):
    """(solution, residuals, rank, singular_values) of the X for which norm(A @ X - B) is least.

    residuals are squared norms, empty for systems without full column rank or with no surplus rows;
    rank is empty for driver "gels", singular_values for all but "gelsd" and "gelss".
    """
    lapack.check_matrices("linalg.lstsq", A)
    if driver not in (None, "gels", "gelsy", "gelsd", "gelss"):
        raise RuntimeError(
            f"linalg.lstsq: driver is {driver!r}; it must be 'gels', 'gelsy', 'gelsd' or 'gelss'."
        )
    lapack.check_same_dtype("linalg.lstsq", A=A, B=B)
    if not 0 <= A.dim() - B.dim() <= 1:
        raise RuntimeError(
            f"linalg.lstsq: A has {A.dim()} dims and B {B.dim()}; B must have as many, or one less for vectors."
        )
    vector = B.dim() == A.dim() - 1 and tuple(B.shape) == tuple(A.shape[:-1])
    right = B.unsqueeze(-1) if vector else B
    if A.size(-2) != right.size(-2):
        raise RuntimeError(
            f"linalg.lstsq: A {tuple(A.shape)} and B {tuple(B.shape)} must have equally many rows."
        )
    m, n = A.size(-2), A.size(-1)
    rtol = rcond if rcond is not None else fl.finfo(A.dtype).eps * max(m, n)
    own = A.shape[:-2]
    batch = common_shape("linalg.lstsq", own, right.shape[:-2], what="batch")
    if own != batch:
        A = A.expand(*batch, m, n)
    if right.shape[:-2] != batch:
        right = right.expand(*batch, *right.shape[-2:])
    all_finite = every(A.isfinite()) and every(right.isfinite())
    finite = None if all_finite else _finite(A) & _finite(right)
    scaled, power = _within_range(right)
    if driver in ("gelsd", "gelss"):
        wide, target = _widened(A, scaled)
        solution = (linalg_pinv(wide, rtol=rtol) @ target).to(A.dtype)
        values = linalg_svdvals(A.detach())
        rank = (values > rtol * values[..., :1]).sum(-1)
    else:
        solution, rank = _least_squares(A, scaled, float(rtol), driver == "gels")
        if driver == "gels" and right.size(-1):
            # As LAPACK has it: zeros alone have zeros for a solution.
            failed = (rank < min(m, n)) & (A != 0).any(-1).any(-1)
            failed = failed if all_finite else failed & finite
            lapack.raise_where(
                "linalg.lstsq", failed.to(fl.int32), "driver 'gels' needs a matrix of full rank"
            )
        values = None
    if power is not None:
        solution = solution * power
    if not all_finite:  # which the library takes for zeros
        solution = solution + fl.where(finite, 0, math.nan)[..., None, None].to(A.dtype)
    nothing = fl.empty(0, dtype=A.dtype.to_real(), device=A.device)
    residuals = solution.abs().reshape(-1)[:0] if solution.requires_grad else nothing
    if (
        m > n
        and (driver == "gels" or every(rank == n))
        and driver != "gelsy"
        and driver is not None
    ):
        difference = A @ solution - right
        residuals = (difference.abs() ** 2).sum(-2)
    return _LstsqResult(
        solution.squeeze(-1) if vector else solution,
        residuals,
        fl.empty(0, dtype=fl.int64, device=A.device)
        if driver == "gels"
        else lapack.of_first_batch(rank, own),
        nothing.clone() if values is None else lapack.of_first_batch(values, own, 1),
    )


def _range_of(A, q, niter, M):
    """An orthonormal basis of nearly the range of A - M, from random combinations of its columns.

    Source: Halko, Martinsson, Tropp, SIAM Review 53 (2011) 217, algorithm 4.4.
    """

    def times(X):
        return A @ X if M is None else A @ X - M @ X

    def adjoint_times(X):
        return A.mH @ X if M is None else A.mH @ X - M.mH @ X

    Q = _orthonormal(times(fl.randn(A.size(-1), q, dtype=A.dtype, device=A.device)))
    # A round multiplies a direction's weight by the square of its singular value. After a thousand
    # no digit changes any more, but where values are so close that their order does not matter.
    for _ in range(min(niter, 1000)):
        Q = _orthonormal(adjoint_times(Q))
        Q = _orthonormal(times(Q))
    return Q


def _orthonormal(X):
    """The orthonormal columns of the QR factorization."""
    return fl.linalg.qr(X).Q


@composite(method=False, out=False)
def svd_lowrank(A, q=6, niter=2, M=None) -> tuple:
    """(U, S, V): about the q largest singular values of A - M and their vectors, by random projection.

    Example:
        >>> torch.svd_lowrank(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), 0)
        (tensor([], size=(2, 0)), tensor([]), tensor([], size=(2, 0)))
    """
    lapack.check_matrices("svd_lowrank", A)
    m, n = A.size(-2), A.size(-1)
    if M is not None:
        M = M.expand(A.shape)
    if m < n:
        V, S, U = svd_lowrank(A.mH, q, niter, None if M is None else M.mH)
        return U, S, V
    Q = _range_of(A, q, niter, M)
    B = Q.mH @ (A if M is None else A - M)
    U, S, Vh = linalg_svd(B, full_matrices=False)
    return Q @ U, S, Vh.mH


@composite(method=False, out=False)
def pca_lowrank(A, q=None, center: object = True, niter=2) -> tuple:
    """`svd_lowrank` of A with the mean of each column taken off (center).

    Example:
        >>> torch.pca_lowrank(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), 0)
        (tensor([], size=(2, 0)), tensor([]), tensor([], size=(2, 0)))
    """
    lapack.check_matrices("pca_lowrank", A)
    m, n = A.size(-2), A.size(-1)
    if q is None:
        q = min(6, m, n)
    elif not 0 <= q <= min(m, n):
        raise ValueError(
            f"pca_lowrank: q is {q}; it must be from 0 to {min(m, n)}, the smaller size of A."
        )
    if niter < 0:
        raise ValueError(f"pca_lowrank: niter is {niter}; it must be 0 or more.")
    return svd_lowrank(A - A.mean(-2, keepdim=True) if center else A, q, niter)
