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
