"""The solvers and factorizations of PyTorch 0.1 to 0.4, by the names of LAPACK's routines.

Each is today's function under its old name, arguments in their old order; results are tuples as they were.
"""

from ... import _core
from ..core import operators as fl
from ..core.declare import METHODS, register


def _into(out, *results):
    """The results, in the tensors of `out` if there are any."""
    if out is not None:
        for tensor, result in zip(
            out if isinstance(out, tuple | list) else (out,), results, strict=True
        ):
            tensor.resize_(result.shape).copy_(result)
        return out
    return results if len(results) > 1 else results[0]


def gesv(B, A, out=None):
    """(X, LU): A @ X = B for square A, and the factors of A in one matrix. Today: linalg.solve.

    Example:
        >>> X, LU = torch.gesv(torch.ones(2, 1), 2 * torch.eye(2))
        >>> X
        tensor([[0.5000],
                [0.5000]])
    """
    return _into(out, fl.linalg.solve(A, B), fl.linalg.lu_factor(A)[0])


def gels(B, A, out=None):
    """(X, QR) with X the least squares solution of A @ X = B, and the QR factors of A in one matrix.

    B is (M, K) and A (M, N). X has max(M, N) rows: the first N are the solution, those below, if M > N, have in each
    column the residual, as coordinates in an orthonormal basis. Today: linalg.lstsq.
    """
    rows, columns = A.shape
    factors = fl.geqrf(A)[0]
    if rows < columns:
        return _into(out, fl.linalg.lstsq(A, B).solution, factors)
    q, r = fl.linalg.qr(A, mode="complete")
    turned = q.mT @ B
    solution = fl.linalg.solve_triangular(r[:columns], turned[:columns], upper=True)
    return _into(out, fl.cat([solution, turned[columns:]]), factors)


def potrf(a, upper=True, out=None):
    """The Cholesky factor of a positive definite matrix: a = u.T @ u, or l @ l.T if not upper. Today: linalg.cholesky."""
    return _into(out, fl.linalg.cholesky(a, upper=upper))


def potri(u, upper=True, out=None):
    """The inverse of a matrix, from its Cholesky factor. Today: cholesky_inverse."""
    return _into(out, fl.cholesky_inverse(u, upper))


def potrs(b, u, upper=True, out=None):
    """X with a @ X = b, from the Cholesky factor of a. Today: cholesky_solve."""
    return _into(out, fl.cholesky_solve(b, u, upper))


def pstrf(a, upper=True, tol=-1, out=None):
    """(u, piv): the Cholesky factor of a positive semidefinite matrix whose rows and columns are taken in the order piv.

    a[piv][:, piv] = u.T @ u (l @ l.T if not upper). It ends where the largest remaining element of the diagonal is at most
    tol (by default N * eps * the largest of a's); the rest of u is 0.

    Source: Higham, "Analysis of the Cholesky decomposition of a semi-definite matrix", 1990.
    """
    n = a.size(0)
    rest, factor = a.detach().clone(), _core.zeros((n, n), dtype=a.dtype, device=a.device)
    order = list(range(n))
    diagonal = rest.diagonal().max().item() if n else 0.0
    least = tol if tol >= 0 else n * fl.finfo(a.dtype).eps * diagonal
    for k in range(n):
        place = k + rest.diagonal()[k:].argmax().item()
        if rest[place, place].item() <= least:
            break
        if place != k:
            swap = list(range(n))
            swap[k], swap[place] = place, k
            rest, factor = rest[swap][:, swap], factor[swap]
            order[k], order[place] = order[place], order[k]
        column = rest[k:, k] / rest[k, k].sqrt()
        factor[k:, k] = column
        rest[k:, k:] -= fl.outer(column, column)
    factor = factor.mT.contiguous() if upper else factor
    return _into(out, factor, fl.tensor(order, dtype=_core.int32))


def trtrs(b, A, upper=True, transpose=False, unitriangular=False, out=None):
    """(X, A): A @ X = b (A.T @ X = b if transpose) for triangular A. Today: linalg.solve_triangular."""
    return _into(out, *fl.triangular_solve(b, A, upper, transpose, unitriangular))


def btrifact(A, info=None, pivot=True):
    """(LU, pivots) of each matrix of a batch; `info`, an int tensor, is filled with 0 for each. Today: linalg.lu_factor."""
    factors, pivots = fl.linalg.lu_factor(A, pivot=pivot)
    if info is not None:
        info.resize_(A.shape[:-2]).zero_()
    return factors, pivots


def btrisolve(b, LU_data, LU_pivots):
    """x (B, N) with A @ x = b, from btrifact(A), for each matrix of a batch. Today: linalg.lu_solve."""
    return fl.linalg.lu_solve(LU_data, LU_pivots, b.unsqueeze(-1)).squeeze(-1)


def btriunpack(LU_data, LU_pivots, unpack_data=True, unpack_pivots=True):
    """(P, L, U) with A = P @ L @ U, from btrifact(A); None for what is not wanted. Today: lu_unpack."""
    permutation, lower, upper = fl.lu_unpack(LU_data, LU_pivots, unpack_data, unpack_pivots)
    data = (lower, upper) if unpack_data else (None, None)
    return (permutation if unpack_pivots else None, *data)


for _function in (gels, gesv, potrf, potri, potrs, pstrf):
    register(_function.__name__, _function, method=True)
for _function in (btrifact, btrisolve, btriunpack):
    register(_function.__name__, _function)
register("trtrs", trtrs, method=True)


def masked_copy_(self, mask, source):
    """The older name of masked_scatter_; the mask may be of 0 and 1."""
    return self.masked_scatter_(mask.bool(), source)


def masked_copy(self, mask, source):
    """The older name of masked_scatter; the mask may be of 0 and 1."""
    return self.masked_scatter(mask.bool(), source)


METHODS["masked_copy_"], METHODS["masked_copy"] = masked_copy_, masked_copy
