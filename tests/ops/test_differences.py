"""Differences of neighbours, and sums of areas between them."""

import numpy
import pytest

import flambeau
from flambeau.autograd import gradcheck


def test_diff(agrees, random):
    x = random(3, 5)
    for n in range(7):
        agrees(flambeau.diff(x, n), numpy.diff(x.numpy(), n))
    agrees(
        x.diff(dim=0, prepend=x[:1], append=x[:2]),
        numpy.diff(x.numpy(), axis=0, prepend=x.numpy()[:1], append=x.numpy()[:2]),
    )
    assert flambeau.tensor([True, False, False]).diff().tolist() == [True, False]
    with pytest.raises(RuntimeError):
        random().diff()


@pytest.mark.parametrize("edge_order", [1, 2])
def test_gradient(agrees, random, edge_order):
    x = random(4, 5)
    agrees(
        flambeau.gradient(x, edge_order=edge_order),
        numpy.gradient(x.numpy(), edge_order=edge_order),
    )
    spaced = flambeau.gradient(x, spacing=[2.0, 0.5], edge_order=edge_order)
    agrees(spaced, numpy.gradient(x.numpy(), 2.0, 0.5, edge_order=edge_order))
    places = numpy.array([0.0, 1.0, 3.0, 3.5, 7.0])
    got = flambeau.gradient(x, spacing=(flambeau.tensor(places),), dim=1, edge_order=edge_order)
    agrees(got, [numpy.gradient(x.numpy(), places, axis=1, edge_order=edge_order)])
    assert gradcheck(
        lambda x: flambeau.gradient(x, dim=1, edge_order=edge_order), (x.requires_grad_(),)
    )


def test_gradient_needs_enough_samples(random):
    with pytest.raises(RuntimeError, match="edge_order"):
        flambeau.gradient(random(2), edge_order=2)


def test_trapezoids(agrees, random):
    from scipy.integrate import cumulative_trapezoid, trapezoid

    y, x = random(3, 5), random(5)
    agrees(flambeau.trapezoid(y, x), trapezoid(y.numpy(), x.numpy()))
    agrees(flambeau.trapz(y, dx=0.5, dim=0), trapezoid(y.numpy(), dx=0.5, axis=0))
    agrees(flambeau.cumulative_trapezoid(y, x), cumulative_trapezoid(y.numpy(), x.numpy()))
    assert gradcheck(flambeau.trapezoid, (y.requires_grad_(), x.requires_grad_()))


@pytest.mark.parametrize("n", [0, 1, 2])
def test_trapezoids_of_few_samples_have_the_dtype_of_many(n):
    for dtype in (flambeau.int64, flambeau.uint8, flambeau.float32, flambeau.float64):
        y, x = flambeau.ones(2, n, dtype=dtype), flambeau.ones(n, dtype=flambeau.float64)
        wanted = flambeau.float64 if dtype is flambeau.float64 else flambeau.float32
        for result in (
            flambeau.cumulative_trapezoid(y),
            flambeau.cumulative_trapezoid(y, dx=2.5),
            flambeau.cumulative_trapezoid(y, x).to(wanted),
        ):
            assert result.dtype is wanted and result.shape == (2, max(n - 1, 0))
        assert flambeau.cumulative_trapezoid(y, x).dtype is flambeau.float64


@pytest.mark.parametrize("name", ["trapezoid", "trapz", "cumulative_trapezoid"])
def test_areas_of_masks_are_refused(name):
    areas = getattr(flambeau, name)
    mask, numbers = flambeau.tensor([True, False]), flambeau.tensor([1.0, 2.0])
    for arguments in ((mask,), (mask, numbers), (numbers, mask)):
        with pytest.raises(RuntimeError, match="trapezoid: [xy] is bool"):
            areas(*arguments)
    if name != "cumulative_trapezoid":
        assert areas(mask[:0]).item() == 0  # of nothing it is 0, whatever it is
