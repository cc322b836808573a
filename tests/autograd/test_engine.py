"""The engine: accumulation, graphs kept and made, hooks, writes in place, views, long chains."""

import gc
import weakref

import pytest

import flambeau as torch
from flambeau import autograd


def leaf(*values):
    return torch.tensor([float(v) for v in values], requires_grad=True)


def test_gradients_accumulate_until_cleared():
    x = leaf(1, 2)
    (x * x).sum().backward()
    (3 * x).sum().backward()
    assert x.grad.tolist() == [5.0, 7.0]
    x.grad = None
    (x * x).sum().backward()
    assert x.grad.tolist() == [2.0, 4.0]


def test_a_value_used_twice_gets_both_gradients():
    x = leaf(2)
    y = x.exp()
    (y * y + y).sum().backward()
    e = float(torch.tensor(2.0).exp())
    assert x.grad.item() == pytest.approx(2 * e * e + e, rel=1e-6)


def test_backward_twice_needs_retain_graph():
    x = leaf(1, 2)
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.tolist() == [4.0, 8.0]
    with pytest.raises(
        RuntimeError,
        match="backward of MulBackward0: what it saved was freed by an earlier backward, so the graph cannot",
    ):
        y.backward()


def test_backward_of_a_vector_needs_a_gradient():
    x = leaf(1, 2)
    with pytest.raises(
        RuntimeError,
        match=r"backward: float32 \(2,\) is not a single number, so its gradient must be given",
    ):
        (x * 2).backward()
    (x * 2).backward(torch.tensor([1.0, 10.0]))
    assert x.grad.tolist() == [2.0, 20.0]
    with pytest.raises(
        RuntimeError,
        match=r"backward: gradient 0 has shape \(3,\), but the output it is for has shape \(2,\)",
    ):
        (x * 2).backward(torch.ones(3))
    with pytest.raises(RuntimeError, match="does not require grad"):
        torch.ones(1).backward()


def test_create_graph_gives_derivatives_of_any_order():
    x = leaf(3)
    y = (x**4).sum()
    for expected in (108.0, 108.0, 72.0, 24.0):
        (y,) = autograd.grad(y.sum(), x, create_graph=True)
        assert y.item() == pytest.approx(expected)


def test_grad_returns_without_accumulating_and_allows_unused():
    x, y = leaf(1), leaf(2)
    z = x * 3
    assert autograd.grad(z.sum(), x)[0].item() == 3
    assert x.grad is None
    z = x * 3
    with pytest.raises(RuntimeError, match="allow_unused|not have been used"):
        autograd.grad(z.sum(), (x, y))
    z = x * 3
    assert autograd.grad(z.sum(), (x, y), allow_unused=True)[1] is None


def test_grad_with_respect_to_an_intermediate_result():
    x = leaf(2)
    y = x * x
    z = (y * 5).sum()
    assert autograd.grad(z, y, retain_graph=True)[0].item() == 5
    assert [g.item() for g in autograd.grad(z, (x, y))] == [20.0, 5.0]


def test_backward_with_inputs_touches_those_alone():
    x, y = leaf(2), leaf(3)
    (x * y).sum().backward(inputs=[x])
    assert x.grad.item() == 3 and y.grad is None


def test_broadcast_operands_get_gradients_of_their_own_shape_and_dtype():
    a = torch.ones(3, 1, requires_grad=True)
    b = torch.ones(4, dtype=torch.float64, requires_grad=True)
    (a * b).sum().backward()
    assert (
        a.grad.shape == (3, 1) and a.grad.dtype is torch.float32 and a.grad.tolist() == [[4.0]] * 3
    )
    assert b.grad.shape == (4,) and b.grad.dtype is torch.float64 and b.grad.tolist() == [3.0] * 4


def test_hooks_see_and_change_gradients():
    x = leaf(1)
    y = x * 2
    seen = []
    handle = y.register_hook(lambda g: seen.append(g.item()))
    y.register_hook(lambda g: g * 10)
    x.register_hook(lambda g: g + 1)
    (y * 3).sum().backward()
    assert seen == [3.0] and x.grad.item() == 61.0
    handle.remove()
    x.grad = None
    y = x * 2
    y.grad_fn.register_hook(lambda inputs, outputs: (inputs[0] * 2, inputs[1]))
    y.grad_fn.register_prehook(lambda outputs: (outputs[0] * 3,))
    y.sum().backward()
    assert x.grad.item() == 13.0
    x.grad = None
    x.register_post_accumulate_grad_hook(lambda t: setattr(t, "seen", t.grad.item()))
    x.sum().backward()
    assert x.seen == 2.0


def test_retain_grad_keeps_the_gradient_of_an_intermediate():
    x = leaf(1)
    y = x * 2
    y.retain_grad()
    assert y.retains_grad
    (y * y).sum().backward()
    assert y.grad.item() == 4.0
    with pytest.raises(
        RuntimeError,
        match=r"retain_grad: float32 \(1,\) does not require grad, so no gradient comes to it",
    ):
        torch.ones(1).retain_grad()


