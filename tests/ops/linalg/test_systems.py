"""Systems of equations, inverses and determinants."""

import math

import numpy
import pytest

import flambeau
from flambeau.autograd import gradcheck, gradgradcheck

linalg = flambeau.linalg


def check(f, *inputs):
    inputs = tuple(x.detach().requires_grad_() for x in inputs)
    assert gradcheck(f, inputs)
    assert gradgradcheck(f, inputs)


@pytest.mark.parametrize("complex", [False, True])
def test_inverse(agrees, random, complex):
    A = random(2, 3, 3, complex=complex)
    agrees(linalg.inv(A), numpy.linalg.inv(A.numpy()))
    agrees(A.inverse(), numpy.linalg.inv(A.numpy()))
    check(linalg.inv, A[0])
    result, info = linalg.inv_ex(A)
    agrees(result, numpy.linalg.inv(A.numpy()))
    assert info.tolist() == [0, 0]


def test_inverse_of_a_singular_matrix():
    singular = flambeau.ones(2, 2)
    with pytest.raises(linalg.LinAlgError, match="singular"):
        linalg.inv(singular)
    result, info = linalg.inv_ex(singular)
    assert info.item() != 0
    assert result.isnan().all()
    with pytest.raises(RuntimeError, match="square"):
        linalg.inv(flambeau.ones(2, 3))


@pytest.mark.parametrize("complex", [False, True])
def test_solve(agrees, random, complex):
    A, B, b = (
        random(2, 3, 3, complex=complex),
        random(3, 4, complex=complex),
        random(2, 3, complex=complex),
    )
    agrees(linalg.solve(A, B), numpy.linalg.solve(A.numpy(), B.numpy()))
    agrees(linalg.solve(A, b), numpy.linalg.solve(A.numpy(), b.numpy()[..., None])[..., 0])
    right = linalg.solve(A, B.t(), left=False)
    agrees(right @ A, numpy.broadcast_to(B.numpy().T, (2, 4, 3)))
    check(linalg.solve, A[0], B)


@pytest.mark.parametrize("upper", [False, True])
@pytest.mark.parametrize("unitriangular", [False, True])
def test_solve_triangular(agrees, random, upper, unitriangular):
    A, B = random(3, 3) + 3 * flambeau.eye(3, dtype=flambeau.float64), random(3, 2)
    triangle = numpy.triu(A.numpy()) if upper else numpy.tril(A.numpy())
    if unitriangular:
        numpy.fill_diagonal(triangle, 1)
    options = {"upper": upper, "unitriangular": unitriangular}
    agrees(linalg.solve_triangular(A, B, **options), numpy.linalg.solve(triangle, B.numpy()))
    left = linalg.solve_triangular(A, B.t(), left=False, **options)
    agrees(left, B.numpy().T @ numpy.linalg.inv(triangle))
    check(lambda A, B: linalg.solve_triangular(A, B, **options), A, B)


@pytest.mark.parametrize("complex", [False, True])
def test_determinants(agrees, random, complex):
    A = random(2, 3, 3, complex=complex)
    agrees(linalg.det(A), numpy.linalg.det(A.numpy()))
    agrees(A.det(), numpy.linalg.det(A.numpy()))
    agrees(list(linalg.slogdet(A)), list(numpy.linalg.slogdet(A.numpy())))
    check(linalg.det, A[0])
    check(lambda A: linalg.slogdet(A).logabsdet, A[0])


def test_gradient_of_the_determinant_of_a_singular_matrix():
    A = flambeau.tensor([[1.0, 2.0], [2.0, 4.0]], dtype=flambeau.float64, requires_grad=True)
    linalg.det(A).backward()
    numpy.testing.assert_allclose(A.grad.numpy(), [[4, -2], [-2, 1]], atol=1e-12)


def test_logdet():
    assert flambeau.logdet(2 * flambeau.eye(3)).item() == pytest.approx(3 * math.log(2))
    assert math.isnan(flambeau.logdet(-flambeau.eye(3)).item())


