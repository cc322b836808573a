"""L D L^T factorizations of symmetric and Hermitian matrices, and solutions by them."""

from ... import _core
from ..core.arguments import common_shape, some
from ..core.declare import composite
from ..core.no_derivative import without_derivative
from ..core.results import lazy_result_type
from . import lapack

_LdlFactorResult = lazy_result_type("linalg_ldl_factor", "LD pivots")
_LdlFactorExResult = lazy_result_type("linalg_ldl_factor_ex", "LD pivots info")


@composite(name="ldl_factor_ex", namespaces=("linalg",), method=False)
@lapack.takes_nothing()
def linalg_ldl_factor_ex(A, *, hermitian=False, check_errors=False):
    """(LD, pivots, info): L and block-diagonal D of symmetric (or Hermitian) A = L D L^T in one matrix."""
    lapack.check_matrices("linalg.ldl_factor_ex", A, square=True)
    LD, pivots, info = _core._ldl_factor(A.detach(), hermitian)
    if check_errors and some(info):
        raise RuntimeError("linalg.ldl_factor_ex: the matrix is singular, and so is D.")
    return _LdlFactorExResult(without_derivative("linalg.ldl_factor_ex", LD, A), pivots, info)


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
    X = _core._ldl_solve(
        LD.detach().expand(*batch, *LD.shape[-2:]),
        pivots.expand(*batch, pivots.size(-1)),
        B.detach().expand(*batch, *B.shape[-2:]),
        hermitian,
    )
    return without_derivative("linalg.ldl_solve", X, LD, B)