def test_no_grad_and_friends():
    x = leaf(1)
    with torch.no_grad():
        assert not (x * 2).requires_grad
        with torch.enable_grad():
            assert (x * 2).requires_grad
    with torch.inference_mode():
        y = x * 2
    assert not y.requires_grad and y.is_inference()
    assert not x.detach().requires_grad and x.detach().data_ptr() == x.data_ptr()


# ------------------------------------------------------------------------------- writes in place, views


def test_a_leaf_cannot_be_written_in_place():
    x = leaf(1, 2)
    with pytest.raises(
        RuntimeError, match=r"add_: this is a leaf that requires grad \(float32 \(2,\)\)"
    ):
        x.add_(1)
    with pytest.raises(
        RuntimeError, match=r"mul_: this is a view of a leaf that requires grad \(float32 \(2,\)\)"
    ):
        x[0].mul_(2)
    with torch.no_grad():
        x.add_(1)
    assert x.tolist() == [2.0, 3.0]


def test_overwriting_what_backward_needs_names_operator_and_writer():
    x = leaf(1, 2, 3)
    y = x.exp()
    y.mul_(2)
    with pytest.raises(
        RuntimeError,
        match=r"backward of Exp: its saved result, float32 \(3,\), has been modified by an inplace operation:",
    ) as e:
        y.sum().backward()
    assert "version 0 then, 1 now" in str(e.value)


def test_overwriting_what_backward_does_not_need_is_fine():
    x = leaf(1, 2)
    y = x + 1
    y.mul_(3)
    y.sum().backward()
    assert x.grad.tolist() == [3.0, 3.0]


def test_data_and_detach_differ_in_version_checks():
    x = leaf(1)
    y = x.exp()
    y.data.zero_()
    y.sum().backward()  # as in PyTorch: .data is not watched
    assert x.grad.item() == 0.0
    y = x.exp()
    y.detach().zero_()
    with pytest.raises(RuntimeError, match="inplace"):
        y.sum().backward()


def test_a_write_through_a_view_becomes_part_of_the_base_history():
    x = leaf(1, 2, 3, 4)
    y = x * 1
    y[1:3] = y[1:3] * 10
    y[0] = 7.0
    y.sum().backward()
    assert x.grad.tolist() == [0.0, 10.0, 10.0, 1.0]


def test_a_view_sees_a_write_to_its_base():
    x = leaf(1, 2)
    base = x * 1
    view = base[1]
    base.mul_(5)
    assert view.item() == 10.0
    view.backward()
    assert x.grad.tolist() == [0.0, 5.0]


def test_a_plain_tensor_takes_up_history_through_a_view():
    x = leaf(2)
    base = torch.zeros(3)
    base[1] = x[0] * 3
    assert base.requires_grad
    base.sum().backward()
    assert x.grad.item() == 3.0


def test_views_of_several_outputs_cannot_be_written():
    x = leaf(1, 2) * 1
    a, b = x.unbind()
    with pytest.raises(RuntimeError, match="is one of several views that an operator returned"):
        a.mul_(2)


def test_writing_a_tensor_that_overlaps_itself_is_refused():
    x = torch.zeros(1).expand(3)
    with pytest.raises(
        RuntimeError,
        match=r"add_: elements of the tensor written to, \(3,\) with strides \(0,\), share memory\. clone\(\) it first",
    ):
        x.add_(1)


# --------------------------------------------------------------------------------------------- the graph


def test_what_is_frozen_before_backward_gets_no_gradient():
    for size in (2, 100_000):
        for freeze in (lambda x: x.requires_grad_(False), lambda x: x.detach_()):
            x, y = leaf(*[1] * size), leaf(2)
            x.register_post_accumulate_grad_hook(lambda x: pytest.fail("nothing was accumulated"))
            out = ((x * 2).exp() * y).sum()
            freeze(x)
            out.backward()
            assert x.grad is None and y.grad is not None
    layer = torch.compile(torch.nn.Linear(3, 2))
    for _ in range(2):
        layer.requires_grad_(True)
        layer.weight.grad = None
        loss = layer(torch.ones(1, 3)).tanh().sum()
        layer.weight.requires_grad_(False)
        loss.backward()
        assert layer.weight.grad is None and layer.bias.grad is not None


def test_the_graph_can_be_walked():
    x = leaf(1)
    y = (x * 2 + 1).sum()
    assert y.grad_fn.name() == "SumBackward0"
    add = y.grad_fn.next_functions[0][0]
    assert type(add).__name__ == "AddBackward0"
    mul = add.next_functions[0][0]
    assert mul.next_functions[0][0].variable is x
    assert x.grad_fn is None and x.is_leaf and not y.is_leaf


def test_a_chain_of_a_million_operators():
    x = leaf(1)
    y = x
    for _ in range(1_000_000):
        y = y + 1
    y.backward(torch.ones(1))
    assert x.grad.item() == 1.0
    del y  # freeing it must not recurse either


