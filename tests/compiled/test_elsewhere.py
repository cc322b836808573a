"""Tensors on another device, or sparse ones, that are alive somewhere: what does not touch them is fused as ever."""

import pytest

import flambeau as torch
from flambeau import _core
from flambeau.compiled import eager

OTHERS = {
    "meta": lambda: torch.empty(3, device="meta"),
    "sparse": lambda: torch.eye(3).to_sparse(),
    "csr": lambda: torch.eye(3).to_sparse_csr(),
}


@pytest.fixture(params=OTHERS)
def other(request):
    return OTHERS[request.param]()


@pytest.fixture
def fused():
    was = _core._fusion_settings()
    _core._set_fusion(1, 0)
    yield
    _core._set_fusion(*was)


def chain(x, y):
    return (x.sin() * y + 1).abs() - y


def postponed(function):
    before = _core._fusion_counters()["postponed"]
    result = function()
    return _core._fusion_counters()["postponed"] - before, result


def test_chains_wait_beside_others(other, fused):
    x, y = torch.rand(40, 30), torch.rand(40, 30)
    n, result = postponed(lambda: chain(x, y))
    assert n == 5
    _core._set_fusion(0, 0)
    assert torch.equal(result, chain(x, y))


def test_what_touches_others_does_not_wait(fused):
    meta, dense = torch.empty(40, 30, device="meta"), torch.rand(40, 30)
    n, result = postponed(lambda: chain(meta, meta))
    assert n == 0 and result.is_meta and result.shape == (40, 30)
    n, result = postponed(lambda: dense.to("meta") * 2 + 1)
    assert n == 0 and result.is_meta
    sparse = dense.to_sparse()
    found = (sparse * 2).sin().neg()
    assert found.is_sparse and torch.equal(found.to_dense(), (dense * 2).sin().neg())


def test_chains_give_and_take_the_values_of_sparse_tensors(fused):
    values = (torch.rand(9) + 1).sqrt() * 2
    places = torch.stack([torch.arange(9), torch.arange(9)])
    matrix = torch.sparse_coo_tensor(places, values, (9, 9))
    assert torch.equal((matrix @ (torch.ones(9, 2) * 3 - 1)), values[:, None].expand(9, 2) * 2)
    grown = (matrix.coalesce().values() + 1).log()
    assert torch.equal(grown, (values + 1).log())


def test_waiting_chains_are_copied_elsewhere(fused):
    x = torch.rand(40, 30)
    y = x.sin() + 1
    assert y.to("meta").is_meta
    with torch.device("meta"):
        z = y * 2 + x  # of tensors on the CPU, though new ones go elsewhere
        assert torch.empty(2).is_meta
    assert z.device.type == "cpu" and torch.equal(z, (x.sin() + 1) * 2 + x)


def test_gradients_beside_others(other, fused):
    def gradients():
        torch.manual_seed(0)
        x, y = (torch.rand(40, 30, requires_grad=True) for _ in range(2))
        chain(x, y).mean().backward()
        return x.grad, y.grad

    n, found = postponed(gradients)
    assert n > 5
    _core._set_fusion(0, 0)
    assert all(torch.equal(a, b) for a, b in zip(found, gradients(), strict=True))
    eager.wait()


def test_compiled_calls_beside_others(other):
    compiled = torch.compile(chain)
    x, y = torch.rand(5, 40), torch.rand(5, 40)
    for _ in range(3):
        assert torch.equal(compiled(x, y), chain(x, y))
    assert compiled._compiled.made == 1
    meta = compiled(x.to("meta"), y.to("meta"))
    assert meta.is_meta and meta.shape == (5, 40)
    assert torch.equal(compiled(x, y), chain(x, y))


def test_a_compiled_call_makes_tensors_where_they_go_now():
    compiled = torch.compile(lambda n: (torch.ones(n) * 2 + 1).sin())
    for _ in range(2):
        assert not compiled(4).is_meta
    with torch.device("meta"):
        for _ in range(2):
            assert compiled(4).is_meta
    assert torch.equal(compiled(4), torch.full((4,), 3.0).sin())
