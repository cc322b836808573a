"""What a backward that runs tells, backwards inside each other, and several in threads at once."""

import threading

import pytest

import flambeau as torch
from flambeau.autograd import Function, Variable
from flambeau.autograd.graph import Node, register_multi_grad_hook
from tests.autograd.functions import Same


def leaf(*values):
    return torch.tensor(values, dtype=torch.float64, requires_grad=True)


def test_callbacks_run_when_the_backward_has_ended():
    order = []

    def hook(grad):
        order.append("hook")
        Variable._execution_engine.queue_callback(lambda: order.append("callback"))

    x = leaf(1.0)
    y = x * 2
    y.register_hook(hook)
    x.register_hook(lambda g: order.append("leaf"))
    y.backward()
    assert order == ["hook", "leaf", "callback"]
    with pytest.raises(RuntimeError, match="no backward runs"):
        Variable._execution_engine.queue_callback(print)


def test_what_a_backward_tells_of_itself():
    seen = []
    x = leaf(1.0)
    a = x.sin()
    b, unused = a.exp(), a.cos()
    out = b * 2

    def hook(grad):
        seen.append(
            (
                torch._C._current_graph_task_id() >= 0,
                [node.name() for node in torch._C._current_graph_task_execution_order()],
                torch._C._will_engine_execute_node(a.grad_fn),
                torch._C._will_engine_execute_node(unused.grad_fn),
            )
        )

    b.register_hook(hook)
    with torch.autograd.set_multithreading_enabled(False):
        out.backward()
    names = ["ExpBackward0", "SinBackward0", "torch::autograd::AccumulateGrad"]
    assert seen[0][0] and seen[0][2:] == (True, False)
    assert set(seen[0][1]) >= set(names[1:])
    assert torch._C._current_graph_task_id() == -1


def test_backward_to_given_tensors_runs_their_nodes():
    calls = []
    a = leaf(1.0)
    b = a * 2
    c = b * 3
    b.register_hook(lambda g: calls.append("tensor"))
    b.grad_fn.register_prehook(lambda g: calls.append("pre"))
    b.grad_fn.register_hook(lambda i, o: calls.append("post"))
    torch.autograd.grad(c, b, retain_graph=True)
    assert calls == ["tensor"]
    calls.clear()
    c.backward(inputs=[b], retain_graph=True)
    assert calls == ["tensor", "pre", "post"]
    assert b.grad.item() == 3 and b.retains_grad and a.grad is None


def test_multi_grad_hooks_wait_for_what_a_backward_reaches():
    a, b, c = leaf(1.0), leaf(2.0), leaf(3.0)
    calls = []
    handle = register_multi_grad_hook(
        (a, b, c), lambda grads: calls.append([g is None for g in grads])
    )
    out = a * b
    out.backward(retain_graph=True)
    assert calls == [[False, False, True]]
    out.backward(inputs=[b], retain_graph=True)
    assert calls[1:] == [[True, False, True]]
    handle.remove()
    out.backward()
    assert len(calls) == 2


