"""Distances between points by the core's kernel, beside norms of the differences."""

import math

import pytest

import flambeau as fl

ORDERS = [0, 0.5, 1, 1.3, 1.5, 2, 2.5, 3, 4, 9, math.inf]


def _norms(difference, p):
    return fl.linalg.vector_norm(difference, p, -1)


def _slopes(of, *points):
    """What `of` gives, and the gradients of a sum with weights."""
    leaves = [x.detach().clone().requires_grad_() for x in points]
    result = of(*leaves)
    weights = fl.arange(result.numel(), dtype=result.dtype).cos().view(result.shape)
    grads = fl.autograd.grad((result * weights).sum(), leaves) if result.requires_grad else ()
    return (result.detach(), *grads)


@pytest.mark.parametrize("dtype", [fl.float32, fl.float64])
@pytest.mark.parametrize("p", ORDERS)
def test_distances_are_norms_of_differences(p, dtype):
    """Numbers of points and features on both sides of a vector, of a panel and of what is summed at once."""
    for *batch, n1, n2, features in (
        (1, 1, 1), (5, 7, 3), (33, 40, 17), (3, 65, 70, 2), (2, 2, 4, 3, 129), (9, 2, 300),
    ):  # fmt: skip
        x, y = (fl.randn(*batch, n, features, dtype=dtype) for n in (n1, n2))
        mode = "donot_use_mm_for_euclid_dist"
        got = _slopes(lambda x, y, mode=mode: fl.cdist(x, y, p, mode), x, y)
        expected = _slopes(lambda x, y: _norms(x.unsqueeze(-2) - y.unsqueeze(-3), p), x, y)
        limits = {"rtol": 1e-3, "atol": 1e-4} if dtype is fl.float32 else {}
        for one, other in zip(got, expected, strict=p != 0):
            fl.testing.assert_close(one, other, **limits)


@pytest.mark.parametrize("p", ORDERS)
def test_distances_of_pairs_are_those_of_a_triangle(p):
    for n, features in ((2, 1), (5, 3), (34, 9), (70, 40), (130, 8)):
        x = fl.randn(n, features, dtype=fl.float64)
        i, j = fl.triu_indices(n, n, 1)
        got = _slopes(lambda x: fl.pdist(x, p), x)
        expected = _slopes(lambda x, i=i, j=j: _norms(x[i] - x[j], p), x)
        for one, other in zip(got, expected, strict=p != 0):
            fl.testing.assert_close(one, other)
    assert fl.pdist(fl.zeros(1, 3), p).shape == fl.pdist(fl.zeros(0, 3), p).shape == (0,)


@pytest.mark.parametrize("p", [0.5, 1, 2, 3, math.inf])
def test_points_in_one_place_have_no_slope(p):
    x = fl.tensor([[1.0, 2.0], [1.0, 2.0], [1.0, 5.0]], requires_grad=True)
    fl.pdist(x, p).sum().backward()
    assert x.grad[:, 0].tolist() == [0, 0, 0]
    assert x.grad[:2, 1].tolist() == [-1, -1]


@pytest.mark.parametrize("p", [1, 2, 3, math.inf])
def test_a_nan_makes_its_own_distances_nan(p):
    x = fl.tensor([[1.0, 2.0], [math.nan, 2.0], [1.0, 5.0]], requires_grad=True)
    distances = fl.pdist(x, p)
    assert distances.isnan().tolist() == [True, False, True]
    distances.sum().backward()
    assert x.grad[:, 0].isnan().all()


@pytest.mark.parametrize("p", [0, 1, 2, 3, 1.3, math.inf])
def test_the_number_of_threads_does_not_show(p):
    x, y = fl.randn(150, 70), fl.randn(3, 90, 70)
    before, made = fl.get_num_threads(), []
    try:
        for threads in (1, 2, 3, 16):
            fl.set_num_threads(threads)
            made.append(_slopes(lambda x, y: fl.cdist(x, y, p), x, y))
            made[-1] += _slopes(lambda x: fl.pdist(x, p), x)
    finally:
        fl.set_num_threads(before)
    for others in made[1:]:
        assert all(map(fl.equal, made[0], others))


@pytest.mark.parametrize("p", [1, 2, 3])
def test_distances_in_maps_and_their_derivatives(p):
    x = fl.randn(4, 5, 3, dtype=fl.float64)
    rows = fl.stack([fl.pdist(one, p) for one in x])
    fl.testing.assert_close(fl.vmap(lambda one: fl.pdist(one, p))(x), rows)
    beside = fl.vmap(lambda one, two: fl.cdist(one, two, p), (0, None))(x, x[0, :2])
    fl.testing.assert_close(beside, fl.cdist(x, x[0, :2], p))
    by_rows, by_columns = (
        make(lambda one: fl.pdist(one, p))(x[0]) for make in (fl.func.jacrev, fl.func.jacfwd)
    )
    fl.testing.assert_close(by_rows, by_columns)
    assert fl.autograd.gradgradcheck(lambda one: fl.pdist(one, p), (x[0].requires_grad_(),))


def test_distances_of_halves_are_rounded_once():
    x, y = fl.randn(6, 40).bfloat16(), fl.randn(4, 40).bfloat16()
    assert fl.cdist(x, y, 1).equal(fl.cdist(x.float(), y.float(), 1).bfloat16())
    assert fl.pdist(x).equal(fl.pdist(x.float()).bfloat16())


@pytest.mark.parametrize("dtype", [fl.float32, fl.float64])
def test_ties_of_the_greatest_difference_share_the_gradient(dtype):
    for n1, n2, features in ((1, 1, 2), (4, 5, 3), (9, 40, 17), (3, 2, 129)):
        x, y = (fl.randint(0, 3, (n, features)).to(dtype) for n in (n1, n2))
        for of, written, *points in (
            (fl.cdist, lambda x, y: _norms(x.unsqueeze(-2) - y.unsqueeze(-3), math.inf), x, y),
            (lambda x, p: fl.pdist(x, p), lambda x: _norms(_differences(x), math.inf), x),
        ):
            got = _slopes(lambda *points, of=of: of(*points, math.inf), *points)
            for one, other in zip(got, _slopes(written, *points), strict=True):
                fl.testing.assert_close(one, other)
    x = fl.tensor([[1.0, 1.0], [3.0, 3.0]], requires_grad=True)
    for create_graph in (False, True):
        (slope,) = fl.autograd.grad(fl.pdist(x, math.inf).sum(), x, create_graph=create_graph)
        assert slope.tolist() == [[-0.5, -0.5], [0.5, 0.5]]
    _, tangent = fl.func.jvp(lambda x: fl.pdist(x, math.inf), (x.detach(),), (fl.ones(2, 2),))
    assert tangent.tolist() == [0]


def _differences(x):
    i, j = fl.triu_indices(len(x), len(x), 1)
    return x[i] - x[j]
