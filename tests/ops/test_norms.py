"""Sizes of vectors and distances between them."""

import math

import numpy
import pytest

import flambeau
from flambeau.autograd import gradcheck, gradgradcheck

inf = math.inf


@pytest.mark.parametrize("p", [0, 0.5, 1, 2, 3, inf, -inf, -1])
def test_vector_norm(agrees, random, p):
    x = random(3, 4)
    agrees(flambeau.linalg.vector_norm(x, p, dim=1), numpy.linalg.norm(x.numpy(), p, axis=1))
    agrees(
        flambeau.norm(x, p, dim=0, keepdim=True),
        numpy.linalg.norm(x.numpy(), p, axis=0, keepdims=True),
    )
    agrees(flambeau.linalg.vector_norm(x, p), numpy.linalg.norm(x.numpy().ravel(), p))
    if p != 0:
        assert gradcheck(lambda x: x.norm(p, dim=1), (x.requires_grad_(),))


@pytest.mark.parametrize("order", ["fro", 1, -1, inf, -inf])
def test_matrix_norm(agrees, random, order):
    x = random(3, 4)
    agrees(flambeau.linalg.matrix_norm(x, order), numpy.linalg.norm(x.numpy(), order))
    agrees(flambeau.linalg.norm(x, order), numpy.linalg.norm(x.numpy(), order))
    y = random(2, 3, 4)
    agrees(
        flambeau.linalg.matrix_norm(y, order, dim=(0, 2)),
        numpy.linalg.norm(y.numpy(), order, axis=(0, 2)),
    )


def test_norm_defaults(agrees, random):
    x = random(2, 3)
    agrees(x.norm(), numpy.linalg.norm(x.numpy()))
    z = random(3, complex=True)
    agrees(z.norm(), numpy.linalg.norm(z.numpy()))
    assert flambeau.norm(flambeau.tensor([3.0, 4.0])) == 5
    with pytest.raises(RuntimeError):
        flambeau.tensor([1, 2]).norm()


def test_gradient_of_the_norm_of_zero_is_zero():
    for p in (1, 2, 3, inf):
        x = flambeau.zeros(3, dtype=flambeau.float64, requires_grad=True)
        x.norm(p).backward()
        assert x.grad.tolist() == [0, 0, 0]


def test_float16_norm_does_not_overflow():
    x = flambeau.full((4,), 300.0, dtype=flambeau.float16)
    assert float(x.norm()) == 600


def test_renorm():
    x = flambeau.tensor([[3.0, 4.0], [0.3, 0.4]])
    y = flambeau.renorm(x, 2, 0, 1)
    assert y[0].norm() == pytest.approx(1, rel=1e-5)
    assert y[1].tolist() == x[1].tolist()


@pytest.mark.parametrize("p", [0.0, 1.0, 1.5, 2.0, inf])
def test_cdist_and_pdist(agrees, random, p):
    a, b = random(2, 4, 3), random(2, 5, 3)
    difference = a.numpy()[:, :, None] - b.numpy()[:, None]
    agrees(flambeau.cdist(a, b, p), numpy.linalg.norm(difference, p, axis=-1))
    points = random(4, 3)
    i, j = numpy.triu_indices(4, 1)
    agrees(
        flambeau.pdist(points, p),
        numpy.linalg.norm(points.numpy()[i] - points.numpy()[j], p, axis=-1),
    )


def test_cdist_by_products_agrees_with_differences(random):
    a, b = random(30, 3), random(40, 3)
    exact = flambeau.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist")
    assert float((flambeau.cdist(a, b) - exact).abs().max()) < 1e-6
    small = random(3, 2).requires_grad_(), random(2, 2).requires_grad_()
    for mode in ("use_mm_for_euclid_dist", "donot_use_mm_for_euclid_dist"):
        assert gradcheck(lambda a, b, mode=mode: flambeau.cdist(a, b, compute_mode=mode), small)
        assert gradgradcheck(lambda a, b, mode=mode: flambeau.cdist(a, b, compute_mode=mode), small)


def test_dist(agrees, random):
    a, b = random(3, 4), random(4)
    agrees(flambeau.dist(a, b), numpy.linalg.norm(a.numpy() - b.numpy()))


def test_orders_that_are_no_norms():
    A = flambeau.rand(2, 2)
    for order in ("fail", 3.5, 0):
        with pytest.raises(RuntimeError, match="is no norm of matrices"):
            flambeau.linalg.matrix_norm(A, order)
        with pytest.raises(RuntimeError, match="is no norm of matrices"):
            flambeau.linalg.cond(A, order)
    assert flambeau.linalg.cond(flambeau.zeros(2, 2), "nuc") == float("inf")


@pytest.mark.parametrize("p", [2, 3])
@pytest.mark.parametrize("shape", [(), (1,), (2,)])
def test_a_norm_has_no_slope_at_infinity(p, shape):
    for odd in (inf, -inf, math.nan):
        x = flambeau.full(shape, odd, requires_grad=True)
        flambeau.linalg.vector_norm(x, p).backward()
        assert x.grad.isnan().all()


@pytest.mark.parametrize("p", [0.0, 1.0, 2.0, 3.0, math.inf])
def test_pdist_of_many_points_is_what_it_is_of_few(p):
    x = flambeau.rand(300, 100, dtype=flambeau.float64).requires_grad_()
    i, j = flambeau.triu_indices(300, 300, 1)
    rows = flambeau.linalg.vector_norm(x[i] - x[j], p, -1)
    flambeau.testing.assert_close(flambeau.pdist(x, p), rows)
    slopes = [flambeau.autograd.grad(f.sum(), x)[0] for f in (flambeau.pdist(x, p), rows) if p]
    assert not slopes or flambeau.allclose(*slopes)


@pytest.mark.parametrize("p", [0.0, 1.0, 2.0, 3.0, math.inf])
def test_cdist_in_parts_is_cdist(p, monkeypatch):
    x = flambeau.rand(2, 21, 5, dtype=flambeau.float64).requires_grad_()
    y = flambeau.rand(21, 5, dtype=flambeau.float64)
    whole = flambeau.cdist(x, y, p)
    monkeypatch.setattr("flambeau.ops.norms._MOST_DIFFERENCES", 64)
    parts = flambeau.cdist(x, y, p)
    assert parts.equal(whole)
    if p:
        slopes = [flambeau.autograd.grad(d.sum(), x)[0] for d in (whole, parts)]
        flambeau.testing.assert_close(*slopes)


@pytest.mark.parametrize("p", [0.5, 1, 1.5, 2, 3, 10, inf])
@pytest.mark.parametrize("x", [[0.0, 0.0], [0.0, 2.0]])
def test_forward_mode_takes_the_slopes_that_backward_takes(p, x):
    x = flambeau.tensor(x, dtype=flambeau.float64)
    along = flambeau.ones_like(x)
    for f in (
        lambda x: flambeau.linalg.vector_norm(x, p),
        lambda x: flambeau.cdist(x[None], flambeau.zeros_like(x)[None], p).sum(),
    ):
        (slope,) = flambeau.func.vjp(f, x)[1](flambeau.ones(1, dtype=x.dtype)[0])
        assert slope.isfinite().all()
        tangent = flambeau.func.jvp(f, (x,), (along,))[1]
        assert flambeau.allclose(tangent, (slope * along).sum())
