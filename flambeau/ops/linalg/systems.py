"""Systems of equations, inverses and determinants."""

import math

from ... import _core
from ..core import operators as fl
from ..core.arguments import common_shape, every, some, wrap_dims
from ..core.declare import composite, primitive
from ..core.results import lazy_result_type
from . import lapack

_InvExResult = lazy_result_type("linalg_inv_ex", "inverse info")
_SolveExResult = lazy_result_type("linalg_solve_ex", "result info")
_SlogdetResult = lazy_result_type("linalg_slogdet", "sign logabsdet")
_OldSlogdetResult = lazy_result_type("slogdet", "sign logabsdet")
_TriangularSolveResult = lazy_result_type("triangular_solve", "solution cloned_coefficient")


_SINGULAR = "the matrix is singular"


@primitive(method=False, function=False)
def _inverse(ctx, A):
    """(X, info): A to A**-1 =: X. d X = -X dA X."""
    X, info = _core._inverse(A)
    return lapack.with_info(ctx, X, info, X)


@_inverse.derivative
def _(ctx, grad_output, _):
    (X,) = ctx.saved
    return -(X.mH @ grad_output @ X.mH)


@primitive(method=False, function=False)
def _solve(ctx, A, B):
    """(X, info): X = A**-1 B for matrices of one batch shape. d X = A**-1 (dB - dA X)."""
    X, info, LU, pivots = _core._solve(A, B)
    return lapack.with_info(ctx, X, info, A, X, LU, pivots)


@_solve.derivative
def _(ctx, grad_output, _):
    A, X, LU, pivots = ctx.saved
    if LU is None or fl.is_grad_enabled():
        grad_B, _ = _solve(A.mH, grad_output)
        if not (fl.is_grad_enabled() or every(grad_B.isfinite())):
            # An infinite pivot on A's diagonal stands beside it in A.mH: A's own factors go on.
            LU, pivots, _ = _core._lu(A.conj())
            grad_B = _core._solve_transposed(LU, pivots, grad_output)
    elif A.dtype.is_complex:
        grad_B = _core._solve_transposed(LU, pivots, grad_output.conj()).conj()
    else:
        grad_B = _core._solve_transposed(LU, pivots, grad_output)
    return -(grad_B @ X.mH), grad_B


@primitive(method=False, function=False)
def triangular_solution(ctx, A, B, upper, unitriangular, by_rows=False):
    """X = A**-1 B, where only one triangle of A counts; X lies by columns unless `by_rows`."""
    X = _core._solve_triangular(A, B, upper, unitriangular, by_rows)
    ctx.save_for_backward(A, X)
    ctx.upper, ctx.unitriangular = upper, unitriangular
    return X


@triangular_solution.derivative
def _(ctx, grad_output):
    A, X = ctx.saved
    grad_B = triangular_solution(A.mH, grad_output, not ctx.upper, ctx.unitriangular)
    grad_A = -(grad_B @ X.mH)
    offset = 1 if ctx.unitriangular else 0
    grad_A = grad_A.triu(offset) if ctx.upper else grad_A.tril(-offset)
    return grad_A, grad_B, None, None, None


@primitive(method=False, function=False)
def _determinant(ctx, A):
    """det(A) and d det = det(A) tr(A**-1 dA)."""
    result = _core._det(A)
    ctx.save_for_backward(A, result)
    return result


@_determinant.derivative
def _(ctx, grad_output):
    A, result = ctx.saved
    if A.size(-1) == 1:  # the number itself, infinite or not
        return grad_output.unsqueeze(-1).unsqueeze(-1)
    if some(result.abs() < fl.finfo(result.dtype).tiny):
        return grad_output.unsqueeze(-1).unsqueeze(-1) * _adjugate(A).mH
    inverse, info = _inverse(A)
    if some(info != 0):  # what is left of a determinant of 0 is no pivot
        return grad_output.unsqueeze(-1).unsqueeze(-1) * _adjugate(A).mH
    factor = grad_output * (result.conj() if result.dtype.is_complex else result)
    return factor.unsqueeze(-1).unsqueeze(-1) * inverse.mH


