"""What nodes keep for backward: hooks on it, and how it looks from outside."""

import pytest

import flambeau as torch
from flambeau.autograd.graph import saved_tensors_hooks


def leaf(*values):
    return torch.tensor(values, dtype=torch.float64, requires_grad=True)


def test_unpacked_leaves_are_what_unpack_gave():
    # The leaf itself was taken instead of the unpacked value.
    with saved_tensors_hooks(lambda t: 2 * t, lambda t: t):
        a = leaf(1, 2)
        y = (a * a).sum()
    y.backward()
    assert a.grad.tolist() == [4, 8]


@pytest.mark.parametrize("double", [False, True])
def test_hooks_that_change_nothing_change_no_gradient(double):
    def program(x):
        y = torch.tanh(x**3) * torch.exp(x)
        (g,) = torch.autograd.grad(y.sum(), x, create_graph=True)
        if not double:
            return g
        (g,) = torch.autograd.grad((g * g).sum(), x, create_graph=True)
        return torch.autograd.grad(g.sum(), x)[0]

    a, b = leaf(0.3, 0.7), leaf(0.3, 0.7)
    with saved_tensors_hooks(lambda t: t.clone(), lambda t: t):
        packed = program(a)
    assert torch.allclose(packed, program(b), rtol=1e-14)


def test_pack_hooks_must_not_write():
    def double(t):
        t *= 2
        return t

    with (
        saved_tensors_hooks(double, lambda t: t),
        pytest.raises(RuntimeError, match="pack hook wrote"),
    ):
        leaf(1.0).exp()


def test_hooks_belong_to_their_thread():
    import threading

    calls = []
    with saved_tensors_hooks(lambda t: calls.append(t) or t, lambda t: t):
        other = threading.Thread(target=lambda: leaf(1.0).exp())
        other.start()
        other.join()
        assert not calls
        leaf(1.0).exp()
    assert len(calls) == 1


def test_saved_values_by_name():
    a, b = leaf(2), leaf(3)
    y = a * b
    assert y.grad_fn._saved_self is a and y.grad_fn._saved_other is b
    assert isinstance(y.grad_fn._raw_saved_self, torch._C._autograd.SavedTensor)
    assert (a * 3).grad_fn._saved_other == 3 and (a * 3).grad_fn._saved_self is None
    e = a.exp()
    assert e.grad_fn._saved_result.grad_fn is e.grad_fn
    with pytest.raises(AttributeError, match="_saved_nothing"):
        e.grad_fn._saved_nothing
    y.backward()
    with pytest.raises(RuntimeError, match="second time"):
        y.grad_fn._saved_self


def test_hooks_on_one_saved_value():
    a = leaf(2, 3)
    y = a * a
    raw = y.grad_fn._raw_saved_self
    raw.register_hooks(lambda t: 10 * t, lambda t: t)
    with pytest.raises(RuntimeError, match="already"):
        raw.register_hooks(lambda t: t, lambda t: t)
    with pytest.raises(TypeError):
        y.grad_fn._raw_saved_other.register_hooks(1, 2)
    y.sum().backward()
    assert a.grad.tolist() == [22, 33]


def test_saved_values_of_a_function():
    class Keep(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x, None)
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g * ctx.saved_tensors[0]

    a = leaf(1, 2)
    y = Keep.apply(a)
    first, second = y.grad_fn._raw_saved_tensors
    with pytest.raises(RuntimeError, match="None was saved"):
        second.register_hooks(lambda t: t, lambda t: t)
    first.register_hooks(lambda t: t + 1, lambda t: t)
    y.sum().backward()
    assert a.grad.tolist() == [2, 3]
    with pytest.raises(RuntimeError, match="only nodes make them"):
        torch._C._autograd.SavedTensor()


def test_nodes_are_callable():
    a, b = leaf(2), leaf(3)
    node = (a * b).grad_fn
    grads = node(torch.tensor([10.0], dtype=torch.float64))
    assert [g.item() for g in grads] == [30, 20]
    with pytest.raises(TypeError, match="takes 1 gradients"):
        node()


@pytest.mark.parametrize(
    "make, name",
    [
        (lambda x: x / 2, "Div"),
        (lambda x: x**2, "Pow"),
        (lambda x: x[[0]], "Index"),
        (lambda x: x.log1p(), "Log1P"),
        (lambda x: x.logsumexp(0), "Logsumexp"),
        (lambda x: torch.nn.functional.layer_norm(x, (2,)), "NativeLayerNorm"),
    ],
)
def test_names_of_nodes(make, name):
    assert make(leaf(1, 2)).grad_fn.name() == f"{name}Backward0"


def test_nodes_show_what_they_keep_and_ctx_of_a_function_has_their_type():
    seen = []

    class Twice(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            seen.append(type(ctx))
            return x * 2

        @staticmethod
        def backward(ctx, grad):
            return grad * 2

    x = torch.ones(3, requires_grad=True)
    assert type(Twice.apply(x).grad_fn) is seen[0]
    with pytest.raises(AttributeError, match="_saved_x"):
        Twice.apply(x).grad_fn._saved_x
    first, second = x.cumprod(0).grad_fn, x.cumprod(0).grad_fn
    assert type(first) is type(second) and type(first).__name__ == "CumprodBackward0"
    assert first._saved_dim == 0 and first._saved_result.tolist() == [1.0, 1.0, 1.0]


def test_pack_hooks_are_given_inputs_themselves():
    # Hooks that move activations elsewhere leave parameters alone, which they know by their type.
    layer = torch.nn.Linear(3, 2)
    scale = torch.nn.LayerNorm(2)
    x = torch.randn(4, 3, requires_grad=True)
    seen = []
    with saved_tensors_hooks(lambda t: seen.append(t) or t, lambda t: t):
        h = layer(x).tanh()
        y = (scale(h) * h).sum()
    assert any(t is layer.weight for t in seen) and any(t is scale.weight for t in seen)
    assert any(t is x for t in seen)
    y.backward()
    packed = layer.weight.grad.clone()
    layer.weight.grad = None
    h = layer(x).tanh()
    (scale(h) * h).sum().backward()
    assert torch.equal(packed, layer.weight.grad)


def test_unpacked_inputs_that_hooks_kept_are_the_tensors_themselves():
    a = leaf(1, 2)
    with saved_tensors_hooks(lambda t: t, lambda t: t):
        b = a * 1
        y, z = a**2, b**2
    assert y.grad_fn._saved_self is a and z.grad_fn._saved_self is b


def test_results_that_pack_hooks_keep_are_freed():
    import weakref

    with saved_tensors_hooks(lambda t: t, lambda t: t):
        y = leaf(1, 2).exp()
    gone = weakref.ref(y)
    del y
    assert gone() is None