def test_tensor_equations(agrees, random):
    A, B = random(4, 6, 8, 3), random(4, 6)
    agrees(linalg.tensorsolve(A, B), numpy.linalg.tensorsolve(A.numpy(), B.numpy()))
    agrees(linalg.tensorinv(A), numpy.linalg.tensorinv(A.numpy()))


@pytest.mark.parametrize("count, n", [(40, 3), (2, 40), (0, 3), (3, 0)])
def test_many_small_and_few_large_systems(agrees, random, count, n):
    A = random(count, n, n) + n * flambeau.eye(n, dtype=flambeau.float64)
    B = random(count, n, 2)
    agrees(linalg.solve(A, B), numpy.linalg.solve(A.numpy(), B.numpy()))
    agrees(linalg.inv(A), numpy.linalg.inv(A.numpy()))


def test_triangular_system_with_a_zero_on_the_diagonal_divides_by_it():
    A = flambeau.tensor([[1.0, 0.0], [1.0, 0.0]])
    X = linalg.solve_triangular(A, flambeau.ones(2, 1) * 2, upper=False)
    assert X[0].item() == 2 and not math.isfinite(X[1].item())


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128"])
@pytest.mark.parametrize("n", [1, 5, 16, 17, 63, 64, 65, 150])
def test_both_sides_of_every_size_limit(n, dtype):
    """Small matrices take loops of ours, wide right sides blocks, others LAPACK."""
    dtype = getattr(flambeau, dtype)
    near = {"atol": 1e-3 if dtype in (flambeau.float32, flambeau.complex64) else 1e-9, "rtol": 0}
    # Off the diagonal small: well conditioned, but the largest of a column stands anywhere.
    A = flambeau.randn(2, n, n, dtype=dtype) / n + flambeau.eye(n, dtype=dtype).roll(1, 0)
    identity = flambeau.eye(n, dtype=dtype).expand(2, n, n)
    for matrix in (A, A.mT):
        flambeau.testing.assert_close(linalg.inv(matrix) @ matrix, identity, **near)
        for k in (1, 3, 40):
            B = flambeau.randn(2, n, k, dtype=dtype)
            flambeau.testing.assert_close(matrix @ linalg.solve(matrix, B), B, **near)
            for upper in (True, False):
                T = (matrix.triu() if upper else matrix.tril()) + 2 * identity
                X = linalg.solve_triangular(T, B, upper=upper)
                flambeau.testing.assert_close(T @ X, B, **near)
                X = linalg.solve_triangular(T.mT, B, upper=not upper)
                flambeau.testing.assert_close(T.mT @ X, B, **near)
        P, L, U = linalg.lu(matrix)
        flambeau.testing.assert_close(P @ L @ U, matrix, **near)
        S = matrix @ matrix.mH
        C = linalg.cholesky(S)
        flambeau.testing.assert_close(C @ C.mH, S, **near)
        sign, logarithm = linalg.slogdet(matrix)
        flambeau.testing.assert_close(sign * logarithm.exp(), linalg.det(matrix), **near)
        assert abs(linalg.det(matrix @ linalg.inv(matrix)) - 1).max() < 10 * near["atol"]


def test_info_names_what_failed_and_where():
    good = flambeau.eye(20, dtype=flambeau.float64)
    bad = good.clone()
    bad[3, 3] = 0
    stack = flambeau.stack([good, bad])
    assert linalg.solve_ex(stack, stack).info.tolist() == [0, 4]
    assert linalg.cholesky_ex(stack).info.tolist() == [0, 4]
    assert linalg.lu_factor_ex(stack).info.tolist() == [0, 4]
    inverse, info = linalg.inv_ex(stack)
    assert info.tolist() == [0, 4]
    assert inverse[1].isnan().all() and flambeau.equal(inverse[0], good)
    for call in (
        lambda: linalg.solve(stack, stack),
        lambda: linalg.inv(stack),
        lambda: linalg.cholesky(stack),
        lambda: linalg.solve_ex(stack, stack, check_errors=True),
        lambda: linalg.inv_ex(stack, check_errors=True),
        lambda: linalg.cholesky_ex(stack, check_errors=True),
    ):
        with pytest.raises(
            linalg.LinAlgError,
            match=r"linalg\.\w+: \(matrix 1 of the batch\) the matrix is (singular|not positive-definite)",
        ):
            call()


