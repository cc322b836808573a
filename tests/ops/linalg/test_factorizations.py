"""Matrices as products of triangular, orthogonal and permutation ones."""

import numpy
import pytest

import flambeau
from flambeau.autograd import gradcheck, gradgradcheck

linalg = flambeau.linalg


def positive(random, complex=False):
    A = random(3, 3, complex=complex)
    return A @ A.mH + flambeau.eye(3, dtype=A.dtype)


@pytest.mark.parametrize("complex", [False, True])
def test_cholesky(agrees, random, complex):
    A = positive(random, complex)
    L = linalg.cholesky(A)
    agrees(L, numpy.linalg.cholesky(A.numpy()))
    agrees(linalg.cholesky(A, upper=True), L.mH)
    B = random(3, 2, complex=complex)
    agrees(flambeau.cholesky_solve(B, L), numpy.linalg.solve(A.numpy(), B.numpy()))
    agrees(flambeau.cholesky_inverse(L), numpy.linalg.inv(A.numpy()))
    root = random(3, 3, complex=complex).requires_grad_()

    def f(root):
        return linalg.cholesky(root @ root.mH + 2 * flambeau.eye(3, dtype=root.dtype))

    assert gradcheck(f, (root,))
    assert gradgradcheck(f, (root,))


def test_cholesky_of_an_indefinite_matrix():
    with pytest.raises(linalg.LinAlgError, match="positive-definite"):
        linalg.cholesky(-flambeau.eye(2))


@pytest.mark.parametrize("shape", [(3, 3), (4, 3), (3, 4), (2, 4, 3)])
@pytest.mark.parametrize("complex", [False, True])
def test_qr(agrees, random, shape, complex):
    A = random(*shape, complex=complex).requires_grad_()
    Q, R = linalg.qr(A)
    agrees(Q @ R, A.detach())
    k = min(shape[-2:])
    agrees(Q.mH @ Q, flambeau.eye(k, dtype=A.dtype).expand(*shape[:-2], k, k))
    assert flambeau.equal(R.triu(), R)
    if not complex:
        assert gradcheck(linalg.qr, (A,))


@pytest.mark.parametrize("dtype", [flambeau.float32, flambeau.float64])
def test_small_qr_is_that_of_lapack(dtype):
    unit = flambeau.finfo(dtype).eps
    generator = numpy.random.default_rng(0)
    for m, n in ((1, 1), (2, 5), (5, 2), (8, 8), (16, 16), (17, 16), (32, 3), (33, 3), (20, 17)):
        for layout in ("plain", "turned"):
            A = flambeau.from_numpy(generator.standard_normal((70, m, n))).to(dtype)
            A[3, :, 0] = 0
            A[4] = 0
            if layout == "turned":
                A = A.mT.contiguous().mT
            Q, R = linalg.qr(A)
            expected = numpy.linalg.qr(A.double().numpy())
            good = [b for b in range(70) if b not in (3, 4)]
            assert abs(Q.double().numpy() - expected[0])[good].max() < 2e4 * unit
            assert abs(R.double().numpy() - expected[1])[good].max() < 2e4 * unit
            assert (Q @ R - A).abs().max() < 100 * unit
            k = min(m, n)
            assert (Q.mT @ Q - flambeau.eye(k, dtype=dtype)).abs().max() < 100 * unit
    huge = flambeau.full((3, 3), 1e200, dtype=flambeau.float64).tril()
    assert linalg.qr(huge).R.isfinite().all()


def test_qr_modes(random):
    A = random(4, 2)
    Q, R = linalg.qr(A, "complete")
    assert Q.shape == (4, 4) and R.shape == (4, 2)
    assert linalg.qr(A, "r").Q.numel() == 0
    complete = linalg.qr(A.requires_grad_(), "complete")
    with pytest.raises(RuntimeError, match="backward of linalg.qr: with mode='complete'"):
        complete.R.sum().backward()


@pytest.mark.parametrize("complex", [False, True])
def test_qr_of_infinities_leaves_no_numbers_behind(complex):
    dtype = flambeau.complex64 if complex else flambeau.float32
    inf = float("inf")
    A = flambeau.tensor([[-inf, -0.5], [-0.25, -0.75]], dtype=dtype)
    R = linalg.qr(A).R
    assert R[0, 1].isnan() and R[1, 1].isnan() and R[1, 0] == 0
    tall = flambeau.ones(4, 3, dtype=dtype)
    tall[1, 1], tall[3, 2] = inf, 5
    Q, R = linalg.qr(tall)
    assert R[:, 0].isfinite().all() and not R[0, 1].isfinite()
    assert R[1, 1].isnan() and R[1:, 2].isnan().all()
    assert Q[:, 0].isfinite().all() and Q[:, 1:].isnan().all()
    wide = flambeau.eye(2, 4, dtype=dtype)
    wide[0, 3] = inf
    Q, R = linalg.qr(wide)
    assert flambeau.equal(Q.abs(), flambeau.eye(2)) and R[:, :3].isfinite().all()
    assert R[1, 3].isnan()


