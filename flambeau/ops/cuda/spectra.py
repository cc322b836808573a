"""Eigenvalues of symmetric matrices and singular values on GPUs, of matrices that fit into a block's memory."""

from ... import _core
from ..core import operators as fl
from .launch import function
from .libraries import cusolver
from .linalg import _REAL, _count, _made, of_matrices, qr


def _size(dtype, m, n):
    from ...kernels.gpu import jacobi

    return jacobi.size_for(dtype.name, m, n) if dtype in _REAL and m and n else 0


def _orthogonal_columns(A):
    """(W, V, info) with A V = W, whose columns are orthogonal."""
    from ...kernels.gpu import jacobi

    (m, n), count, index = A.shape[-2:], _count(A), A.device.index
    key = A.dtype.name, _size(A.dtype, m, n)
    W, V = _made(A, *A.shape), _made(A, *A.shape[:-2], n, n)
    info = _made(A, *A.shape[:-2], dtype=_core.int32)
    found = function("jacobi", ("jacobi", *key), lambda: jacobi.write(*key), index)
    arguments = [[count, m, n], [W, V, A.contiguous(), info]]
    blocks = min(count, 65535)
    _core._cuda_launch(found, "jacobi", index, blocks, jacobi.THREADS, 0, arguments)
    return W, V, info


def _sorted(values, V, descending):
    values, order = values.sort(-1, descending=descending)
    return values, V.gather(-1, order.unsqueeze(-2).expand(V.shape)), order


@of_matrices("_eigh")
def eigh(A, upper, vectors=True):
    n = A.shape[-1]
    if not _size(A.dtype, n, n):
        return cusolver.eigh(A, upper, vectors) if cusolver.takes(A) else NotImplemented
    if A.dtype is _core.float32 and _size(_core.float64, n, n):
        # The shift below costs the last bits of small eigenvalues, which float64 has to spare.
        values, V, info = eigh(A.double(), upper, vectors)
        return values.float(), V.float(), info
    half = fl.triu(A) if upper else fl.tril(A)
    whole = half + half.mT - fl.diag_embed(A.diagonal(0, -2, -1))
    # Moved up until no eigenvalue is negative, the columns become the vectors times the values.
    shift = whole.square().sum((-2, -1), keepdim=True).sqrt()
    identity = fl.eye(n, dtype=A.dtype, device=A.device)
    _, V, info = _orthogonal_columns(whole + shift * identity)
    values = ((whole @ V) * V).sum(-2)
    values, V, _ = _sorted(values, V, False)
    return values, V, info


@of_matrices("_svd")
def svd(A, full, vectors=True):
    m, n = A.shape[-2:]
    if not _size(A.dtype, max(m, n), min(m, n)):
        return cusolver.svd(A, full, vectors) if cusolver.takes(A) else NotImplemented
    if m < n:
        U, S, Vh, info = svd(A.mT, full, vectors)
        return (Vh.mT, S, U.mT, info) if vectors else (U, S, Vh, info)
    W, V, info = _orthogonal_columns(A)
    S, V, order = _sorted(W.square().sum(-2).sqrt(), V, True)
    if not vectors:
        return W, S, V, info
    W = W.gather(-1, order.unsqueeze(-2).expand(W.shape))
    scaled = W / fl.where(S > 0, S, 1).unsqueeze(-2)
    # Exactly orthogonal, and a basis of the rest where singular values are 0.
    U, R = qr(scaled, bool(full))
    signs = R.diagonal(0, -2, -1).sign()
    signs = fl.where(signs == 0, 1, signs)
    if full and m > n:
        signs = _core.cat(
            [signs, _core.ones((*signs.shape[:-1], m - n), dtype=A.dtype, device=A.device)], -1
        )
    return U * signs.unsqueeze(-2), S, V.mT.contiguous(), info


@of_matrices("_least_squares")
def least_squares(A, B, rcond):
    """(X, rank) from singular values: those up to rcond times the largest count as 0."""
    factors = svd(A, False)
    if factors is NotImplemented or B.dtype is not A.dtype:
        return NotImplemented
    U, S, Vh, _ = factors
    kept = S > rcond * S.amax(-1, keepdim=True)
    inverse = fl.where(kept, 1 / fl.where(kept, S, 1), 0)
    X = Vh.mT @ (inverse.unsqueeze(-1) * (U.mT @ B))
    return X, kept.sum(-1)
