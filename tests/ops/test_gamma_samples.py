"""Gamma samples: their distribution, and their implicit derivative."""

import numpy
import pytest

import flambeau
from flambeau.ops.gamma_samples import beta_slope, log_gamma_samples, log_gamma_slope

SHAPES = [0.3, 1.0, 2.5, 30.0, 499.0, 501.0, 1e5]


def test_slope_is_that_of_the_quantiles():
    special = pytest.importorskip("scipy.special")
    a = numpy.array([0.05, *SHAPES])[:, None]
    p = numpy.array([1e-6, 0.01, 0.3, 0.5, 0.9, 1 - 1e-6])
    x, step = special.gammaincinv(a, p), 1e-4
    expected = special.gammaincinv(a * (1 + step), p) - special.gammaincinv(a * (1 - step), p)
    expected /= 2 * step * a
    a, x = (flambeau.from_numpy(v.copy()) for v in numpy.broadcast_arrays(a, x))
    got = x * log_gamma_slope(a, x.log())
    numpy.testing.assert_allclose(got.numpy(), expected, rtol=1e-4, atol=1e-6)


def test_slope_of_beta_quantiles():
    special = pytest.importorskip("scipy.special")
    a, b = (v.ravel()[:, None] for v in numpy.meshgrid([0.05, 1.0, 7.0, 300.0], [0.3, 2.0, 40.0]))
    p = numpy.array([0.01, 0.3, 0.5, 0.9, 0.999])
    step = 1e-4
    expected = special.betaincinv(a * (1 + step), b, p) - special.betaincinv(a * (1 - step), b, p)
    expected /= 2 * step * a
    x = special.betaincinv(a, b, p)
    a, b, x = (flambeau.from_numpy(v.copy()) for v in numpy.broadcast_arrays(a, b, x))
    got = (1 - x) * beta_slope(a, b, x.log(), (-x).log1p())
    numpy.testing.assert_allclose(got.numpy(), expected, rtol=1e-4, atol=1e-9)


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
