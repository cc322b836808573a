"""Moments, quantiles and covariances."""

import math

import numpy
import pytest

import flambeau
from flambeau.autograd import gradcheck, gradgradcheck


def test_var_and_std(agrees, random):
    x = random(3, 4, 5)
    array = x.numpy()
    agrees(x.var(), array.var(ddof=1))
    agrees(flambeau.std(x, 1), array.std(1, ddof=1))
    agrees(flambeau.var(x, (0, 2), keepdim=True), array.var((0, 2), ddof=1, keepdims=True))
    agrees(flambeau.var(x, 0, False), array.var(0))
    agrees(flambeau.var(x, dim=0, correction=2), array.var(0, ddof=2))
    agrees(x.std(False), array.std())
    agrees(list(flambeau.var_mean(x, 1)), [array.var(1, ddof=1), array.mean(1)])
    agrees(list(flambeau.std_mean(x)), [array.std(ddof=1), array.mean()])
    z = random(4, complex=True)
    agrees(z.var(), z.numpy().var(ddof=1))
    assert math.isnan(flambeau.tensor([1.0]).var())
    assert gradcheck(lambda x: x.var(1), (x.requires_grad_(),))
    assert gradgradcheck(lambda x: x.std(1), (random(2, 3).requires_grad_(),))


def test_gradient_of_the_std_of_equal_elements_is_zero():
    x = flambeau.ones(4, requires_grad=True)
    x.std().backward()
    assert x.grad.tolist() == [0, 0, 0, 0]


def test_float16_variance_is_taken_in_float32():
    x = flambeau.tensor([1000.0, 1001.0, 1002.0, 1003.0], dtype=flambeau.float16)
    assert float(x.var()) == pytest.approx(5 / 3, rel=1e-3)


def test_nanmean(agrees):
    x = flambeau.tensor([[1.0, math.nan, 3.0], [4.0, 5.0, 6.0]], requires_grad=True)
    agrees(flambeau.nanmean(x), numpy.nanmean(x.detach().numpy()))
    agrees(x.nanmean(1), numpy.nanmean(x.detach().numpy(), 1))
    x.nanmean().backward()
    assert x.grad[0, 1] == 0


def test_logsumexp(agrees, random):
    import scipy.special

    x = random(3, 4)
    agrees(flambeau.logsumexp(x, 1), scipy.special.logsumexp(x.numpy(), 1))
    agrees(
        x.logsumexp((0, 1), keepdim=True), scipy.special.logsumexp(x.numpy(), (0, 1), keepdims=True)
    )
    assert flambeau.logsumexp(flambeau.tensor([1000.0, 1000.0]), 0) == pytest.approx(
        1000 + math.log(2)
    )
    assert flambeau.logsumexp(flambeau.full((2,), -math.inf), 0) == -math.inf
    assert flambeau.logsumexp(flambeau.tensor([math.inf, 1.0]), 0) == math.inf
    assert gradcheck(lambda x: x.logsumexp(1), (x.requires_grad_(),))


@pytest.mark.parametrize("interpolation", ["linear", "lower", "higher", "midpoint", "nearest"])
def test_quantile(agrees, random, interpolation):
    x = random(5, 6)
    q = flambeau.tensor([0.0, 0.3, 0.5, 1.0], dtype=flambeau.float64)
    options = {"interpolation": interpolation}
    for dim, keepdim in [(None, False), (0, False), (1, True)]:
        expected = numpy.quantile(x.numpy(), q.numpy(), dim, method=interpolation, keepdims=keepdim)
        agrees(flambeau.quantile(x, q, dim, keepdim, **options), expected)
    agrees(x.quantile(0.25, 1, **options), numpy.quantile(x.numpy(), 0.25, 1, method=interpolation))


def test_quantiles_and_nan(agrees):
    x = flambeau.tensor([[1.0, math.nan, 3.0], [4.0, 5.0, 6.0]], dtype=flambeau.float64)
    agrees(flambeau.quantile(x, 0.5, 1), numpy.array([math.nan, 5.0]))
    agrees(flambeau.nanquantile(x, 0.5, 1), numpy.array([2.0, 5.0]))
    with pytest.raises(RuntimeError, match=r"quantile: q is 1\.5; it must be from 0 to 1"):
        x.quantile(1.5)
    with pytest.raises(RuntimeError, match=r"quantile: input is torch\.int64"):
        flambeau.quantile(flambeau.tensor([1, 2]), 0.5)


