"""Normalizations with their statistics."""

import math

import numpy as np

import flambeau as torch
from flambeau.autograd import gradcheck
from flambeau.ops.core.attach import attached

X = np.random.default_rng(0).standard_normal((3, 4, 5))


def test_statistics_are_numpys():
    x = torch.from_numpy(X)
    for axes, (_, mean, rstd) in (
        ((2,), torch.native_layer_norm(x, [5], None, None, 1e-5)),
        ((0, 2), torch.native_batch_norm(x, None, None, None, None, True, 0.1, 1e-5)),
    ):
        np.testing.assert_allclose(mean.numpy().ravel(), X.mean(axes).ravel(), rtol=1e-12)
        want = 1 / np.sqrt(X.var(axes) + 1e-5)
        np.testing.assert_allclose(rstd.numpy().ravel(), want.ravel(), rtol=1e-12)


def test_group_norm_and_its_gradients():
    x = torch.from_numpy(X).requires_grad_()
    w = torch.ones(4, dtype=torch.float64, requires_grad=True)
    run = lambda x, w: torch.native_group_norm(x, w, w, 3, 4, 5, 2, 1e-5)
    np.testing.assert_allclose(
        run(x, w)[0].detach().numpy(), torch.group_norm(x, 2, w, w).detach().numpy(), rtol=1e-10
    )
    assert gradcheck(run, (x, w))


def test_group_norm_keeps_the_shape_of_its_input():
    x, weight = torch.from_numpy(X), torch.arange(1.0, 11.0, dtype=torch.float64)
    want = torch.native_group_norm(x.reshape(3, 10, 2), weight, weight, 3, 10, 2, 5, 1e-5)[0]
    ours = torch.native_group_norm(x, weight, weight, 3, 10, 2, 5, 1e-5)[0]
    np.testing.assert_allclose(ours.numpy(), want.reshape(x.shape).numpy(), rtol=1e-12)
    empty = torch.native_group_norm(torch.zeros(0, 1), torch.ones(2), None, 0, 2, 1, 1, 1e-5)
    assert empty[0].shape == (0, 1)


def test_attached_constants_have_zero_gradients():
    x = torch.ones(2, 3, requires_grad=True)
    value = attached(torch.ones(4), x)
    assert value.requires_grad
    assert torch.autograd.grad(value.sum(), x)[0].tolist() == [[0.0] * 3] * 2
    with torch.no_grad():
        assert not attached(torch.ones(4), x).requires_grad


def test_batch_norm_means_of_infinities_are_infinite():
    x = torch.tensor([[3e38, 1.0], [-math.inf, math.inf], [-8.0, 2.0]])
    _, means, _ = torch.native_batch_norm(x, None, None, None, None, True, 0.0, 1e-5)
    assert means.tolist() == [-math.inf, math.inf]


def test_batch_norm_gradients_of_an_infinite_weight():
    x = torch.tensor([[[1.0, -1.0, 4.0]], [[2.0, 0.5, -3.0]]], requires_grad=True)
    grad = torch.tensor([[[1.0, 0.5, 0.25]], [[0.5, 1.0, 0.25]]])
    slopes = []
    for w in (1.0, math.inf):
        out = torch.nn.functional.batch_norm(x, None, None, torch.tensor([w]), None, True)
        slopes.append(torch.autograd.grad(out, x, grad)[0])
    assert slopes[1].equal(slopes[0].sign() * math.inf)
