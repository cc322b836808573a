"""Gradients of gradients of compiled functions, where a kernel's backward is run by operators: eager mode's bits."""

import pytest

import flambeau as torch
from flambeau.nn import functional as F


def centred(x, y):
    return (x - x.mean(-1, keepdim=True),)


def spread(x, y):
    return x - x.mean(-1, keepdim=True), x.mean(-1, keepdim=True) * 2


def shares(x, y):
    return (F.log_softmax(x, -1) * y, F.softmax(x, -1) + y)


def smallest(x, y):
    return (y - x.amax(-1, keepdim=True)) * 3, x.amin(-1, keepdim=True) + x


def often_read(x, y):
    return x.abs() * y, x * x / (y.abs() + 1), x * y + x.square(), x * 3 - y


def after_a_sum(x, y):
    return (x * (y * x).sum(-1, keepdim=True)).sin(), x.square() * y


def twice(function, sizes, which):
    torch.manual_seed(1)
    x = (torch.rand(sizes) * 2 - 1).requires_grad_()
    y = (torch.rand(sizes) * 2 - 1).requires_grad_()
    results = function(x, y)
    outputs = [results[k] for k in which]
    seeds = [torch.rand(o.shape).requires_grad_() for o in outputs]
    found = torch.autograd.grad(outputs, [x, y], seeds, create_graph=True, allow_unused=True)
    found = [g for g in found if g is not None]
    torch.autograd.backward([g.sum() for g in found if g.requires_grad])
    return [*outputs, *found, x.grad, y.grad, *(s.grad for s in seeds)]


@pytest.mark.parametrize("sizes", [(5, 48), (300, 100), (99,)])
@pytest.mark.parametrize(
    "function",
    [centred, spread, shares, smallest, often_read, after_a_sum],
    ids=lambda f: f.__name__,
)
def test_second_derivatives_are_the_bits_of_eager_mode(function, sizes):
    compiled = torch.compile(function)
    n = len(function(torch.rand(sizes), torch.rand(sizes)))
    for which in [range(n), *([k] for k in range(n))]:
        expected = twice(function, sizes, which)
        for _ in range(3):
            for a, b in zip(expected, twice(compiled, sizes, which), strict=True):
                assert a is b is None or torch.equal(a, b)


def test_one_result_of_several_sends_a_gradient_to_rows_that_nobody_kept():
    # backward of a mean along the row needs the sizes of what it was taken of, and nothing else of it
    compiled = torch.compile(spread)
    for _ in range(3):
        x = torch.rand(5, 48, requires_grad=True)
        compiled(x, x)[1].sum().backward()
        torch.testing.assert_close(x.grad, torch.full((5, 48), 2 / 48))


def test_a_derivative_of_0_stays_0_beside_infinite_gradients():
    def program(x, y):
        return (x.sign() + y) * 2, x.round() - y

    compiled = torch.compile(program)
    for _ in range(3):
        x = torch.rand(64, requires_grad=True)
        y = torch.rand(64, requires_grad=True)
        outputs = compiled(x, y)
        torch.autograd.backward(outputs, [torch.full((64,), -torch.inf)] * 2)
        assert torch.equal(x.grad, torch.zeros(64)) and not x.grad.signbit().any()
