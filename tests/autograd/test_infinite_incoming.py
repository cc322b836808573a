"""Gradients that are infinite, or of results that nobody uses: they reach what they concern, and nothing else."""

import math

import pytest

import flambeau as torch


@pytest.mark.parametrize("name", ["max", "min", "median"])
@pytest.mark.parametrize("given", [math.inf, math.nan])
def test_elements_that_are_no_extreme_have_no_gradient(name, given):
    x = torch.tensor([[2.0, 2.0], [2.0, 1.0]] if name != "min" else [[1.0, 1.0], [1.0, 2.0]])
    x.requires_grad_()
    getattr(x, name)().backward(torch.tensor(given))
    assert x.grad[1, 1] == 0
    assert x.grad[0, 0] == given or math.isnan(given) and x.grad[0, 0].isnan()


@pytest.mark.parametrize("function", [torch.var_mean, torch.std_mean])
@pytest.mark.parametrize("compiled", [False, True])
def test_a_mean_has_a_gradient_where_the_variance_is_none(function, compiled):
    def mean(x, correction):
        return function(x, 0, correction=correction)[1].sum()

    run = torch.compile(mean) if compiled else mean
    for rows, correction in ((1, 1), (3, 3), (3, 5), (4, 1)):
        for _ in range(2):
            x = torch.ones(rows, 2, requires_grad=True)
            run(x, correction).backward()
            assert torch.equal(x.grad, torch.full((rows, 2), 1 / rows))


def test_second_derivatives_of_a_mean_beside_its_variance():
    x = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: torch.var_mean(x, 0)[1], (x,))
    assert torch.autograd.gradgradcheck(lambda x: math.prod(torch.var_mean(x, 0)), (x,))
