"""Gamma samples: their distribution, and their implicit derivative."""

import numpy
import pytest

import flambeau
from flambeau.ops.gamma_samples import gamma_slope, log_gamma_samples

SHAPES = [0.3, 1.0, 2.5, 30.0, 499.0, 501.0, 1e5]


def test_slope_is_that_of_the_quantiles():
    special = pytest.importorskip("scipy.special")
    a = numpy.array([a for a in SHAPES if a >= 1])[:, None]
    p = numpy.array([1e-6, 0.01, 0.3, 0.5, 0.9, 1 - 1e-6])
    x, step = special.gammaincinv(a, p), 1e-4
    expected = special.gammaincinv(a * (1 + step), p) - special.gammaincinv(a * (1 - step), p)
    expected /= 2 * step * a
    got = gamma_slope(*(flambeau.from_numpy(v.copy()) for v in numpy.broadcast_arrays(a, x)))
    numpy.testing.assert_allclose(got.numpy(), expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("a", SHAPES)
def test_distribution(a):
    stats = pytest.importorskip("scipy.stats")
    x = log_gamma_samples(flambeau.full((2000,), a, dtype=flambeau.float64)).exp()
    assert stats.kstest(x.numpy(), "gamma", (a,)).pvalue > 1e-4


def test_gradient_of_the_mean():
    a = flambeau.tensor([0.05, 0.5, 3.0, 2000.0], requires_grad=True)
    x = log_gamma_samples(a.expand(4000, 4)).exp()
    (grad,) = flambeau.autograd.grad(x.mean(0).sum(), a)
    assert ((grad - 1).abs() < 0.2).all()
    (grad,) = flambeau.autograd.grad(log_gamma_samples(a.expand(4000, 4)).mean(0).sum(), a)
    assert ((grad / flambeau.polygamma(1, a.detach()) - 1).abs() < 0.2).all()


def test_bad_shapes_give_nan_and_second_derivatives_are_refused():
    a = flambeau.tensor([0.0, -1.0, float("nan"), float("inf"), 2.0], requires_grad=True)
    x = log_gamma_samples(a)
    assert x.isnan().tolist() == [True, True, True, True, False]
    with pytest.raises(NotImplementedError, match="first derivative only"):
        flambeau.autograd.grad(x[-1], a, create_graph=True)
