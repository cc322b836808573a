"""Results of linear algebra lie by columns, as LAPACK and PyTorch have them, whichever loops made them."""

import numpy as np
import pytest

import flambeau as fl


def matrix(*sizes, dtype):
    """Always the same of these sizes."""
    random = np.random.default_rng(sizes)
    values = random.standard_normal(sizes)
    if dtype.startswith("complex"):
        values = values + 1j * random.standard_normal(sizes)
    return fl.from_numpy(values).to(getattr(fl, dtype))


def lies_by_columns(t):
    m = t.shape[-2]
    batch = (t.shape[-1] * m,) if t.dim() == 3 else ()
    return t.stride() == (*batch, 1, m)


def square_cases(A, B):
    P = A @ A.mH + fl.eye(A.shape[-1], dtype=A.dtype)
    S = A + A.mH
    return {
        "inv": lambda: [fl.linalg.inv(A)],
        "inv_ex": lambda: [fl.linalg.inv_ex(A)[0]],
        "solve": lambda: [fl.linalg.solve(A, B)],
        "solve from the right": lambda: [fl.linalg.solve(A, B.mT, left=False).mT],
        "solve_triangular": lambda: [fl.linalg.solve_triangular(A, B, upper=True)],
        "solve_triangular from the right": lambda: [
            fl.linalg.solve_triangular(A, B.mT, upper=True, left=False)
        ],
        "cholesky": lambda: [fl.linalg.cholesky(P)],
        "upper cholesky": lambda: [fl.linalg.cholesky(P, upper=True)],
        "cholesky_solve": lambda: [fl.cholesky_solve(B, P)],
        "cholesky_inverse": lambda: [fl.cholesky_inverse(P)],
        "lu_solve": lambda: [fl.linalg.lu_solve(*fl.linalg.lu_factor(A), B)],
        "adjoint lu_solve": lambda: [fl.linalg.lu_solve(*fl.linalg.lu_factor(A), B, adjoint=True)],
        "ldl_factor": lambda: [fl.linalg.ldl_factor(S)[0]],
        "ldl_solve": lambda: [fl.linalg.ldl_solve(*fl.linalg.ldl_factor(A), B)],
        "eigh": lambda: [fl.linalg.eigh(S)[1]],
    }