def test_householder_vectors(agrees, random):
    A = random(4, 3)
    a, tau = flambeau.geqrf(A)
    Q = linalg.householder_product(a, tau)
    agrees(Q @ a[:3].triu(), A)
    B = random(4, 2)
    full = flambeau.ormqr(a, tau, flambeau.eye(4, dtype=flambeau.float64))
    agrees(flambeau.ormqr(a, tau, B), full @ B)
    agrees(flambeau.ormqr(a, tau, B, transpose=True), full.mT @ B)


@pytest.mark.parametrize("shape", [(3, 3), (4, 3), (3, 4), (2, 3, 3), (0, 3)])
@pytest.mark.parametrize("complex", [False, True])
def test_lu(agrees, random, shape, complex):
    A = random(*shape, complex=complex)
    P, L, U = linalg.lu(A)
    agrees(P @ L @ U, A)
    LU, pivots = linalg.lu_factor(A)
    assert pivots.dtype == flambeau.int32
    agrees(list(flambeau.lu_unpack(LU, pivots)), [P, L, U])
    if A.numel() and not complex:
        assert gradcheck(lambda A: linalg.lu(A)[1:], (A.requires_grad_(),))


@pytest.mark.parametrize("adjoint", [False, True])
def test_lu_solve(agrees, random, adjoint):
    A, B = random(3, 3), random(3, 2)
    LU, pivots = linalg.lu_factor(A)
    matrix = A.numpy().T if adjoint else A.numpy()
    agrees(linalg.lu_solve(LU, pivots, B, adjoint=adjoint), numpy.linalg.solve(matrix, B.numpy()))
    right = linalg.lu_solve(LU, pivots, B.t(), left=False, adjoint=adjoint)
    agrees(right, B.numpy().T @ numpy.linalg.inv(matrix))
    agrees(flambeau.lu_solve(B, LU, pivots), numpy.linalg.solve(A.numpy(), B.numpy()))


@pytest.mark.parametrize("hermitian", [False, True])
@pytest.mark.parametrize("complex", [False, True])
def test_ldl(agrees, random, hermitian, complex):
    A, B = random(2, 4, 4, complex=complex), random(4, 3, complex=complex)
    A = A + (A.mH if hermitian else A.mT)
    LD, pivots = linalg.ldl_factor(A, hermitian=hermitian)
    assert pivots.dtype == flambeau.int32
    X = linalg.ldl_solve(LD, pivots, B, hermitian=hermitian)
    agrees(X, numpy.linalg.solve(A.numpy(), B.numpy()))
    assert linalg.ldl_factor_ex(A, hermitian=hermitian).info.tolist() == [0, 0]


def test_pivots_are_checked(random):
    # The library swaps whatever rows it is told to, also beyond the matrix.
    A, B = random(3, 3), random(3, 2)
    LU, pivots = linalg.lu_factor(A)
    LD, swaps = linalg.ldl_factor(A + A.mT)
    for bad in (0, 4, -4, 2**31 - 1):
        pivots[0] = bad
        for call in (
            lambda: linalg.lu_solve(LU, pivots, B),
            lambda: flambeau.lu_unpack(LU, pivots),
            lambda: linalg.ldl_solve(LD, pivots, B),
        ):
            with pytest.raises(RuntimeError, match="pivots name rows from 1 to 3"):
                call()
    for call in (
        lambda: linalg.lu_solve(LU, swaps[:2], B),
        lambda: linalg.ldl_solve(LD, swaps[:2], B),
    ):
        with pytest.raises(RuntimeError, match=r"pivots \(2,\) do not belong to factors \(3, 3\)"):
            call()
    with pytest.raises(RuntimeError, match="pivots must be int32"):
        flambeau.lu_unpack(LU, pivots.long())


def test_singular_factors_are_refused():
    zeros = flambeau.zeros(2, 2, 2)
    zeros[0] = flambeau.eye(2)
    for call in (linalg.lu_factor, linalg.ldl_factor, flambeau.cholesky_inverse, flambeau.lu):
        with pytest.raises(linalg.LinAlgError, match=r"\(matrix 1 of the batch\)"):
            call(zeros)
    assert linalg.lu_factor_ex(zeros).info.tolist() == [0, 1]


def test_different_dtypes_are_refused(random):
    A, tau = random(3, 3), random(3)
    single = A.float()
    for call in (
        lambda: linalg.lu_solve(*linalg.lu_factor(A), single),
        lambda: flambeau.cholesky_solve(A, single),
        lambda: linalg.solve(A, single),
        lambda: linalg.lstsq(A, single),
        lambda: linalg.householder_product(A, tau.float()),
        lambda: flambeau.ormqr(A, tau, single),
        lambda: linalg.ldl_solve(*linalg.ldl_factor(A + A.mT), single),
    ):
        with pytest.raises(RuntimeError, match="float64.*float32|float32.*float64"):
            call()


