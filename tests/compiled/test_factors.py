"""Factors of 1 (alpha, value): joined kernels do without them, and gradients pass sums as they are."""

import pytest

import flambeau as torch
from flambeau import _core
from flambeau.compiled.pointwise import without_factor
from flambeau.kernels.expression import input as symbol
from flambeau.kernels.expression import topological

FACTORS = [1, 1.0, 2, -0.5, 0]


def sums(alpha):
    return [
        lambda x, y: torch.add(x.sin(), y, alpha=alpha) * y,
        lambda x, y: torch.sub(x * y, y, alpha=alpha).abs(),
        lambda x, y: torch.rsub(x * y, y, alpha=alpha) + x,
        lambda x, y: torch.addcmul(x * 2, x, y, value=alpha) - y,
        lambda x, y: torch.addcdiv(x * 2, x, y + 3, value=alpha).cos(),
        lambda x, y: torch.add(x * 3, y.sum(), alpha=alpha),
    ]


def gradients(function, dtype, sizes):
    torch.manual_seed(0)
    x, y = (torch.rand(sizes).to(dtype).requires_grad_() for _ in range(2))
    result = function(x, y)
    result.backward(torch.rand(sizes).to(dtype))
    return result.detach(), x.grad, y.grad


def alike(a, b):
    return all(torch.equal(p, q) and p.stride() == q.stride() for p, q in zip(a, b, strict=True))


@pytest.mark.parametrize("alpha", FACTORS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_compiled_sums_are_the_bits_of_eager_mode(alpha, dtype):
    for function in sums(alpha):
        compiled = torch.compile(function)
        for sizes in [(3, 5), (70, 40)]:
            expected = gradients(function, dtype, sizes)
            for _ in range(2):
                assert alike(gradients(compiled, dtype, sizes), expected)


@pytest.mark.parametrize("alpha", FACTORS)
def test_fused_sums_are_the_bits_of_operators(alpha):
    was = _core._fusion_settings()
    found = []
    try:
        for least in (0, 1):
            _core._set_fusion(least, 0)
            found.append([gradients(f, torch.float32, (70, 40)) for f in sums(alpha)])
    finally:
        _core._set_fusion(*was)
    assert all(map(alike, *found))


def test_a_sum_is_joined_without_its_factor():
    for operator, op in [(torch.add, "add"), (torch.sub, "sub"), (torch.rsub, "sub")]:
        spec = operator.spec
        assert spec.unit == 2
        found = without_factor(spec.map.expressions[0], symbol(spec.unit))
        assert [n.op for n in topological([found])] == ["input", "input", op]


@pytest.mark.parametrize("alpha", FACTORS)
@pytest.mark.parametrize("compiled", [False, True])
def test_a_gradient_passes_a_sum_as_it_is(alpha, compiled):
    def function(x, y):
        return torch.add(x, y.neg(), alpha=1).add(x, alpha=alpha)

    run = torch.compile(function) if compiled else function
    seen = []
    for _ in range(2):
        x, y = (torch.rand(40, 30, requires_grad=True) for _ in range(2))
        z = y * 2
        z.register_hook(lambda g: seen.append(g.clone()))
        g = torch.rand(40, 30)
        run(x, z).backward(g)
        assert torch.equal(x.grad, g + g * alpha) and torch.equal(y.grad, -g * 2)
        assert torch.equal(seen[-1], -g)


def test_operands_of_a_sum_share_no_gradient_in_the_end():
    x, y = (torch.rand(4, 3, requires_grad=True) for _ in range(2))
    g = torch.ones(4, 3)
    (x + y).backward(g)
    x.grad.add_(1)
    assert (y.grad == 1).all() and (g == 1).all()
    given = torch.autograd.grad(x + y, (x, y), g)
    assert all(torch.equal(p, g) for p in given)


def test_equal_gradients_are_laid_out_as_in_eager_mode():
    def function(x, y):
        return x * 2 + y

    def strides(run):
        x, y = (torch.rand(5, 8, requires_grad=True) for _ in range(2))
        run(x, y).backward(torch.rand(()).expand(5, 8))
        return x.grad.stride(), y.grad.stride()

    compiled = torch.compile(function)
    for _ in range(2):
        assert strides(compiled) == strides(function)


def test_a_penalty_on_gradients_of_sums():
    def function(x, y):
        return (x.tanh() + y).square() + (y - x * 2)

    def penalty(run):
        torch.manual_seed(0)
        x, y = (torch.rand(6, 50, requires_grad=True) for _ in range(2))
        found = torch.autograd.grad(run(x, y).sum(), (x, y), create_graph=True)
        sum(g.square().sum() for g in found).backward()
        return x.grad, y.grad

    compiled = torch.compile(function)
    for _ in range(2):
        assert alike(penalty(compiled), penalty(function))


@pytest.mark.parametrize("upstream", ["sum", "mean", "expanded"])
def test_gradients_of_equal_values_are_laid_out_as_turned_operands_are(upstream):
    def function(x, y):
        z = (x * 2) * y
        return z if upstream == "expanded" else getattr(z, upstream)()

    def strides(run):
        x, y = torch.rand(5, 8, requires_grad=True), torch.rand(8, 5).t().requires_grad_()
        result = run(x, y)
        found = torch.autograd.grad(result, (x, y), torch.rand(()).expand(result.shape))
        return [g.stride() for g in found], found

    compiled = torch.compile(function)
    for seed in range(3):
        torch.manual_seed(seed)
        expected, values = strides(function)
        torch.manual_seed(seed)
        got, found = strides(compiled)
        assert got == expected and all(map(torch.equal, found, values))
