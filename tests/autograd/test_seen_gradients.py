"""A gradient that a program gets to see may be written: no two of its elements share memory."""

import pytest

import flambeau

REDUCTIONS = {
    "mean": lambda x: x.mean(),
    "mean of rows": lambda x: (x.mean(1) * flambeau.arange(3.0)).sum(),
    "mean of columns": lambda x: x.mean(0).sum(),
    "sum": lambda x: x.sum(),
    "sum of rows": lambda x: (x.sum(1) * flambeau.arange(3.0)).sum(),
    "var_mean": lambda x: flambeau.var_mean(x)[1],
    "std": lambda x: x.std(),
    "norm": lambda x: x.norm(),
    "permuted": lambda x: x.t().mean(),
    "cast": lambda x: x.double().mean(),
    "einsum": lambda x: flambeau.einsum("ij->i", x).sum(),
}
SUMS = ("sum", "sum of rows")


def wanted(function):
    x = flambeau.ones(3, 4, requires_grad=True)
    function(x).backward()
    return x.grad


def written_alone(grad, expected):
    """Whether grad holds what is expected and a write to one element changes that alone."""
    assert grad.tolist() == expected.tolist()
    with flambeau.no_grad():
        grad[0, 0] = 5
        expected[0, 0] = 5
    return grad.tolist() == expected.tolist()


@pytest.mark.parametrize("name", REDUCTIONS)
@pytest.mark.parametrize("create_graph", [False, True])
def test_what_grad_returns(name, create_graph):
    x = flambeau.ones(3, 4, requires_grad=True)
    (grad,) = flambeau.autograd.grad(REDUCTIONS[name](x), x, create_graph=create_graph)
    if name in SUMS:  # the expansion, as in PyTorch
        assert 0 in grad.stride() and grad.tolist() == wanted(REDUCTIONS[name]).tolist()
    else:
        assert written_alone(grad, wanted(REDUCTIONS[name]))


@pytest.mark.parametrize("name", REDUCTIONS)
def test_what_hooks_get_and_what_is_retained(name):
    expected = wanted(REDUCTIONS[name])
    x = flambeau.ones(3, 4, requires_grad=True)
    seen = []
    x.register_hook(lambda grad: seen.append(grad))
    REDUCTIONS[name](x).backward()
    y = flambeau.ones(3, 4, requires_grad=True) * 1
    y.retain_grad()
    y.register_hook(lambda grad: seen.append(grad.stride()))
    REDUCTIONS[name](y).backward()
    assert seen[1] == (4, 1)
    assert written_alone(seen[0], expected.clone())
    assert written_alone(y.grad, expected.clone())


def test_a_hook_may_write_its_gradient_in_place():
    x = flambeau.ones(3, 4, requires_grad=True)

    def hook(grad):
        grad[1] = 0

    x.register_hook(hook)
    x.mean().backward()
    flambeau.testing.assert_close(x.grad * 12, flambeau.tensor([[1.0] * 4, [0.0] * 4, [1.0] * 4]))


def test_the_copy_is_differentiated():
    x = flambeau.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    (grad,) = flambeau.autograd.grad((x.mean() ** 3), x, create_graph=True)
    (second,) = flambeau.autograd.grad(grad.sum(), x)
    assert grad.stride() == (2, 1)
    assert second.tolist() == [[3.75] * 2] * 2  # 6 mean / 4


def test_in_vmap():
    grads = flambeau.func.vmap(flambeau.func.grad(lambda row: row.mean()))(flambeau.ones(3, 4))
    assert written_alone(grads, flambeau.full((3, 4), 0.25))


def test_single_elements_and_none():
    for shape in [(), (0, 3), (1, 1), (1, 3)]:
        x = flambeau.ones(shape, requires_grad=True)
        (grad,) = flambeau.autograd.grad(x.sum(), x)
        assert grad.tolist() == flambeau.ones(shape).tolist()