@pytest.mark.parametrize("batch", [(), (0,), (65,), (1025,), (2, 3)])
def test_stacks_of_any_count(random, batch):
    A = random(*batch, 3, 3).mT
    A = A @ A.mH + flambeau.eye(3, dtype=A.dtype)
    for made in (
        linalg.cholesky(A) @ linalg.cholesky(A).mH,
        flambeau.Tensor.__matmul__(*linalg.qr(A)),
        linalg.lu(A).P @ linalg.lu(A).L @ linalg.lu(A).U,
        linalg.inv(linalg.inv(A)),
        linalg.ldl_solve(*linalg.ldl_factor(A), A) @ A,
        linalg.lu_solve(*linalg.lu_factor(A), A) @ A,
    ):
        assert flambeau.allclose(made, A)


def test_matrices_of_nothing_in_half_precision_give_named_results():
    U, S, Vh = linalg.svd(flambeau.empty(0, 5, 0, dtype=flambeau.bfloat16))
    assert U.dtype == S.dtype == Vh.dtype == flambeau.bfloat16 and U.shape == (0, 5, 5)
    found = linalg.eigh(flambeau.empty(2, 0, 0, dtype=flambeau.bool))
    assert found.eigenvalues.shape == (2, 0) and found.eigenvectors.dtype == flambeau.bool


@pytest.mark.parametrize(
    "shape", [(50, 3, 3), (2, 9, 9), (7, 4, 6), (9, 6, 4), (0, 3, 3), (3, 0, 0), (1, 1)]
)
def test_row_swaps_of_stacks_are_permutations(shape):
    A = flambeau.randn(*shape, dtype=flambeau.float64)
    P, L, U = flambeau.lu_unpack(*linalg.lu_factor(A))
    assert P.shape == (*shape[:-1], shape[-2])
    assert flambeau.allclose(P @ L @ U, A)


@pytest.mark.parametrize("shape", [(9, 4), (5, 5), (4, 9), (3, 7, 4)])
def test_gradients_of_least_squares_are_those_of_the_pseudo_inverse(shape):
    A = flambeau.randn(*shape, dtype=flambeau.float64, requires_grad=True)
    B = flambeau.randn(*shape[:-1], 2, dtype=flambeau.float64, requires_grad=True)
    grad = flambeau.randn(*shape[:-2], shape[-1], 2, dtype=flambeau.float64)
    found = flambeau.autograd.grad(linalg.lstsq(A, B).solution, (A, B), grad)
    expected = flambeau.autograd.grad(linalg.pinv(A) @ B, (A, B), grad)
    assert all(flambeau.allclose(x, y) for x, y in zip(found, expected, strict=True))


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128"])
@pytest.mark.parametrize("n", [0, 1, 2, 5, 16, 17, 40])
def test_inverse_of_a_cholesky_factor(n, dtype):
    """Of stacks, from either triangle and layout; what stands in the other triangle is not read."""
    rng = numpy.random.default_rng(n)
    root = rng.standard_normal((3, n, n))
    if "complex" in dtype:
        root = root + 1j * rng.standard_normal((3, n, n))
    A = root @ root.conj().swapaxes(1, 2) + n * numpy.eye(n)
    expected = numpy.linalg.inv(A)
    factor = numpy.linalg.cholesky(A) + numpy.triu(rng.standard_normal((n, n)), 1)
    for upper in (False, True):
        given = (factor.conj().swapaxes(1, 2) if upper else factor).astype(dtype)
        for L in (flambeau.tensor(given), flambeau.tensor(given.swapaxes(1, 2).copy()).mT):
            found = flambeau.cholesky_inverse(L, upper)
            tolerance = 40 * numpy.finfo(dtype).eps * numpy.abs(expected).max(initial=1e-300)
            numpy.testing.assert_allclose(found.numpy(), expected, atol=tolerance, rtol=0)
            assert flambeau.equal(found, found.mH) or "complex" in dtype
            again = flambeau.cholesky_inverse(L.detach().requires_grad_(), upper)
            numpy.testing.assert_allclose(again.detach().numpy(), expected, atol=tolerance, rtol=0)


@pytest.mark.parametrize("n", [3, 20])
def test_inverse_of_a_factor_with_a_zero_on_its_diagonal(n):
    L = flambeau.eye(n).repeat(2, 1, 1)
    L[1, 2, 2] = 0
    with pytest.raises(linalg.LinAlgError, match="matrix 1 of the batch.*zero on its diagonal"):
        flambeau.cholesky_inverse(L)
