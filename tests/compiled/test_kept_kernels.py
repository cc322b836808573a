"""Kernels of compiled functions: as many as are said are kept, the least used go, and what runs stays."""

import gc
import itertools
import threading

import pytest

import flambeau as torch
from flambeau import _core
from flambeau.compiled import held

OPERATORS = torch.neg, torch.abs, torch.square, torch.relu
MOST = 12


@pytest.fixture
def few_kernels():
    gc.collect()
    was = _core._fusion_settings()
    _core._set_fusion(0, 0)  # whose kernels are counted apart
    _core._bound_fused_kernels(MOST)
    yield
    _core._bound_fused_kernels(1024)
    _core._set_fusion(*was)


def chained(operators, shift=1.0):
    def chain(x):
        for operator in operators:
            x = operator(x)
        return x * 2 + shift

    return chain


def chains():
    return [chained(operators) for operators in itertools.product(OPERATORS, repeat=3)]


def gradient(function, x):
    x = x.detach().requires_grad_()
    out = function(x)
    return out, *torch.autograd.grad(out, x, torch.ones_like(out))


def test_no_more_kernels_than_the_bound(few_kernels):
    x = torch.randn(300)
    made = [(chain, torch.compile(chain)) for chain in chains()]  # 64, each with two kernels
    for _ in range(2):
        for chain, compiled in made:
            for got, expected in zip(gradient(compiled, x), gradient(chain, x)):
                assert torch.equal(got, expected)
            assert _core._fused_kernels() <= MOST
            assert len(held._held) <= MOST


def test_kernels_go_with_their_functions(few_kernels):
    before = len(held._held)
    x = torch.randn(300)
    for chain in chains()[:4]:
        compiled = torch.compile(chain)
        compiled(x), compiled(x)
        del compiled
    gc.collect()
    assert len(held._held) == before == len(held._keys)


def test_functions_that_compute_the_same_share_a_kernel(few_kernels):
    before, count = len(held._held), _core._fused_kernels()
    x = torch.randn(300)
    twins = [torch.compile(chained(OPERATORS)) for _ in range(3)]
    for compiled in twins:
        compiled(x)
        expected = compiled(x)
    assert len(held._held) == before + 1
    assert _core._fused_kernels() == count + 3
    del twins[:2]
    gc.collect()
    assert torch.equal(twins[0](x), expected)


def test_a_kernel_that_is_used_stays(few_kernels):
    x = torch.randn(300)
    used = torch.compile(chained((torch.sign, torch.neg)))
    used(x), used(x)
    mine = list(held._held)[-1]
    others = [torch.compile(chain) for chain in chains()]
    for compiled in others:
        compiled(x), compiled(x)
        used(x)
        assert mine in held._held


def test_kernels_that_run_stay_while_others_are_made(few_kernels):
    """Long runs give up the lock, and other threads make kernels meanwhile."""
    x, small = torch.randn(1 << 20), torch.randn(300)
    wrong, done = [], threading.Event()
    mine = chained((torch.abs, torch.sqrt, torch.neg))
    expected = gradient(mine, x)

    def go_on():
        compiled = torch.compile(mine)
        while not done.is_set():
            if not all(map(torch.equal, gradient(compiled, x), expected)):
                wrong.append("other numbers")

    threads = [threading.Thread(target=go_on) for _ in range(2)]
    for t in threads:
        t.start()
    made = [(chain, torch.compile(chain)) for chain in chains()]
    for _ in range(2):
        for chain, compiled in made:
            if not torch.equal(compiled(small), chain(small)):
                wrong.append(chain)
    done.set()
    for t in threads:
        t.join()
    assert not wrong
    assert _core._fused_kernels() <= MOST + 4  # those that ran could not go
