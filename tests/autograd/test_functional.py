"""Jacobian, Hessian and their products with vectors."""

import pytest

import flambeau
from flambeau.autograd import functional


@pytest.fixture
def x():
    return flambeau.tensor([1.0, 2.0, 3.0], dtype=flambeau.float64)


def close(a, b):
    return flambeau.allclose(a, b)


def test_jacobian(x):
    assert close(functional.jacobian(lambda x: x**2, x), flambeau.diag(2 * x))
    y = flambeau.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], dtype=flambeau.float64)
    by_y, by_x = functional.jacobian(flambeau.mv, (y, x))
    assert by_y.shape == (2, 2, 3)
    assert close(by_x, y)
    one, two = functional.jacobian(lambda x: (x * 2, x.sum()), x)
    assert close(one, 2 * flambeau.eye(3, dtype=flambeau.float64))
    assert close(two, flambeau.ones_like(x))


def test_hessian(x):
    assert close(functional.hessian(lambda x: (x**3).sum(), x), flambeau.diag(6 * x))
    blocks = functional.hessian(lambda a, b: (a * b).sum(), (x, x.clone()))
    assert close(blocks[0][1], flambeau.eye(3, dtype=flambeau.float64))
    assert close(blocks[0][0], flambeau.zeros(3, 3, dtype=flambeau.float64))
    with pytest.raises(
        RuntimeError,
        match="hessian: the function must return one number, so that it has a gradient",
    ):
        functional.hessian(lambda x: x, x)


def test_products_are_those_with_the_whole_matrix(x):
    v = flambeau.tensor([0.5, -1.0, 2.0], dtype=flambeau.float64)

    def f(x):
        return x.sin() * x.sum()

    def g(x):
        return f(x).sum()

    jacobian, hessian = functional.jacobian(f, x), functional.hessian(g, x)
    value, product = functional.vjp(f, x, v)
    assert close(value, f(x))
    assert close(product, v @ jacobian)
    assert close(functional.jvp(f, x, v)[1], jacobian @ v)
    assert close(functional.vhp(g, x, v)[1], v @ hessian)
    assert close(functional.hvp(g, x, v)[1], hessian @ v)


def test_create_graph_makes_the_answer_differentiable(x):
    x.requires_grad_()
    j = functional.jacobian(lambda x: x**2, x, create_graph=True)
    j.sum().backward()
    assert x.grad.tolist() == [2, 2, 2]
    assert not functional.jacobian(lambda x: x**2, x).requires_grad


def test_strict_refuses_what_does_not_depend(x):
    zero = functional.jacobian(lambda x: flambeau.ones(2), x)
    assert zero.abs().sum() == 0
    with pytest.raises(
        RuntimeError,
        match="jacobian: Output 0 does not depend on the inputs, which strict=True refuses",
    ):
        functional.jacobian(lambda x: flambeau.ones(2), x, strict=True)
    with pytest.raises(
        RuntimeError, match="vjp: v may be left away only where there is one output of one element"
    ):
        functional.vjp(lambda x: x, x)
    with pytest.raises(TypeError, match="Tensor"):
        functional.jacobian(lambda x: x, [1.0])