def _adjugate(A):
    """The adjugate of maybe singular matrices, from their singular values; it has no derivative of its own."""
    if A.is_meta:
        return fl.empty(A.shape, dtype=A.dtype, device="meta")
    import numpy

    values = lapack.array(A)
    unknown = ~numpy.isfinite(values).all((-1, -2), keepdims=True)
    U, S, Vh = numpy.linalg.svd(numpy.where(unknown, 0, values))
    others = numpy.stack([numpy.delete(S, i, -1).prod(-1) for i in range(S.shape[-1])], -1)
    phase = numpy.linalg.det(U) * numpy.linalg.det(Vh)
    V, Uh = Vh.conj().swapaxes(-1, -2), U.conj().swapaxes(-1, -2)
    adjugate = phase[..., None, None] * (V * others[..., None, :]) @ Uh
    return lapack.tensor(numpy.where(unknown, math.nan, adjugate).astype(values.dtype), A)


@primitive(method=False, function=False)
def _sign_and_log(ctx, A):
    """(det / abs(det), log(abs(det))). d log(det) = tr(A**-1 dA), its real part the second's."""
    sign, logarithm = _core._slogdet(A)
    ctx.save_for_backward(A, sign)
    return sign, logarithm


@_sign_and_log.derivative
def _(ctx, grad_sign, grad_logarithm):
    A, sign = ctx.saved
    factor = grad_logarithm
    if A.dtype.is_complex:
        factor = fl.complex(grad_logarithm, -(grad_sign.conj() * sign).imag)
    factor = factor.unsqueeze(-1).unsqueeze(-1)
    inverse, info = fl.linalg.inv_ex(A)
    singular = (info != 0).unsqueeze(-1).unsqueeze(-1)
    if some(singular):
        # The slopes are infinite, as far as the factors show; but nothing times them is nothing.
        LU, pivots, _ = fl.linalg.lu_factor_ex(A)
        identity = fl.eye(A.size(-1), dtype=A.dtype, device=A.device).expand(A.shape)
        inverse = fl.where(singular, fl.linalg.lu_solve(LU, pivots, identity), inverse)
        inverse = inverse.masked_fill(singular & (factor == 0), 0)
    return factor * inverse.mH


_NOT_INVERTIBLE = "the matrix is singular and has no inverse"


def _inverted(operator, A):
    lapack.check_matrices(operator, A, square=True)
    X, info = _inverse(A)
    lapack.raise_where(operator, info, _NOT_INVERTIBLE)
    return X


@composite(name="inv", namespaces=("linalg",), method=False, out="same", autocast="float32")
def linalg_inv(A):
    """The inverse of square matrices.

    Example:
        >>> torch.linalg.inv(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        tensor([[-2.0000,  1.0000],
                [ 1.5000, -0.5000]])
    """
    return _inverted("linalg.inv", A)


@composite(autocast="float32")
def inverse(input):
    """An alias of `linalg.inv`.

    Example:
        >>> torch.inverse(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        tensor([[-2.0000,  1.0000],
                [ 1.5000, -0.5000]])
    """
    return _inverted("inverse", input)


@composite(name="inv_ex", namespaces=("linalg",), method=False, autocast="float32")
def linalg_inv_ex(A, *, check_errors=False):
    """(inverse, info): info is 0 where the inverse exists; elsewhere the result is NaN.

    Example:
        >>> torch.linalg.inv_ex(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        torch.return_types.linalg_inv_ex(
        inverse=tensor([[-2.0000,  1.0000],
                [ 1.5000, -0.5000]]),
        info=tensor(0, dtype=torch.int32))
    """
    lapack.check_matrices("linalg.inv_ex", A, square=True)
    X, info = _inverse(A)
    return _InvExResult(_checked("linalg.inv_ex", X, info, check_errors, _NOT_INVERTIBLE), info)


def _checked(operator, X, info, check_errors, sentence):
    """X, with NaN for the matrices that info names; or an error."""
    if check_errors:
        lapack.raise_where(operator, info, sentence)
        return X
    failed = info != 0
    return X.masked_fill(failed[..., None, None], math.nan) if some(failed) else X


def _is_vector(A, B):
    return B.dim() == 1 or (B.dim() == A.dim() - 1 and tuple(B.shape) == tuple(A.shape[:-1]))


