"""autograd.grad inside compiled functions is a step of the program, not a break."""

import pytest

import flambeau as torch
from flambeau import nn
from flambeau.autograd import grad
from flambeau.compiled.report import watch

net = nn.Sequential(
    nn.Linear(2, 9), nn.Tanh(), nn.Linear(9, 9), nn.SiLU(), nn.Linear(9, 1)
).double()


def equation(x, t):
    """The residual of a differential equation."""
    u = net(torch.cat([x, t], 1))
    ones = torch.ones_like(u)
    u_x, u_t = grad(u, (x, t), ones, create_graph=True)
    (u_xx,) = grad(u_x, x, ones, create_graph=True)
    return (u_t + u * u_x - 0.01 * u_xx).pow(2).mean() + (u * 2 - x).abs().mean()


def by_a_value_inside(x, t):
    y = torch.exp(x) * t + 1
    z = y * torch.sin(y)
    (g,) = grad((z * z).sum(), y, retain_graph=True)
    return (z * g - g.exp() + y).sum()


def some_unused(x, t):
    y = x * x
    first, none = grad(y.sum(), (x, t), create_graph=True, allow_unused=True)
    _, zeros = grad(y.sum(), (x, t), create_graph=True, materialize_grads=True)
    return (first * t + zeros).sum() if none is None else None


def penalty(x, t):
    """The penalty of a gradient's norm."""
    score = torch.tanh(net(torch.cat([x, t], 1))).sum()
    (g,) = grad(score, x, create_graph=True)
    return score + ((g.norm(2, dim=1) - 1) ** 2).mean()


def calls(function, x, t):
    given = x.clone().requires_grad_(), t.clone().requires_grad_()
    net.zero_grad()
    result = function(*given)
    result.backward()
    return [result, *(g.grad for g in given), *(p.grad for p in net.parameters())]


def same(got, wanted):
    return all(
        (a is None and b is None) or torch.equal(a, b) for a, b in zip(got, wanted, strict=True)
    )


@pytest.mark.parametrize(
    "program", [equation, by_a_value_inside, some_unused, penalty], ids=lambda p: p.__name__
)
def test_gradients_inside_are_the_bits_of_eager_mode(program):
    compiled = torch.compile(program, fullgraph=True)
    for rows in (7, 1, 300):
        x, t = torch.randn(rows, 1).double(), torch.rand(rows, 1).double()
        for _ in range(3):
            assert same(calls(compiled, x, t), calls(program, x, t))


def test_what_follows_the_gradient_is_joined():
    with watch() as seen:
        torch.compile(equation)(*(torch.rand(5, 1).double().requires_grad_() for _ in range(2)))
    assert not seen.breaks and [p.kernels for p in seen.programs] == [2]


def test_a_graph_that_is_not_kept_is_a_break():
    def program(x):
        (g,) = grad((x * x).sum(), x)
        return g * 2

    with watch() as seen:
        compiled = torch.compile(program)
        for _ in range(2):
            x = torch.rand(3, requires_grad=True)
            assert torch.equal(compiled(x), 4 * x)
    assert [b.reason for b in seen.breaks] == ["grad is called, and the graph is not kept"]


def test_an_error_of_a_gradient_reaches_the_caller():
    def program(x, t):
        return grad((t * t).sum(), x, create_graph=True)[0]

    compiled = torch.compile(program)
    for _ in range(2):
        with pytest.raises(RuntimeError, match="no part in the outputs"):
            compiled(*(torch.rand(3, requires_grad=True) for _ in range(2)))


def test_hooks_of_arguments_run_in_each_call():
    seen = []
    program = lambda x: grad((x.exp() * x).sum(), x, create_graph=True)[0].sum()
    compiled = torch.compile(program)
    for _ in range(3):
        x = torch.rand(3, requires_grad=True)
        x.register_hook(lambda g: seen.append(len(seen)))
        compiled(x).backward()
    assert len(seen) == 6


def test_a_mode_is_asked_for_grad_as_in_pytorch():
    class Names(torch.overrides.TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):
            names.append(func)
            return func(*args, **(kwargs or {}))

    names, x = [], torch.rand(3, requires_grad=True)
    y = x.sum()
    with Names():
        (g,) = grad(y, x)
    assert names == [grad] and torch.equal(g, torch.ones(3))
