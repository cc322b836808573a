"""Inputs without elements, and those whose empty dim leaves nothing to add up."""

import math

import pytest

import flambeau as torch
from flambeau.nn import functional as F

inf, nan = math.inf, math.nan


def test_linear_of_no_features_is_its_bias():
    bias = torch.tensor([1.0, 2.0, 3.0])
    assert F.linear(torch.ones(0), torch.ones(3, 0)).tolist() == [0, 0, 0]
    assert F.linear(torch.ones(0), torch.ones(3, 0), bias).equal(bias)
    assert F.linear(torch.ones(2, 0), torch.ones(3, 0), bias).equal(bias.expand(2, 3))
    assert F.linear(torch.ones(3), torch.ones(0, 3)).shape == (0,)


def test_linear_of_no_targets_has_a_gradient():
    x = torch.ones(2, 4, 3, requires_grad=True)
    F.linear(x, torch.ones(0, 3)).sum().backward()
    assert x.grad.equal(torch.zeros(2, 4, 3))


def test_products_of_nothing():
    assert torch.addbmm(torch.ones(()), torch.ones(0, 0, 0), torch.ones(0, 0, 5)).shape == (0, 5)
    assert torch.addbmm(torch.ones(2, 5), torch.ones(0, 2, 3), torch.ones(0, 3, 5)).equal(
        torch.ones(2, 5)
    )
    assert F.bilinear(torch.ones(0, 0), torch.ones(0, 2), torch.ones(3, 0, 2)).shape == (0, 3)
    assert F.layer_norm(torch.ones(2, 0), (0,)).shape == (2, 0)


def test_attention_without_features_takes_the_mean():
    q = k = torch.ones(2, 3, 0)
    value = torch.arange(6.0).reshape(2, 3, 1)
    assert F.scaled_dot_product_attention(q, k, value)[:, 0, 0].tolist() == [1, 4]


def test_rows_of_nothing():
    assert torch.roll(torch.ones(0, 3), 1, 5).shape == (0, 3)
    assert torch.diff(torch.ones(3), 0, -7).shape == (3,)
    assert torch.trapezoid(torch.ones(3, 0), torch.ones(3, 3)).tolist() == [0, 0, 0]
    assert torch.bincount(torch.zeros(0, dtype=torch.int64), torch.ones(5), 2).tolist() == [0, 0]
    assert F.adaptive_avg_pool2d(torch.ones(1, 2, 0, 3), 1).isnan().all()
    with pytest.raises(RuntimeError, match="is empty in a dim"):
        F.adaptive_avg_pool2d(torch.ones(1, 2, 0, 3), 2)


@pytest.mark.parametrize("correction", [-5, 0, 1, 7])
def test_moments_of_nothing_are_nan(correction):
    for moment in (torch.var, torch.std):
        assert moment(torch.ones(0), correction=correction).isnan()
    assert all(m.isnan() for m in torch.var_mean(torch.ones(0), correction=correction))


def test_median_of_nothing_has_a_gradient():
    x = torch.ones(0, requires_grad=True)
    x.median().backward()
    assert x.grad.shape == (0,)


def test_a_dtype_is_refused_without_elements_too():
    for size in (0, 3):
        with pytest.raises(TypeError):
            torch.gt(*[torch.ones(size, dtype=torch.complex64)] * 2)
        with pytest.raises((TypeError, RuntimeError)):
            torch.neg(torch.ones(size, dtype=torch.bool))
        with pytest.raises(TypeError):
            torch.isposinf(torch.ones(size, dtype=torch.complex64))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_matrices_without_elements_take_halves(dtype):
    A = torch.ones(2, 0, 0, dtype=dtype)
    B = torch.ones(2, 0, 3, dtype=dtype)
    for result in (
        torch.linalg.cholesky(A),
        torch.linalg.eigvalsh(A),
        torch.linalg.svdvals(A),
        torch.linalg.solve(A, B),
        torch.linalg.lu_factor(A)[0],
        torch.linalg.det(A),
    ):
        assert result.dtype is dtype and result.size(0) == 2
    with pytest.raises(RuntimeError, match="too coarse"):
        torch.linalg.solve(torch.ones(1, 1, dtype=dtype), torch.ones(1, 1, dtype=dtype))
    for name in ("eigvalsh", "lu_factor"):
        with pytest.raises(RuntimeError, match="must be floating"):
            getattr(torch.linalg, name)(torch.ones(1, 1, dtype=torch.int64))
    assert torch.linalg.eigh(torch.ones(0, 0, dtype=torch.int64)).eigenvalues.dtype is torch.int64


def test_nothing_is_random_or_normalized_in_any_dtype():
    nothing = torch.ones(0, 3, dtype=torch.int64)
    assert F.softmax(nothing, 1).dtype is torch.int64
    assert torch.randn_like(nothing).shape == (0, 3)
    assert torch.bernoulli(nothing).shape == (0, 3)


@pytest.mark.parametrize("mode", ["nearest", "bilinear", "bicubic"])
def test_an_empty_batch_is_resized_with_a_gradient(mode):
    x = torch.ones(0, 3, 4, 4, requires_grad=True)
    y = F.interpolate(x, scale_factor=0.6, mode=mode)
    y.sum().backward()
    assert y.shape == (0, 3, 2, 2) and x.grad.shape == x.shape


@pytest.mark.parametrize("training", [False, True])
def test_batch_norm_of_nothing(training):
    nothing = torch.ones(0)
    assert F.batch_norm(nothing, nothing, nothing, training=training).shape == (0,)


def test_distances_of_points_without_features():
    for order in (0, 1, 2, inf):
        assert torch.pdist(torch.zeros(3, 0), order).tolist() == [0, 0, 0]
        assert torch.cdist(torch.zeros(2, 0), torch.zeros(1, 0), order).tolist() == [[0], [0]]


def test_masked_of_nothing_keeps_integers():
    nothing, mask = torch.zeros(5, 0, dtype=torch.uint8), torch.zeros(1, 0, dtype=torch.bool)
    for function in (torch.masked.softmax, torch.masked.softmin, torch.masked.log_softmax):
        assert function(nothing, -1, mask=mask).dtype is torch.uint8


def test_grids_of_an_empty_batch():
    assert F.grid_sample(torch.zeros(0, 3, 4, 4, 4), torch.zeros(0, 2, 2, 2, 3)).shape == (
        0,
        3,
        2,
        2,
        2,
    )


def test_integrals_of_nothing():
    nothing = torch.zeros(2, 0)
    for x in (None, torch.zeros(0), torch.zeros(2, 0), torch.tensor(1.0)):
        assert torch.trapezoid(nothing, x).tolist() == [0, 0]
        assert torch.cumulative_trapezoid(nothing, x).shape == (2, 0)
