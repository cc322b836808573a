"""Rows that fused eager mode adds up while it computes them have the bits of stored ones."""

import pytest

import flambeau as torch
from flambeau import _core
from flambeau.compiled import eager


def chains(rows, length, dtype):
    torch.manual_seed(length)
    x, y = torch.randn(rows, length, dtype=dtype), torch.randn(rows, length, dtype=dtype)
    of_row, shared = torch.randn(rows, 1, dtype=dtype), torch.randn(length, dtype=dtype)
    one, narrow = torch.tensor(0.5, dtype=dtype), torch.randn(rows, length).half()
    gaps, turned = (
        torch.randn(rows, 2 * length, dtype=dtype)[:, ::2],
        torch.randn(length, rows, dtype=dtype).mT,
    )
    yield lambda: x.pow(2) * 1
    yield lambda: (x - of_row) * (x - of_row) * shared
    yield lambda: (x * 2 + y).abs() * one
    yield lambda: (x * y).exp().sin()
    yield lambda: torch.where(x > y, x * shared, of_row)
    yield lambda: narrow * x + y
    yield lambda: gaps * x + 1
    yield lambda: turned * shared - y
    yield lambda: x / of_row - 1 / x
    yield lambda: (x + 1).clamp(-1, 1).view(rows // 2, 2, length)
    yield lambda: (x > 0) & (y > 0)


SUMS = [lambda t: t.sum(-1), lambda t: t.sum(-1, keepdim=True), lambda t: t.double().mean(-1) if t.dtype == torch.bool else t.mean(-1),
        lambda t: t.sum(-1, dtype=torch.float64), lambda t: t.sum((0, -1)), lambda t: t.sum(0)]  # fmt: skip


def computed(fused, patience, chain, total):
    _core._set_fusion(fused, patience)
    for _ in range(patience + 3 if fused else 1):
        result = total(chain())
        _core._settle()
        if fused:
            eager.wait()
    return result


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("length", [31, 127, 128, 129, 200, 256, 1000, 2047, 2048, 2049])
def test_totals_of_rows_have_the_bits_of_stored_rows(length, dtype):
    was, threads = _core._fusion_settings(), torch.get_num_threads()
    try:
        for place, chain in enumerate(chains(36, length, dtype)):
            for total in SUMS:
                expected = computed(0, 0, chain, total)
                for patience, count in ((0, 1), (0, 3), (2, 2)):
                    torch.set_num_threads(count)
                    got = computed(1, patience, chain, total)
                    assert got.dtype == expected.dtype and torch.equal(got, expected), place
    finally:
        _core._set_fusion(*was)
        torch.set_num_threads(threads)


def test_gradients_through_totals_of_rows():
    was = _core._fusion_settings()
    x, weight = torch.randn(40, 256), torch.rand(256)

    def norm(fused):
        _core._set_fusion(fused, 0)
        a, w = x.clone().requires_grad_(), weight.clone().requires_grad_()
        apart = a - a.mean(-1, keepdim=True)
        y = apart * torch.rsqrt(apart.pow(2).mean(-1, keepdim=True) + 1e-6) * w
        y.square().sum().backward()
        _core._settle()
        return y.detach(), a.grad, w.grad

    try:
        before = _core._fusion_counters()["in_pieces"]
        for got, expected in zip(norm(1), norm(0)):
            assert torch.equal(got, expected)
        assert _core._fusion_counters()["in_pieces"] > before
    finally:
        _core._set_fusion(*was)


def test_compiled_chains_lead_to_their_sums_as_in_eager_mode():
    x, y = torch.randn(80, 256), torch.randn(80, 256)
    functions = [
        lambda a, b: (a * 2 + b).abs().sum(-1),
        lambda a, b: (a * a - b[:, :1]).mean(dim=1, keepdim=True).abs().sqrt(),
        lambda a, b: a.pow(2).sum(-1) + b.abs().sum(1),
        lambda a, b: (a.view(40, -1) * 2 - 1).mean(0),
        lambda a, b: ((a * b).exp() + b).sum((0,)) + (a * b).sum(1).mean(),
        lambda a, b: (a + 1).mul(b).sum(-1) * (a - b).view(8, -1, 256).sum((1, 2)).sum(),
        lambda a, b: (c := (a * b + 1), c.sum(-1), c.mean(-1))[1:],
        lambda a, b: [(a * b).relu().sum(-1), a.detach().sub(1).sum(-1)],
        lambda a, b: (a > b).sum(-1) + (a * 2).double().add(b).sum(-1),
    ]
    before = _core._fusion_counters()["in_pieces"]
    for place, function in enumerate(functions):
        compiled = torch.compile(function)
        for rows in (80, 80, 40, 80):
            for grad in (False, True):
                found = []
                for run in (compiled, function):
                    a, b = (t[:rows].clone().requires_grad_(grad) for t in (x, y))
                    given = run(a, b)
                    given = [given] if isinstance(given, torch.Tensor) else list(given)
                    if grad:
                        sum((g.double() ** 2).mean() for g in given).backward()
                        given += [a.grad, b.grad]
                    found.append(given)
                for got, expected in zip(*found, strict=True):
                    assert (got is None) == (expected is None)
                    assert got is None or torch.equal(got, expected), (place, rows, grad)
    assert _core._fusion_counters()["in_pieces"] > before


def test_vmap_and_derivatives_of_compiled_functions():
    def function(x, w):
        return (torch.nn.functional.gelu(x @ w) * 2 + x).softmax(-1).sum(-1, keepdim=True) * x

    compiled = torch.compile(function)
    x, w = torch.randn(6, 40), torch.randn(40, 40)
    f = torch.func
    for _ in range(3):
        for change in (
            lambda g: torch.vmap(lambda q: g(q, w))(torch.stack([x, x * 2])),
            lambda g: f.grad(lambda q: g(q, w).sum())(x),
            lambda g: f.jvp(lambda q: g(q, w), (x,), (x,))[1],
            lambda g: f.jacrev(lambda q: g(q, w).sum(0))(x),
            lambda g: f.hessian(lambda q: g(q, w).sum())(x[:2]),
        ):
            assert torch.equal(change(compiled), change(function))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
@pytest.mark.parametrize("rows", [2, 3, 64, 65])
def test_gradients_that_are_sums_over_first_rows_are_not_stored(rows, dtype):
    torch.manual_seed(rows)
    x, y = (torch.randn(rows, 33, 97, dtype=dtype) for _ in range(2))
    shared = [
        torch.randn(*sizes, dtype=dtype)
        for sizes in [(33, 97), (1, 33, 97), (97,), (), (rows, 1, 97)]
    ]
    functions = [
        lambda a, b, s: (a * s - b * s.exp(), b * s + a),
        lambda a, b, s: a * s + b,
        lambda a, b, s: (a * s * 0.5 + b.mT.contiguous().mT * s).relu(),
    ]
    threads = torch.get_num_threads()
    try:
        for function in functions:
            compiled = torch.compile(function)
            for s in shared:
                for count in (1, 3, 1):
                    torch.set_num_threads(count)
                    found = []
                    for run in (compiled, function):
                        leaves = [t.clone().requires_grad_() for t in (x, y, s)]
                        given = run(*leaves)
                        given = given if isinstance(given, tuple) else (given,)
                        sum((g.float() ** 2).mean() for g in given).backward()
                        found.append([*given, *(t.grad for t in leaves)])
                    assert all(map(torch.equal, *found)), s.shape
    finally:
        torch.set_num_threads(threads)
