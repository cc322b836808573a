"""torch.func: derivatives of functions against calculus, vmap against a loop."""

import gc

import numpy as np
import pytest

import flambeau as torch
from flambeau import func

X = torch.tensor([0.5, -1.0, 2.0], dtype=torch.float64)


def test_grad_of_any_order():
    cube = lambda x: (x**3).sum()
    np.testing.assert_allclose(func.grad(cube)(X).numpy(), 3 * X.numpy() ** 2)
    second = func.grad(lambda x: func.grad(cube)(x).sum())(X)
    np.testing.assert_allclose(second.numpy(), 6 * X.numpy())
    assert not second.requires_grad
    grads, (value, aux) = func.grad_and_value(lambda x, y: ((x * y).sum(), 7), (0, 1), True)(
        X, 2 * X
    )
    assert aux == 7 and value == (2 * X * X).sum()
    assert torch.equal(grads[0], 2 * X) and torch.equal(grads[1], X)
    with pytest.raises(
        RuntimeError,
        match=r"grad: the function must return one number, a 0-dim Tensor, not shape \(3,\)",
    ):
        func.grad(lambda x: x)(X)


def test_products_with_the_jacobian():
    f = lambda x: torch.stack([x[0] * x[1], x[2].sin()])
    want = np.array([[-1.0, 0.5, 0], [0, 0, np.cos(2.0)]])
    np.testing.assert_allclose(func.jacrev(f)(X).numpy(), want)
    np.testing.assert_allclose(func.jacfwd(f)(X).numpy(), want)
    v, w = torch.ones(3, dtype=torch.float64), torch.tensor([1.0, 2.0], dtype=torch.float64)
    np.testing.assert_allclose(func.jvp(f, (X,), (v,))[1].numpy(), want @ np.ones(3))
    np.testing.assert_allclose(func.vjp(f, X)[1](w)[0].numpy(), [1, 2] @ want)
    np.testing.assert_allclose(func.linearize(f, X)[1](v).numpy(), want @ np.ones(3))


def test_jvp_with_strict_refuses_an_output_that_depends_on_no_primal():
    constant = lambda x: torch.ones(2)
    assert func.jvp(constant, (X,), (X,))[1].tolist() == [0, 0]
    with pytest.raises(
        RuntimeError,
        match="jvp: the output does not depend on the inputs, which strict=True refuses",
    ):
        func.jvp(constant, (X,), (X,), strict=True)
    assert func.jvp(torch.square, (X,), (X,), strict=True)[1].tolist() == (2 * X * X).tolist()


def test_hessian_of_a_quadratic_form():
    A = torch.from_numpy(np.random.default_rng(0).standard_normal((3, 3)))
    H = func.hessian(lambda x: x @ A @ x)(X)
    np.testing.assert_allclose(H.numpy(), (A + A.T).numpy())


def test_vmap_is_a_loop():
    A, b = torch.arange(24.0).reshape(4, 2, 3), torch.arange(12.0).reshape(3, 4)
    out = func.vmap(lambda A, b, s: (A @ b * s, b.sum()), in_dims=(0, 1, None), out_dims=(1, 0))(
        A, b, 2.0
    )
    want = torch.stack([A[i] @ b[:, i] * 2 for i in range(4)], 1)
    assert torch.equal(out[0], want) and torch.equal(out[1], b.sum(0))
    per_sample = func.vmap(func.grad(lambda w, x: (w * x).sum() ** 2), in_dims=(None, 0))
    w, x = torch.ones(3), torch.arange(6.0).reshape(2, 3)
    assert torch.equal(per_sample(w, x), 2 * x.sum(1, keepdim=True) * x)
    with pytest.raises(ValueError, match=r"vmap: the dims mapped over have sizes \[2, 3\]"):
        func.vmap(torch.add)(torch.ones(2), torch.ones(3))


def test_stacked_models():
    models = [torch.nn.Linear(3, 2) for _ in range(4)]
    parameters, buffers = func.stack_module_state(models)
    call = lambda p, x: func.functional_call(models[0], p, (x,))
    out = func.vmap(call, in_dims=(0, None))(parameters, torch.ones(3))
    want = torch.stack([m(torch.ones(3)) for m in models])
    assert not buffers and torch.allclose(out, want)


@pytest.mark.parametrize("function", [lambda t: 1.0, lambda t: (t, 5), lambda t: {"a": None}])
def test_vmap_refuses_results_that_are_no_tensors(function):
    with pytest.raises(ValueError, match="the function returned"):
        func.vmap(function)(torch.tensor([1.0, -2.0]))


def test_vmap_minds_randomness():
    x = torch.zeros(3)
    with pytest.raises(
        RuntimeError,
        match="vmap: a random operator was called, and whether slices share its numbers is not said",
    ):
        torch.vmap(lambda t: t + torch.rand(()))(x)
    same = torch.vmap(lambda t: t + torch.rand(()), randomness="same")(x)
    different = torch.vmap(lambda t: t + torch.rand(()), randomness="different")(x)
    assert len(set(same.tolist())) == 1 and len(set(different.tolist())) == 3
    with pytest.raises(RuntimeError, match="vmap: randomness is 'some'"):
        torch.vmap(lambda t: t, randomness="some")


def test_derivatives_leave_no_cycles_behind():
    # Functions inside functions that call themselves kept gradients alive until the collector came.
    model = torch.nn.Linear(3, 2)
    params = {name: p.detach() for name, p in model.named_parameters()}
    loss = lambda p, x: func.functional_call(model, p, (x,)).square().sum()
    per_sample = func.vmap(func.grad(loss), (None, 0))
    x = torch.ones(4, 3)
    per_sample(params, x)
    gc.collect()
    gc.disable()
    try:
        per_sample(params, x)
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_what_cannot_be_differentiated_is_refused():
    with pytest.raises(RuntimeError, match="grad: an input to differentiate by is torch.int64"):
        func.grad(lambda x: x.sum())(torch.tensor([1, 2]))
    with pytest.raises(ValueError, match="vjp: an input to differentiate by is a float"):
        func.vjp(lambda x: X * x, 2.0)
    with pytest.raises(RuntimeError, match="jvp: there are no primals"):
        func.jvp(lambda: X, (), ())
    with pytest.raises(RuntimeError, match="vjp: the cotangents must be nested like the output"):
        func.vjp(lambda x: (x, x), X)[1](X)
    with pytest.raises(
        RuntimeError, match="grad: argnums \\(0, 0\\) name an argument more than once"
    ):
        func.grad(lambda x: x.sum(), (0, 0))(X)
    with pytest.raises(RuntimeError, match="with has_aux=True the function must return a tuple"):
        func.grad(lambda x: x.sum(), has_aux=True)(X)


@pytest.mark.parametrize("name", ["copysign", "hypot", "atan2"])
def test_jvp_where_the_slope_is_set_to_zero(name):
    x, y = torch.tensor([0.0, -0.0, 0.0, 3.0]), torch.tensor([0.0, 0.0, 4.0, -4.0])
    tangent = torch.tensor([1.0, 2.0, 3.0, 4.0])

    def pair(a):
        return getattr(torch, name)(a, y)

    jacobian = func.jacrev(pair)(x)
    torch.testing.assert_close(func.jvp(pair, (x,), (tangent,))[1], jacobian @ tangent)
