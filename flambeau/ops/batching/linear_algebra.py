"""Rules of linear algebra and Fourier transforms: all take any dimensions in front of those they work on."""

from ... import _core
from .. import fourier, numbers
from ..linalg import cholesky, ldl, lu, orthogonal, singular, spectra, systems
from .values import Tensor, batched, front, full, joint_levels, on_values, rule, same_for, shifted


@same_for(
    *(
        getattr(_core, name)
        for name in (
            "_cholesky _det _eig _eigh _inverse _ldl_factor _least_squares _lu _permutation _product_of_reflections "
            "_qr _reflections _slogdet _solve _solve_factored _solve_transposed _solve_triangular _svd "
            "_times_reflections _triangles"
        ).split()
    ),
    cholesky._cholesky,
    cholesky._cholesky_solve,
    orthogonal._qr,
    orthogonal._complete_qr,
    lu._lu_factor,
    orthogonal.geqrf,
    ldl.linalg_ldl_factor_ex,
    numbers._frexp,
    spectra.linalg_eigvals,
    spectra._eigh,
    spectra._eig,
    singular._svd,
    singular._singular_values,
    singular._least_squares,
    systems._inverse,
    systems._solve,
    systems.triangular_solution,
    systems._determinant,
    systems._sign_and_log,
)
def _(operator, *args, **kwargs):
    return on_values(operator, *args, **kwargs)


@rule(singular._pseudo_inverse)
def _(A, atol, rtol, hermitian):
    """Tolerances are one for each matrix."""
    levels = joint_levels(A, atol, rtol)
    limits = [
        full(limit, levels, A.dim() - 2) if isinstance(limit, Tensor) else limit
        for limit in (atol, rtol)
    ]
    return batched(singular._pseudo_inverse(full(A, levels), *limits, hermitian), levels)


@rule(ldl.linalg_ldl_solve)
def _(LD, pivots, B, *, hermitian=False):
    ndim = max(LD.dim(), B.dim())
    if min(LD.dim(), B.dim()) < 2:  # refused there
        return _core._run_inside(ldl.linalg_ldl_solve, LD, pivots, B)
    levels = joint_levels(LD, pivots, B)
    given = full(LD, levels, ndim), full(pivots, levels, ndim - 1), full(B, levels, ndim)
    return batched(ldl.linalg_ldl_solve(*given, hermitian=hermitian), levels)


@rule(_core._cross)
def _(input, other, dim):
    levels = joint_levels(input, other)
    return batched(
        _core._cross(full(input, levels), full(other, levels), dim + len(levels)), levels
    )


@rule(_core._distances)
def _(x1, x2, p):
    levels = joint_levels(x1, x2)
    x1, x2 = (x if x is None else full(x, levels) for x in (x1, x2))
    return batched(_core._distances(x1, x2, p), levels)


@rule(_core._distances_backward)
def _(grad, x1, x2, distance, p):
    levels = joint_levels(grad, x1, x2, distance)
    grad, x1, x2, distance = (x if x is None else full(x, levels) for x in (grad, x1, x2, distance))
    return batched(_core._distances_backward(grad, x1, x2, distance, p), levels)


@rule(fourier._complex_to_complex)
def _(input, dims, scale, forward):
    levels = joint_levels(input)
    places = tuple(shifted(list(dims), len(levels)))
    return batched(
        fourier._complex_to_complex(front(input, levels), places, scale, forward), levels
    )


@rule(fourier._real_to_half)
def _(input, dim, scale, forward):
    levels = joint_levels(input)
    place = shifted(dim % input.dim(), len(levels))
    return batched(fourier._real_to_half(full(input, levels), place, scale, forward), levels)


@rule(fourier._half_to_real)
def _(input, dim, scale, forward, size):
    levels = joint_levels(input)
    place = shifted(dim % input.dim(), len(levels))
    return batched(fourier._half_to_real(full(input, levels), place, scale, forward, size), levels)