def test_a_stack_is_the_same_bits_for_any_number_of_threads():
    A = flambeau.randn(300, 24, 24)
    before = flambeau.get_num_threads()
    try:
        flambeau.set_num_threads(1)
        one = linalg.inv(A)
        flambeau.set_num_threads(3)
        assert flambeau.equal(linalg.inv(A), one)
    finally:
        flambeau.set_num_threads(before)


def test_a_matrix_broadcast_to_an_empty_batch():
    x, info = flambeau.linalg.solve_ex(flambeau.eye(5), flambeau.ones(2, 0, 5, 3))
    assert x.shape == (2, 0, 5, 3) and info.shape == () and info.item() == 0
    assert flambeau.linalg.solve(flambeau.eye(5), flambeau.ones(2, 0, 5, 3)).shape == (2, 0, 5, 3)


def test_nan_stays_in_its_column_of_factors():
    A = flambeau.rand(200, 5)
    A[0, 0] = 2
    A[7:9, 1] = -math.inf
    LU, _ = linalg.lu_factor(A)
    assert LU[:, 0].isfinite().all() and LU[:, 1].isnan().any()


def test_gradients_beside_an_infinite_pivot():
    A = flambeau.tensor([[1.0, 2, 3], [0, math.inf, 1], [2, 1, 1]], requires_grad=True)
    b = flambeau.tensor([1.0, 2, 3], requires_grad=True)
    x = linalg.solve(A, b)
    x.sum().backward()
    # As without the second unknown.
    rest = linalg.solve(flambeau.tensor([[1.0, 2], [3, 1]]), flambeau.ones(2))
    assert flambeau.allclose(b.grad[[0, 2]], rest) and b.grad[1] == 0
    assert x[1] == 0 and A.grad.isfinite().all()


def test_equal_rows_of_a_singular_triangle_leave_the_residuals_of_pytorch():
    # A residual of 0 gives NaN beside a diagonal of 0, one of a last digit an infinity.
    pytorch = pytest.importorskip("torch")
    rng = numpy.random.default_rng(0)
    for columns in (1, 3):
        for _ in range(50):
            triangle = numpy.zeros((3, 3), numpy.float32)
            triangle[:, 0] = rng.uniform(-9, 9)
            right = numpy.tile(rng.uniform(-9, 9, columns).astype(numpy.float32), (3, 1))
            ours, want = (
                lib.linalg.solve_triangular(
                    lib.tensor(triangle), lib.tensor(right), upper=False
                ).numpy()
                for lib in (flambeau, pytorch)
            )
            numpy.testing.assert_array_equal(ours, want)


def test_a_tiny_diagonal_divides():
    triangle = flambeau.tensor([[1e-42, 0.0], [0.0, 2.0]])
    right = flambeau.tensor([[0.0, 3e-42], [4.0, 6.0]])
    solution = flambeau.linalg.solve_triangular(triangle, right, upper=False)
    assert solution[0, 0] == 0 and abs(solution[0, 1] - 3) < 0.01
    assert solution[1].tolist() == [2, 3]


@pytest.mark.parametrize("dtype", (flambeau.float32, flambeau.float64))
def test_gradients_of_determinants_of_equal_rows_are_cofactors(dtype):
    """Rounding leaves some determinants a little beside 0, where the last pivot is 0."""
    flambeau.manual_seed(0)
    rows = flambeau.randn(300, 1, 2, dtype=dtype)
    for row in rows:
        for x in (row.expand(1, 2, 2), row.expand(1, 2, 2).clone(), row.expand(2, 2).clone()):
            x = x.detach().requires_grad_()
            (slope,) = flambeau.autograd.grad(flambeau.linalg.det(x).sum(), x)
            a, b = row[0].tolist()
            expected = flambeau.tensor([[b, -a], [-b, a]], dtype=dtype).expand(x.shape)
            flambeau.testing.assert_close(slope, expected)