def test_covariance(agrees, random):
    x = random(3, 6)
    agrees(flambeau.cov(x), numpy.cov(x.numpy()))
    agrees(x.cov(correction=0), numpy.cov(x.numpy(), ddof=0))
    counts, weights = numpy.array([1, 2, 3, 1, 2, 1]), numpy.linspace(0.5, 2, 6)
    got = x.cov(fweights=flambeau.tensor(counts), aweights=flambeau.tensor(weights))
    agrees(got, numpy.cov(x.numpy(), fweights=counts, aweights=weights))
    agrees(flambeau.corrcoef(x), numpy.corrcoef(x.numpy()))
    agrees(x[0].cov(), numpy.cov(x[0].numpy()))
    assert gradcheck(flambeau.cov, (random(2, 4).requires_grad_(),))


def test_logsumexp_of_one_number_does_not_overflow():
    # log(exp(1000)) was inf, and its gradient NaN.
    x = flambeau.tensor(1000.0, requires_grad=True)
    y = x.logsumexp(0)
    y.backward()
    assert y.item() == 1000 and x.grad.item() == 1


def test_sums_convert_to_the_dtype_first():
    x = flambeau.tensor([1.7, 1.7])
    assert x.sum(dtype=flambeau.int64).item() == 2
    assert flambeau.nansum(x, dtype=flambeau.int32).item() == 2
    assert flambeau.tensor([1.7, -1.7]).sum(dtype=flambeau.bool).item() is True


def test_the_mean_of_nothing_is_nan():
    assert flambeau.var_mean(flambeau.empty(0))[1].isnan()
    assert flambeau.std_mean(flambeau.empty(2, 0), dim=1)[1].isnan().all()


@pytest.mark.parametrize("shape", [(5, 1), (5, 3), (3, 5)])
def test_squares_that_overflow_are_summed_wider(shape):
    """The same for any layout: a row in one piece has always been summed in float64."""
    x = flambeau.ones(shape)
    x[1] = -3e38
    for dim in (d for d in (0, 1) if shape[d] > 1):
        wanted = x.numpy().astype("float64").std(dim, ddof=1)
        got = x.std(dim).numpy()
        assert numpy.allclose(got, wanted, rtol=1e-6, equal_nan=True), dim
        spread, mean = flambeau.std_mean(x, dim)
        assert numpy.allclose(spread.numpy(), wanted, rtol=1e-6, equal_nan=True)
        assert numpy.allclose(mean.numpy(), x.numpy().astype("float64").mean(dim), rtol=1e-6)
    assert x.var().isinf()


def test_the_mean_of_an_infinity_beside_its_variance():
    x = flambeau.ones(3, 2)
    x[1, 0] = math.inf
    for dim in (0, 1):
        var, mean = flambeau.var_mean(x, dim)
        assert var.isnan().any() and mean.isnan().equal(var.isnan())
    assert flambeau.var_mean(x[1:2], 0, correction=0)[1].isinf().any()


def test_moments_without_degrees_of_freedom():
    x = flambeau.arange(5.0).requires_grad_()
    assert flambeau.var(x, correction=math.nan).isinf()
    flambeau.var(x, correction=7).backward()
    assert x.grad.tolist() == [2, 1, 0, -1, -2]


@pytest.mark.parametrize("dtype", ("bool", "uint8", "int64", "bfloat16", "float32", "float64"))
def test_reductions_of_what_has_gaps(dtype):
    values = numpy.random.default_rng(0).integers(0, 9, (34, 66, 10))
    x = flambeau.from_numpy(values).to(getattr(flambeau, dtype))
    names = ["sum", "amax", "any", "max", "count_nonzero"]
    if dtype != "bool":
        names += ["argmin", "aminmax"]
    if x.dtype.is_floating_point:
        names += ["mean", "var", "nansum"]
    for t in (x[:, ::2], x[..., ::2], x.permute(2, 0, 1)[:, ::2], x[..., :1].expand(-1, -1, 7)):
        packed = t.contiguous()
        for name in names:
            for dim in range(3):
                got, want = (
                    getattr(flambeau, name)(t, dim=dim),
                    getattr(flambeau, name)(packed, dim=dim),
                )
                pairs = zip(got, want) if isinstance(got, tuple) else ((got, want),)
                for a, b in pairs:
                    assert flambeau.allclose(
                        a.double(), b.double(), rtol=1e-2 if dtype == "bfloat16" else 1e-6
                    )


def test_nansum_leaves_nan_out_and_its_gradient_is_0_there():
    x = flambeau.tensor([[1.0, math.nan, 2.0], [math.nan, math.nan, -math.inf]])
    assert x.nansum(1).tolist() == [3, -math.inf] and x[:, :2].nansum().item() == 1
    assert x.nansum((0, 1), keepdim=True).shape == (1, 1)
    y = x[:1].clone().requires_grad_()
    y.nansum().backward()
    assert y.grad.tolist() == [[1, 0, 1]]
