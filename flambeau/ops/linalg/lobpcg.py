"""A few eigenpairs of a large symmetric matrix, from products with it alone: lobpcg.

Loaded when it is asked for. Sources: Knyazev, SIAM J. Sci. Comput. 23 (2001) 517 (the iteration); Stathopoulos, Wu,
SIAM J. Sci. Comput. 23 (2002) 2165 (the basis orthogonalized by eigenvectors of its Gram matrix).
"""

from ... import _core
from ..core import operators as fl
from ..core.arguments import require_tensors
from ..core.declare import primitive, register


class _Iteration:
    """One eigenproblem while it is solved; what a tracker is given.

    A, B, iK: the arguments. X (m, n), E (n,): eigenvectors and values so far. R (m, n): A X - B X E. S: the basis of
    the last step. ivars: "istep", "converged_count". tvars: "rerr", the relative errors. bvars: "force_stop", which
    a tracker may set. iparams, fparams, bparams: m, n, k, niter; tol; largest.
    """

    def __init__(self, A, B, iK, X, k, niter, tol, largest, tracker):
        self.A, self.B, self.iK, self.X = A, B, iK, X
        self.iparams = {"m": A.size(-1), "n": X.size(-1), "k": k, "niter": niter}
        self.fparams, self.bparams = {"tol": tol}, {"largest": largest}
        self.ivars, self.fvars = {"istep": 0, "converged_count": 0}, {}
        self.bvars, self.tvars = {"force_stop": False}, {}
        self.tracker = tracker
        self.E = self.R = self.S = None

    def _times_b(self, X):
        return X if self.B is None else self.B @ X

    def _orthonormal(self, S):
        """A basis of the columns of S, orthonormal in the product of B; directions of no length are left out."""
        for _ in range(3):
            gram = S.mT @ self._times_b(S)
            scale = gram.diagonal().clamp(min=fl.finfo(S.dtype).tiny).rsqrt()
            values, vectors = fl.linalg.eigh(gram * scale * scale.unsqueeze(-1))
            kept = values > values[-1] * fl.finfo(S.dtype).eps * S.size(-1)
            values, vectors = values[kept], vectors[:, kept]
            S = S @ (scale.unsqueeze(-1) * vectors * values.rsqrt())
            if values.numel() == kept.numel() and float(values[-1]) < 2 * float(values[0]):
                break
        return S

    def _rotate(self, S):
        """Rayleigh and Ritz: the coordinates of the wanted eigenvectors in an orthonormal basis, and their values."""
        values, vectors = fl.linalg.eigh(S.mT @ (self.A @ S))
        if self.bparams["largest"]:
            values, vectors = values.flip(-1), vectors.flip(-1)
        n = self.iparams["n"]
        return values[:n], vectors[:, :n]

    def _is_done(self, norms):
        self.R = self.A @ self.X - self._times_b(self.X) * self.E
        length = fl.linalg.vector_norm(self.X, 2, 0)
        scale = length * (norms[0] + self.E.abs() * norms[1])
        self.tvars["rerr"] = errors = fl.linalg.vector_norm(self.R, 2, 0) / scale
        converged = errors[: self.iparams["k"]] <= self.fparams["tol"]
        self.ivars["converged_count"] = int(converged.sum())
        if self.tracker is not None:
            self.tracker(self)
        niter = self.iparams["niter"]
        return (
            self.bvars["force_stop"]
            or self.ivars["converged_count"] == self.iparams["k"]
            or (0 <= niter <= self.ivars["istep"])
        )

    def run(self):
        """(values, vectors) of the first k."""
        X0 = self.X
        length = fl.linalg.vector_norm(X0)
        norms = (
            fl.linalg.vector_norm(self.A @ X0) / length,
            fl.linalg.vector_norm(self._times_b(X0)) / length,
        )
        X = self._orthonormal(X0)
        if X.size(-1) < self.iparams["n"]:
            raise ValueError(
                f"lobpcg: the columns of X span {X.size(-1)} dimensions only, fewer than {self.iparams['n']}."
            )
        self.E, Z = self._rotate(X)
        self.X, P = X @ Z, None
        while not self._is_done(norms):
            W = self.R if self.iK is None else self.iK @ self.R
            parts = [self.X, W] if P is None else [self.X, W, P]
            others = fl.cat(parts[1:], -1)
            for _ in range(2):  # twice is enough (Kahan)
                others = others - self.X @ (self.X.mT @ self._times_b(others))
            others = self._orthonormal(others)
            self.S = fl.cat([self.X, others], -1)
            self.E, Z = self._rotate(self.S)
            n = self.iparams["n"]
            P = others @ Z[n:]
            self.X = self._orthonormal_step(self.S @ Z)
            self.ivars["istep"] += 1
        k = self.iparams["k"]
        return self.E[:k], self.X[:, :k]

    def _orthonormal_step(self, X):
        """X with the rounding of a step taken out, column by column in the order of the values."""
        gram = X.mT @ self._times_b(X)
        return X @ fl.linalg.inv(fl.linalg.cholesky(gram)).mT


