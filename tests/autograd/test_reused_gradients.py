"""Gradients that nobody but the pass holds are written over by the next node's; all others stay as they are."""

import pytest

import flambeau as torch
from flambeau import _core

N = 1 << 20
F = torch.nn.functional


@pytest.fixture(autouse=True)
def unfused():
    """Each operator runs where it stands."""
    least, patience, foresees = _core._fusion_settings()
    _core._set_fusion(0, patience)
    yield
    _core._set_fusion(least, patience, foresees)


def chain(x):
    return [x := f(x) for f in (torch.sigmoid, torch.tanh, F.relu, torch.sigmoid)]


def test_a_chain_needs_one_gradient():
    x = torch.randn(N, requires_grad=True)
    y = chain(x)[-1]
    torch.reset_peak_memory_stats()
    before = torch.memory_stats()["allocated_bytes.current"]
    y.backward(torch.ones(N))
    peak = torch.memory_stats()["allocated_bytes.peak"] - before
    assert peak < 2.1 * 4 * N  # the given one, which is the caller's, and the others


def test_gradients_that_somebody_holds_stay():
    x = torch.randn(N, requires_grad=True)
    kept = []
    values = chain(x)
    values[2].register_hook(kept.append)
    values[1].retain_grad()
    values[0].grad_fn.register_prehook(lambda grads: kept.append(grads[0]))
    given = torch.ones(N)
    values[-1].backward(given)
    assert torch.equal(given, torch.ones(N))
    last = values[3].detach()
    expected = last * (1 - last)
    assert torch.equal(kept[0], expected)
    expected = torch.where(values[2] > 0, expected, 0).detach()
    assert torch.equal(values[1].grad, expected)
    one = values[1].detach()
    assert torch.allclose(kept[1], expected * (1 - one * one))


def test_views_and_arrays_of_a_gradient_stay():
    x = torch.randn(N, requires_grad=True)
    kept = []
    values = chain(x)
    values[2].register_hook(lambda g: kept.append(g[:10]))
    values[1].register_hook(lambda g: kept.append(g.numpy()))
    values[-1].sum().backward()
    last = values[3].detach()
    expected = last * (1 - last)
    assert torch.equal(kept[0], expected[:10])
    expected = torch.where(values[2] > 0, expected, 0).detach()
    assert (kept[1] == expected.numpy()).all()


@pytest.mark.parametrize("f", [torch.mul, torch.div, torch.atan2, torch.pow])
def test_two_gradients_of_one_node(f):
    a, b = ((torch.rand(N) + 0.5).requires_grad_() for _ in range(2))
    f(a, b).sigmoid().sum().backward()
    c, d = (t.detach().requires_grad_() for t in (a, b))
    expected = torch.autograd.grad(f(c, d).sigmoid().sum(), (c, d), create_graph=True)
    assert torch.equal(a.grad, expected[0]) and torch.equal(b.grad, expected[1])


def test_what_goes_two_ways():
    x = torch.randn(N, requires_grad=True)
    y = torch.tanh(x)
    (y + torch.sigmoid(y)).sigmoid().sum().backward()
    z = x.detach().requires_grad_()
    y = torch.tanh(z)
    (expected,) = torch.autograd.grad((y + torch.sigmoid(y)).sigmoid().sum(), z, create_graph=True)
    assert torch.equal(x.grad, expected)


def test_a_graph_that_is_kept_gives_the_same_twice():
    x = torch.randn(N, requires_grad=True)
    y = chain(x)[-1].sum()
    first = torch.autograd.grad(y, x, retain_graph=True)[0]
    assert torch.equal(torch.autograd.grad(y, x)[0], first)