def cases(A, B):
    k = min(A.shape[-2:])
    taus = B[..., :k, 0]
    tall = A if A.shape[-2] >= A.shape[-1] else A.mT
    return {
        "qr": lambda: fl.linalg.qr(A),
        "complete qr": lambda: fl.linalg.qr(A, "complete"),
        "lu_factor": lambda: [fl.linalg.lu_factor(A)[0]],
        "geqrf": lambda: [fl.geqrf(A)[0]],
        "householder_product": lambda: [fl.linalg.householder_product(tall, taus)],
        "ormqr": lambda: [fl.ormqr(A, taus, B)],
        "svd": lambda: [fl.linalg.svd(A)[0], fl.linalg.svd(A)[2]],
    }


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128"])
@pytest.mark.parametrize("sizes", [(5, 5), (3, 5, 5), (40, 40), (2, 17, 17), (3, 6, 4), (3, 4, 6), (40, 20)])  # fmt: skip
@pytest.mark.parametrize("turned", [False, True])
def test_results_lie_by_columns(sizes, dtype, turned):
    A = matrix(*sizes, dtype=dtype)
    if turned:
        A = A.mT.contiguous().mT
    B = matrix(*sizes[:-1], 3, dtype=dtype)
    of = cases(A, B)
    if sizes[-1] == sizes[-2]:
        of.update(square_cases(A, B))
    for name, compute in of.items():
        for result in compute():
            assert lies_by_columns(result), (name, result.shape, result.stride())


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128"])
@pytest.mark.parametrize("n", [1, 2, 3, 5, 8, 15, 16, 17, 33])
def test_every_layout_and_each_matrix_alone_give_the_same(n, dtype):
    A = matrix(4, n, n, dtype=dtype) + 2 * fl.eye(n, dtype=getattr(fl, dtype))
    B = matrix(4, n, 3, dtype=dtype)
    apart = fl.stack([A, A], -1).flatten(-2)[..., ::2]
    limit = 2e-3 if dtype in ("float32", "complex64") else 1e-10
    of = square_cases(A, B) | cases(A, B)
    others = [(apart, B.mT.contiguous().mT), (A.mT.contiguous().mT, B)]
    strided = [square_cases(*given) | cases(*given) for given in others]
    alone = square_cases(A[3], B[3]) | cases(A[3], B[3])
    for name, compute in of.items():
        for i, whole in enumerate(compute()):
            size = limit * max(1, whole.abs().max().item())
            for other in strided:
                assert (whole - other[name]()[i]).abs().max() < size, name
            assert (whole[3] - alone[name]()[i]).abs().max() < size, name


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128"])
@pytest.mark.parametrize("n", [1, 2, 3, 7, 8, 16, 17, 40])
@pytest.mark.parametrize("k", [1, 2, 3, 20])
def test_solutions_solve(n, k, dtype):
    A = matrix(3, n, n, dtype=dtype) + 4 * fl.eye(n, dtype=getattr(fl, dtype))
    B = matrix(3, n, k, dtype=dtype)
    limit = 1e-3 if dtype in ("float32", "complex64") else 1e-11
    signs = fl.diag(24 * (-1.0) ** fl.arange(n)).to(A.dtype)  # far from singular, not definite
    P, S, H = A @ A.mH, A + A.mT + signs, A + A.mH + signs
    factors = fl.linalg.lu_factor(A)
    by_rows = factors[0].contiguous()
    residuals = {
        "solve": A @ fl.linalg.solve(A, B) - B,
        "inv": A @ fl.linalg.inv(A) @ B - B,
        "cholesky_solve": P @ fl.cholesky_solve(B, fl.linalg.cholesky(P)) - B,
        "lu_solve": A @ fl.linalg.lu_solve(*factors, B) - B,
        "of factors by rows": A @ fl.linalg.lu_solve(by_rows, factors[1], B) - B,
        "adjoint": A.mH @ fl.linalg.lu_solve(*factors, B, adjoint=True) - B,
        "adjoint by rows": A.mH @ fl.linalg.lu_solve(by_rows, factors[1], B, adjoint=True) - B,
        "right": fl.linalg.lu_solve(*factors, B.mT, left=False) @ A - B.mT,
        "right adjoint": fl.linalg.lu_solve(*factors, B.mT, left=False, adjoint=True) @ A.mH - B.mT,
        "upper": A.triu() @ fl.linalg.solve_triangular(A, B, upper=True) - B,
        "lower from the right": fl.linalg.solve_triangular(A, B.mT, upper=False, left=False) @ A.tril() - B.mT,
        "ldl": S @ fl.linalg.ldl_solve(*fl.linalg.ldl_factor(S), B) - B,
        "hermitian ldl": H @ fl.linalg.ldl_solve(*fl.linalg.ldl_factor(H, hermitian=True), B, hermitian=True) - B,
    }  # fmt: skip
    for name, residual in residuals.items():
        scale = 1e3 if "ldl" in name or name == "cholesky_solve" else 10
        assert residual.abs().max() < limit * scale, name
    permutation, L, U = fl.linalg.lu(A)
    assert (permutation @ L @ U - A).abs().max() < limit


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128"])
@pytest.mark.parametrize("m, n", [(1, 1), (2, 2), (5, 3), (3, 5), (16, 16), (32, 16), (33, 16), (40, 40), (70, 50), (20, 45)])  # fmt: skip
def test_reflections_make_q(m, n, dtype):
    A, B = matrix(2, m, n, dtype=dtype), matrix(2, m, 3, dtype=dtype)
    limit = 2e-4 if dtype in ("float32", "complex64") else 1e-12
    factors, taus = fl.geqrf(A)
    k = min(m, n)
    Q = fl.linalg.householder_product(factors[..., :k], taus)
    assert (Q @ factors[..., :k, :].triu() - A).abs().max() < limit
    assert (Q.mH @ Q - fl.eye(k, dtype=Q.dtype)).abs().max() < limit
    want = np.linalg.qr(A.numpy())[1]
    np.testing.assert_allclose(factors[..., :k, :].triu().numpy(), want, atol=limit)
    whole = fl.linalg.qr(A, "complete")[0]
    if m > n:  # the full Q by the same reflections
        padded = fl.cat([factors, matrix(2, m, m - n, dtype=dtype)], -1)
        whole = fl.linalg.householder_product(padded, taus)
        assert whole.shape == (2, m, m)
    for transpose in (False, True):
        turn = whole.mH if transpose else whole
        got = fl.ormqr(factors, taus, B, transpose=transpose)
        assert (got - turn @ B).abs().max() < limit
        got = fl.ormqr(factors, taus, B.mT, left=False, transpose=transpose)
        assert (got - B.mT @ turn).abs().max() < limit
    # The composed form, which has derivatives, says the same of any factors.
    taus = matrix(2, k, dtype=dtype) / 3
    composed = fl.linalg.householder_product(factors[..., :k].clone().requires_grad_(), taus)
    assert composed.requires_grad
    own = fl.linalg.householder_product(factors[..., :k], taus)
    assert ((composed - own).abs() <= limit * own.abs().max()).all()


def test_factors_and_solutions_are_the_same_bits_with_any_number_of_threads():
    before = fl.get_num_threads()
    A, B = matrix(70, 6, 6, dtype="complex64"), matrix(70, 6, 2, dtype="complex64")
    results = []
    try:
        for threads in (1, 2, 3, 16):
            fl.set_num_threads(threads)
            of = square_cases(A, B) | cases(A, B)
            results.append([r.numpy() for compute in of.values() for r in compute()])
    finally:
        fl.set_num_threads(before)
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(a, b)