@primitive(method=False, function=False, out=False)
def _lobpcg(ctx, A, B, iK, X, k, niter, tol, largest, tracker):
    found = []
    for place in range(A.numel() // (A.size(-1) ** 2) if A.dim() > 2 else 1):
        one = [_slice(t, place) for t in (A, B, iK, X)]
        found.append(_Iteration(*one, k, niter, tol, largest, tracker).run())
    values, vectors = (fl.stack(parts) for parts in zip(*found))
    batch = A.shape[:-2]
    values, vectors = values.reshape(*batch, k), vectors.reshape(*batch, -1, k)
    ctx.save_for_backward(A, values, vectors)
    ctx.is_generalized = B is not None
    return values, vectors


def _slice(tensor, place):
    if tensor is None or tensor.dim() == 2:
        return tensor
    return tensor.reshape(-1, *tensor.shape[-2:])[place]


@_lobpcg.derivative
def _(ctx, grad_values, grad_vectors):
    if ctx.is_generalized:
        raise NotImplementedError("lobpcg: it has no derivative where B is given.")
    A, values, vectors = ctx.saved
    # dE = x' dA x; dx = (E - A)^+ dA x, the pseudo-inverse from all eigenpairs.
    inner = fl.zeros_like(vectors) if grad_vectors is None else grad_vectors
    all_values, basis = fl.linalg.eigh(A)
    gaps = values.unsqueeze(-2) - all_values.unsqueeze(-1)  # (*, m, k)
    scale = all_values.abs().amax(-1)[..., None, None]
    is_own = gaps.abs() <= scale * fl.finfo(A.dtype).eps ** 0.5
    coefficients = fl.where(is_own, 0, basis.mT @ inner / fl.where(is_own, 1, gaps))
    left = basis @ coefficients
    if grad_values is not None:
        left = left + vectors * grad_values.unsqueeze(-2)
    grad = left @ vectors.mT
    return (grad + grad.mT) / 2, *(None,) * 8


def lobpcg(
    A, k=None, B=None, X=None, n=None, iK=None, niter=None, tol=None, largest=None, method=None, tracker=None,
    ortho_iparams=None, ortho_fparams=None, ortho_bparams=None,
):  # fmt: skip
    """(E, X): the k largest or smallest eigenvalues of A x = E B x, and their vectors.

    Args:
        A (Tensor): (*, m, m), symmetric; m must be 3 n or more.
        k (int, optional): how many; the columns of X, or 1.
        B (Tensor, optional): (*, m, m), symmetric and positive; the identity if left out.
        X (Tensor, optional): (*, m, n), where to begin, n at least k; random if left out.
        n (int, optional): columns of a random X; k.
        iK (Tensor, optional): (*, m, m), a preconditioner.
        niter (int, optional): the most steps; 1000. -1: until it converges.
        tol (float, optional): of the relative residuals; the square root of the dtype's eps.
        largest (bool, optional): True.
        method (str, optional): "ortho" or "basic": here both keep the basis orthonormal.
        tracker (callable, optional): called with the state before each step (see `_Iteration`); it may set
            bvars["force_stop"].
        ortho_iparams, ortho_fparams, ortho_bparams: not offered.

    Returns:
        tuple of Tensor: (*, k) and (*, m, k). Differentiable with respect to A where B is left out.

    Raises:
        ValueError: m is below 3 n, or method is none of both.

    Example:
        >>> import flambeau as torch
        >>> A = torch.diag(torch.arange(9.0))
        >>> torch.lobpcg(A, 2, X=torch.eye(9)[:, 6:8] + 0.1)[0]
        tensor([8.0000, 7.0000])
    """
    require_tensors("lobpcg", A=A)
    for name, value in (
        ("ortho_iparams", ortho_iparams),
        ("ortho_fparams", ortho_fparams),
        ("ortho_bparams", ortho_bparams),
    ):
        if value:
            raise NotImplementedError(f"lobpcg: {name} is not offered.")
    if method not in (None, "ortho", "basic"):
        raise ValueError(f"lobpcg: method is {method!r}; it must be 'ortho' or 'basic'.")
    if A.dim() < 2 or A.size(-1) != A.size(-2):
        raise RuntimeError(f"lobpcg: A {tuple(A.shape)} must be a square matrix, or several.")
    m = A.size(-1)
    k = (1 if X is None else X.size(-1)) if k is None else k
    n = X.size(-1) if X is not None else k if n is None else n
    if m < 3 * n:
        raise ValueError(
            f"lobpcg: A has {m} rows, fewer than 3 times the {n} columns of X. Use linalg.eigh."
        )
    if not 0 < k <= n:
        raise ValueError(f"lobpcg: k is {k}; it must be from 1 to {n}, the columns of X.")
    if not A.dtype.is_floating_point:
        raise NotImplementedError(f"lobpcg: A is {A.dtype}, but it must be float32 or float64.")
    if X is None:
        X = fl.randn((*A.shape[:-2], m, n), dtype=A.dtype, device=A.device)
    if A.requires_grad and _core.is_grad_enabled():
        A = (A + A.mT) / 2
    return _lobpcg(
        A, B, iK, X, k, 1000 if niter is None else niter, fl.finfo(A.dtype).eps ** 0.5 if tol is None else tol,
        True if largest is None else largest, tracker,
    )  # fmt: skip


register("lobpcg", lobpcg)
