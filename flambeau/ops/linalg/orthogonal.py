"""QR factorizations, and products of the reflections that make them."""

from ... import _core
from ..core import operators as fl
from ..core.attach import attached
from ..core.declare import composite, primitive
from ..core.no_derivative import without_derivative
from ..core.results import lazy_result_type
from . import lapack

_QrResult = lazy_result_type("linalg_qr", "Q R")
_OldQrResult = lazy_result_type("qr", "Q R")
_GeqrfResult = lazy_result_type("geqrf", "a tau")


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
    lapack.check_matrices("geqrf", input)
    found = None
    if input.is_cuda:
        from ..cuda.linalg import geqrf as on_device

        found = on_device(input.detach())
    factors = found or _core._reflections(input.detach())
    return _GeqrfResult(*(without_derivative("geqrf", t, input) for t in factors))


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


def _is_composed(*tensors):
    """Whether operators with derivatives are asked for; on a GPU they are what there is."""
    return tensors[0].is_cuda or (
        _core.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors)
    )


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
    if _is_composed(A, tau):
        return _reflections(A, tau)[..., : A.size(-1)]
    return _core._product_of_reflections(A, tau)


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
    if _is_composed(input, tau, other):
        Q = _reflections(input, tau)
        if transpose:
            Q = Q.mH
        return Q @ other if left else other @ Q
    if left:
        return _core._times_reflections(input, tau, other, transpose)
    return _core._times_reflections(input, tau, other.mH, not transpose).mH
