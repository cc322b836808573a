"""Fused eager mode keeps as many kernels as it says: the least used go, and what runs stays."""

import itertools
import threading

import pytest

import flambeau as torch
from flambeau import _core
from flambeau.compiled import eager, held
from flambeau.kernels.targets import elf

OPERATORS = torch.neg, torch.abs, torch.square
MOST_KERNELS, MOST_GROUPS = 12, 16


@pytest.fixture(params=[0, 2], ids=["at once", "in the background"])
def few_kernels(request):
    """Few kernels are kept, made at once or after three runs."""
    was = _core._fusion_settings()
    _core._set_fusion(1, request.param)
    _core._bound_waiting_kernels(MOST_KERNELS, MOST_GROUPS)
    yield request.param
    _core._set_fusion(*was)
    _core._bound_waiting_kernels(1024, 4096)


def chains():
    return itertools.product(OPERATORS, repeat=4)


def apart():
    """How many kernels lie in memory of their own, but for those of compiled functions."""
    return len(elf._memory.apart) - len(held._held) if elf._memory else 0


def run(chain, x, runs=1):
    for _ in range(runs):
        y = x
        for operator in chain:
            y = operator(y)
        _core._settle()
    return y


def expected(chain, x):
    for operator in chain:
        x = operator(x).clone()
        x.tolist()
    return x


def test_more_chains_than_kernels_are_kept(few_kernels):
    x = torch.randn(300)
    before = apart()
    for chain in chains():  # 81
        got = run(chain, x, few_kernels + 2)
        eager.wait()
        assert torch.equal(got, expected(chain, x)), chain
        counts = _core._fusion_counters()
        assert counts["kernels"] <= MOST_KERNELS and counts["groups"] <= MOST_GROUPS
        assert apart() <= max(before, MOST_KERNELS)
    assert torch.equal(run(chain, x), got)
    assert apart() == counts["kernels"]


def test_a_chain_that_is_used_keeps_its_kernel(few_kernels):
    x = torch.randn(300)
    used = (torch.sign, torch.neg, torch.abs)
    run(used, x, few_kernels + 2)
    eager.wait()
    for chain in chains():
        run(chain, x, few_kernels + 2)
        eager.wait()
        before = _core._fusion_counters()["fused"]
        assert torch.equal(run(used, x), expected(used, x))
        assert _core._fusion_counters()["fused"] > before


def test_kernels_that_run_stay_while_others_are_made(few_kernels):
    """Long runs give up the lock, and other threads make kernels meanwhile."""
    x, small = torch.randn(1 << 20), torch.randn(300)
    mine = (torch.abs, torch.sqrt, torch.neg)
    wanted = expected(mine, x)
    wrong, done = [], threading.Event()

    def go_on():
        while not done.is_set():
            if not torch.equal(run(mine, x), wanted):
                wrong.append("other numbers")
                return

    threads = [threading.Thread(target=go_on) for _ in range(2)]
    for t in threads:
        t.start()
    for chain in chains():
        got = run(chain, small, few_kernels + 2)
        if not torch.equal(got, expected(chain, small)):
            wrong.append(chain)
    done.set()
    for t in threads:
        t.join()
    eager.wait()
    assert not wrong