def _solve_equation(operator, A, B, left):
    lapack.check_matrices(operator, A, square=True)
    lapack.check_same_dtype(operator, A=A, B=B)
    vector = _is_vector(A, B)
    if vector and not left:
        raise RuntimeError(
            f"{operator}: with left=False, B must hold matrices; vectors are taken for left=True "
            "only."
        )
    if vector:
        B = B.unsqueeze(-1)
    elif B.dim() < 2:
        raise RuntimeError(f"{operator}: B {tuple(B.shape)} must have 2 dims or more.")
    if not left:
        A, B = A.mT, B.mT
    if A.size(-1) != B.size(-2):
        raise RuntimeError(
            f"{operator}: A {tuple(A.shape)} and B {tuple(B.shape)} do not fit: the size of A's "
            f"matrices must be B's number of {'rows' if left else 'columns'}."
        )
    X, info = _solve(*one_batch(operator, A, B))
    info = lapack.of_first_batch(info, A.shape[:-2])
    X = X if left else X.mT
    return X.squeeze(-1) if vector else X, info


def one_batch(operator, A, B):
    if A.dim() == B.dim() and (A.dim() == 2 or A.shape[:-2] == B.shape[:-2]):
        return A, B
    batch = common_shape(operator, A.shape[:-2], B.shape[:-2], what="batch")
    return A.expand(*batch, *A.shape[-2:]), B.expand(*batch, *B.shape[-2:])


@composite(name="solve", namespaces=("linalg",), method=False, out="same", autocast="float32")
@lapack.takes_nothing()
def linalg_solve(A, B, *, left=True):
    """X with A @ X = B, or X @ A = B with left=False."""
    X, info = _solve_equation("linalg.solve", A, B, left)
    lapack.raise_where("linalg.solve", info, _SINGULAR)
    return X


@composite(name="solve_ex", namespaces=("linalg",), method=False)
@lapack.takes_nothing()
def linalg_solve_ex(A, B, *, left=True, check_errors=False):
    """(result, info) of `linalg.solve`; info is the first zero pivot, counted from 1, or 0."""
    X, info = _solve_equation("linalg.solve_ex", A, B, left)
    if check_errors:
        lapack.raise_where("linalg.solve_ex", info, _SINGULAR)
    return _SolveExResult(X, info)


@composite(name="solve_triangular", namespaces=("linalg",), method=False, out="same")
def linalg_solve_triangular(A, B, *, upper, left=True, unitriangular=False):
    """X with A @ X = B, where A counts only on and above (upper) or below its diagonal."""
    lapack.check_matrices("linalg.solve_triangular", A, square=True)
    if B.numel() == 0:
        B = B.to(A.dtype)  # nothing is computed in it
    lapack.check_matrices("linalg.solve_triangular", B)
    lapack.check_same_dtype("linalg.solve_triangular", A=A, B=B)
    if not left:
        A, B, upper = A.mT, B.mT, not upper
    if A.size(-1) != B.size(-2):
        raise RuntimeError(
            f"linalg.solve_triangular: A {tuple(A.shape)} and B {tuple(B.shape)} do not fit: the "
            f"size of A's matrices must be B's number of {'rows' if left else 'columns'}."
        )
    A, B = one_batch("linalg.solve_triangular", A, B)
    X = triangular_solution(A, B, upper, unitriangular, not left)
    return X if left else X.mT


@composite(autocast="float32")
def triangular_solve(b, A, upper=True, transpose=False, unitriangular=False):
    """(solution, A) of A @ X = b for triangular A; see `linalg.solve_triangular`.

    Example:
        >>> torch.triangular_solve(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        torch.return_types.triangular_solve(
        solution=tensor([[-0.5000,  0.0000],
                [ 0.7500,  1.0000]]),
        cloned_coefficient=tensor([[1., 2.],
                [3., 4.]]))
    """
    _core._warn_once(
        "triangular_solve",
        "triangular_solve: is an old name. Use linalg.solve_triangular(A, b, upper=...).",
    )
    lapack.check_matrices("triangular_solve", A, square=True)
    lapack.check_matrices("triangular_solve", b)
    lapack.check_same_dtype("triangular_solve", b=b, A=A)
    matrix = A.mT if transpose else A
    solution = linalg_solve_triangular(
        matrix, b, upper=upper != transpose, unitriangular=unitriangular
    )
    return _TriangularSolveResult(solution, A.expand(*solution.shape[:-2], *A.shape[-2:]).clone())