def test_backwards_inside_each_other_have_no_depth_limit():
    class Deeper(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.depth = int(x.item())
            return x - 1

        @staticmethod
        def backward(ctx, grad):
            if ctx.depth > 0:
                inner = torch.tensor([ctx.depth - 1.0], requires_grad=True)
                with torch.enable_grad():
                    Deeper.apply(inner).sum().backward()
            return grad

    x = torch.tensor([2000.0], requires_grad=True)
    Deeper.apply(x).sum().backward()
    assert x.grad.item() == 1


@pytest.mark.parametrize("size", [3, 300_000])
def test_threads_add_up_in_shared_leaves(size):
    # Large gradients are added with the lock of the interpreter released.
    x = torch.ones(size, requires_grad=True)
    shared = x * 2

    def work():
        for _ in range(5):
            shared.sum().backward(retain_graph=True)
            (x * 3).sum().backward()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert x.grad.min().item() == x.grad.max().item() == 4 * 5 * (2 + 3)


def test_threads_with_hooks_that_give_way():
    x = leaf(1.0)
    y = x
    for _ in range(50):
        y = y * 1.0
        y.register_hook(lambda g: threading.Event().wait(1e-6) or None)
    results = []

    def work():
        results.append(torch.autograd.grad(y, x, retain_graph=True)[0].item())

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [1.0] * 8


def test_wide_and_deep_graphs():
    leaves = [torch.zeros((), requires_grad=True) for _ in range(20_000)]
    torch.stack(leaves).sum().backward()
    assert all(x.grad.item() == 1 for x in leaves)
    x = torch.zeros(1, requires_grad=True)
    y = x
    for _ in range(200_000):
        y = y + 1
    y.backward()
    assert x.grad.item() == 1
    del y


def test_every_node_is_a_node():
    y = leaf(1.0).exp()
    assert isinstance(y.grad_fn, Node) and issubclass(type(y.grad_fn), Node)
    assert Node not in type(y.grad_fn).mro() and not isinstance(1, Node)


def test_dirty_inputs_are_checked():
    class Write(Function):
        @staticmethod
        def forward(ctx, x, returned):
            x.mul_(2)
            ctx.mark_dirty(x)
            return x if returned else x * 1

        @staticmethod
        def backward(ctx, g):
            return g * 2, None

    with pytest.raises(RuntimeError, match="does not return"):
        Write.apply(leaf(1.0) * 1, False)
    with pytest.raises(RuntimeError, match="leaf that requires grad"):
        Write.apply(leaf(1.0), True)
    x = leaf(1.0)
    y = x * 1
    assert Write.apply(y, True) is y
    y.backward()
    assert x.grad.item() == 2


def test_the_second_of_two_outputs_is_written_in_place():
    # Its gradient went to the first output.
    class Second(Function):
        @staticmethod
        def forward(ctx, x, y):
            ctx.mark_dirty(y)
            return x * 1, y.mul_(2)

        @staticmethod
        def backward(ctx, gx, gy):
            return gx, gy * 2

    x, y = leaf(1.0), leaf(1.0)
    first, second = Second.apply(x, y * 1)
    (first * 10 + second * 100).backward()
    assert x.grad.item() == 10 and y.grad.item() == 200


def test_backward_and_vjp_are_one():
    class Both(Same):
        @staticmethod
        def backward(ctx, g):
            return g

        vjp = backward

    with pytest.raises(RuntimeError, match="both backward and vjp"):
        Both.apply(leaf(1.0))


def test_the_gradient_of_a_result_is_asked_for():
    y = leaf(1.0) * 2
    with pytest.warns(UserWarning, match="retain_grad"):
        assert y.grad is None
    y.retain_grad()
    assert y.grad is None


def test_the_order_that_a_running_backward_will_take():
    order = []
    x = torch.ones((), requires_grad=True)
    y = (x * 2).sin()
    y.register_hook(lambda g: order.append(torch._C._current_graph_task_execution_order()))
    with torch.autograd.set_multithreading_enabled(False):
        assert not torch._C._is_multithreading_enabled()
        torch.autograd.grad(y, x, retain_graph=True)
        y.backward(retain_graph=True)
    names = ["SinBackward0", "MulBackward0", "AccumulateGrad"]
    for nodes in order:
        assert [node.name().split("::")[-1] for node in nodes] == names
    with pytest.raises(RuntimeError, match="with one thread only"):
        y.backward()


def test_grad_calls_no_node_of_a_leaf():
    x = torch.ones((), requires_grad=True)
    y = x * 2
    accumulator = y.grad_fn.next_functions[0][0]
    y.register_hook(lambda g: torch._C._will_engine_execute_node(accumulator))
    with pytest.raises(RuntimeError, match="takes the gradients of leaves itself"):
        torch.autograd.grad(y, x)
    y = x * 2
    y.backward()


def test_saved_tensors_are_made_by_nodes():
    with pytest.raises(RuntimeError, match="SavedTensor: only nodes make them"):
        torch.autograd.SavedTensor()