def test_a_graph_is_freed_with_its_result():
    x = leaf(1, 2)
    y = x.exp()
    kept = weakref.ref(y.grad_fn)
    del y
    gc.collect()
    assert kept() is None


def test_gradients_stay_finite_through_the_branch_not_taken():
    x = leaf(0, 4)
    torch.where(x > 0, x.sqrt(), x).sum().backward()
    assert x.grad.tolist() == [1.0, 0.25]
    z = torch.zeros(3, requires_grad=True)
    z.norm().backward()
    assert z.grad.tolist() == [0.0, 0.0, 0.0]


def test_anomaly_mode_finds_the_nan():
    x = leaf(-1)
    with pytest.warns(UserWarning), autograd.detect_anomaly():
        y = x.sqrt().sum()
        with pytest.raises(
            RuntimeError,
            match="SqrtBackward0: its gradient number 0 holds NaN, found by anomaly mode",
        ):
            y.backward()


def test_saved_tensors_hooks_pack_and_unpack():
    x = leaf(2, 3)
    packed = []
    with autograd.graph.saved_tensors_hooks(lambda t: packed.append(t) or t * 1, lambda t: t):
        y = (x * x.exp()).sum()
    y.backward()
    e = torch.tensor([2.0, 3.0]).exp()
    assert packed
    assert torch.allclose(x.grad, e * (1 + torch.tensor([2.0, 3.0])))


def test_grad_of_a_batch_of_cotangents():
    x = torch.rand(3, requires_grad=True)
    y = x**2
    rows = torch.autograd.grad(y, x, torch.eye(3), is_grads_batched=True)[0]
    torch.testing.assert_close(rows, torch.diag(2 * x.detach()))
    with pytest.raises(RuntimeError, match="second time|freed|retain_graph"):
        torch.autograd.grad(y, x, torch.eye(3), is_grads_batched=True)
    with pytest.raises(RuntimeError, match="needs grad_outputs"):
        torch.autograd.grad(x.sum(), x, is_grads_batched=True)


def test_the_table_of_hooks_can_be_exchanged():
    x = leaf(1, 1)
    y = x * 1
    y.register_hook(lambda g: g * 100)
    calls = []
    y._backward_hooks = {"mine": calls.append}
    y.sum().backward()
    assert len(calls) == 1 and x.grad.tolist() == [1.0, 1.0]
    y = x * 1
    y.register_hook(lambda g: g * 100)
    y._backward_hooks = None
    x.grad = None
    y.sum().backward()
    assert x.grad.tolist() == [1.0, 1.0] and y._backward_hooks is None
    torch.zeros(2)._backward_hooks = {"never called": None}
    with pytest.raises(RuntimeError, match="_backward_hooks: cannot be deleted"):
        del x._backward_hooks
    x._backward_hooks = x
    with pytest.raises(TypeError, match="hooks are values of a dict, not of Tensor"):
        (x * 1).sum().backward()


def test_a_tensor_leaves_its_graph():
    y = leaf(2) * 2
    with pytest.raises(RuntimeError, match="_grad_fn: cannot be deleted"):
        del y._grad_fn
    y._grad_fn = None
    assert y.is_leaf and not y.requires_grad


def test_versions_count_what_somebody_could_see():
    for fresh in (
        torch.rand(3),
        torch.arange(3),
        torch.eye(3),
        torch.full_like(torch.ones(2), 3),
        torch.zeros(2).scatter(0, torch.tensor([1]), 1.0),
        torch.nn.functional.pad(torch.ones(2), (1, 1)),
    ):
        assert fresh._version == 0
    x = torch.rand(1)
    x.resize_((1, 2)).resize_(1, 2)
    assert x._version == 1
    assert x.resize_as_(torch.rand(3))._version == 2
    y = leaf(3) * 1
    z = y.detach()
    z.fill_(2)
    assert y._version == 1


def test_backwards_that_start_each_other_without_end_are_a_recursion_error():
    def hook(grad):
        with torch.enable_grad():
            x = torch.ones(1, requires_grad=True)
            x.register_hook(hook)
            (x * 2).backward()

    x = torch.ones(1, requires_grad=True)
    x.register_hook(hook)
    with pytest.raises(RecursionError, match="backwards run inside each other"):
        (x * 2).backward()
    (torch.ones(1, requires_grad=True) * 2).backward()  # the engine is whole


def test_materialize_grads_tells_of_a_truth_that_raises():
    class Function(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.set_materialize_grads(torch.ones(2))
            return x * 1

        @staticmethod
        def backward(ctx, grad):
            return grad

    with pytest.raises(RuntimeError, match="ambiguous"):
        Function.apply(torch.ones(1, requires_grad=True))


def test_gradients_of_leaves_with_gaps_or_repeats_lie_row_by_row():
    turned = torch.rand(8, 5).t()
    for x in (torch.rand(5, 16)[:, ::2], torch.rand(8).expand(5, 8)):
        x.requires_grad_()
        (x * turned).sum().backward()
        assert x.grad.stride() == (8, 1) and torch.equal(x.grad, turned)