def _det(operator, A):
    lapack.check_matrices(operator, A, square=True)
    return _determinant(A)


@composite(name="det", namespaces=("linalg",), method=False, out="same")
@lapack.takes_nothing()
def linalg_det(A):
    """The determinant of square matrices."""
    return _det("linalg.det", A)


@composite(out=False)
@lapack.takes_nothing()
def det(input):
    """The determinant of square matrices."""
    return _det("det", input)


@composite(name="slogdet", namespaces=("linalg",), method=False)
def linalg_slogdet(A):
    """(sign, logabsdet): det(A) = sign * exp(logabsdet).

    Example:
        >>> torch.linalg.slogdet(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        torch.return_types.linalg_slogdet(
        sign=tensor(-1.),
        logabsdet=tensor(0.6931))
    """
    lapack.check_matrices("linalg.slogdet", A, square=True)
    return _SlogdetResult(*_sign_and_log(A))


@composite
def slogdet(input):
    """(sign, logabsdet): det(input) = sign * exp(logabsdet).

    Example:
        >>> torch.slogdet(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        torch.return_types.slogdet(
        sign=tensor(-1.),
        logabsdet=tensor(0.6931))
    """
    return _OldSlogdetResult(*linalg_slogdet(input))


@composite(out=False)
def logdet(input):
    """log(det(input)); NaN where the determinant is negative.

    Example:
        >>> torch.logdet(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        tensor(nan)
    """
    lapack.check_matrices("logdet", input, square=True)
    sign, logarithm = _sign_and_log(input)
    if input.dtype.is_complex:
        return logarithm + sign.log()
    return fl.where(sign == -1, fl.full_like(logarithm, float("nan")), logarithm)


@composite(name="tensorinv", namespaces=("linalg",), method=False, autocast="float32")
def linalg_tensorinv(A, ind=2):
    """The inverse of A as a map of its last dimensions to its first `ind` ones.

    Example:
        >>> torch.linalg.tensorinv(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), 1)
        tensor([[-2.0000,  1.0000],
                [ 1.5000, -0.5000]])
    """
    if ind <= 0:
        raise RuntimeError(f"linalg.tensorinv: ind is {ind}; it must be 1 or more.")
    if ind > A.dim():
        raise RuntimeError(f"linalg.tensorinv: ind={ind}, but A has {A.dim()} dimensions.")
    first, last = A.shape[:ind], A.shape[ind:]
    if first.numel() != last.numel():
        raise RuntimeError(
            f"linalg.tensorinv: the sizes before and behind ind={ind} multiply to {first.numel()} "
            f"and {last.numel()}; they must be equal."
        )
    return linalg_inv(A.reshape(first.numel(), last.numel())).reshape(*last, *first)


@composite(name="tensorsolve", namespaces=("linalg",), method=False, autocast="float32")
def linalg_tensorsolve(A, B, dims=None):
    """X with tensordot(A, X, X.ndim) = B; `dims` of A are moved to its end first.

    Example:
        >>> torch.linalg.tensorsolve(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([1.0, 2.0]))
        tensor([0.0000, 0.5000])
    """
    if dims is not None:
        if not isinstance(dims, (tuple, list)):
            raise TypeError(
                f"linalg.tensorsolve: dims takes a sequence of ints, but got {dims!r} "
                f"({type(dims).__name__})."
            )
        dims = wrap_dims(dims, A.dim(), "linalg.tensorsolve")
        A = A.permute([d for d in range(A.dim()) if d not in dims] + dims)
    shape = A.shape[B.dim() :]
    if shape.numel() != B.numel():
        raise RuntimeError(
            f"linalg.tensorsolve: the sizes of A behind those of B multiply to {shape.numel()}, "
            f"but B has {B.numel()} elements. They must be equal."
        )
    matrix = A.reshape(B.numel(), shape.numel())
    X, info = _solve_equation("linalg.tensorsolve", matrix, B.reshape(-1), True)
    lapack.raise_where("linalg.tensorsolve", info, _SINGULAR)
    return X.reshape(shape)
