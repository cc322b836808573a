"""Backward of compiled functions: what it keeps, what it computes again, and when operators do it."""

import gc
import itertools
import threading

import pytest

import flambeau as torch
from flambeau.compiled.report import watch


def focal(x, target):
    p = torch.sigmoid(x)
    loss = torch.clamp(x, min=0) - x * target + torch.log1p(torch.exp(-torch.abs(x)))
    right = p * target + (1 - p) * (1 - target)
    return (0.25 * target + 0.75 * (1 - target)) * (1 - right) ** 2 * loss


def attention_weights(x, scale):
    return torch.softmax(x * scale, -1) * x.amax(-1, keepdim=True)


def gate(x, y):
    return y * torch.sigmoid(y) * x


def steps(x, y):
    for _ in range(3):
        x = x * y * (1 - x)
    return x, x - y


FUNCTIONS = [focal, attention_weights, gate, steps]


def gradients(function, x, y, weights, **options):
    """Results and gradients, the gradient of these in turn with create_graph."""
    results = function(x, y)
    results = results if isinstance(results, tuple) else (results,)
    grads = torch.autograd.grad(
        results, (x, y), weights[: len(results)], allow_unused=True, **options
    )
    found = [*results, *grads]
    if options.get("create_graph"):
        found += torch.autograd.grad(
            sum(g.sum() for g in grads if g.requires_grad), (x, y), allow_unused=True
        )
    return found


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("sizes", [(1, 64), (33, 40), (300, 256), (257, 1025)])
def test_gradients_are_the_bits_of_eager_mode(function, sizes):
    compiled = torch.compile(function)
    for seed in range(3):
        torch.manual_seed(seed)
        x = torch.randn(sizes, requires_grad=True)
        y = torch.rand(sizes, requires_grad=True)
        weights = [torch.randn(sizes), torch.randn(sizes)]
        for ours, expected in zip(
            gradients(compiled, x, y, weights), gradients(function, x, y, weights)
        ):
            if function is attention_weights:  # gradients of a softmax inside a group
                torch.testing.assert_close(ours, expected)
            else:
                assert torch.equal(ours, expected)


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("sizes", [(3, 40), (300, 256)])
def test_gradients_of_gradients_go_through_what_is_kept(function, sizes):
    compiled = torch.compile(function)
    x = torch.randn(sizes, dtype=torch.float64, requires_grad=True)
    y = torch.rand(sizes, dtype=torch.float64, requires_grad=True)
    weights = [torch.randn(sizes, dtype=torch.float64) for _ in range(2)]
    compiled(x, y)
    ours = gradients(compiled, x, y, weights, create_graph=True)
    expected = gradients(function, x, y, weights, create_graph=True)
    for a, b in zip(ours, expected):
        torch.testing.assert_close(a, b)


def test_what_backward_would_compute_again_is_kept_and_not_shown():
    compiled = torch.compile(lambda x: torch.tanh(torch.exp(x) * 2) + 1)
    x = torch.randn(5, 7, requires_grad=True)
    with watch() as seen:
        compiled(x)
    (program,) = seen.programs
    assert program.source.count("kernel") == 1 and program.kernels == 1
    out = compiled(x)
    assert isinstance(out, torch.Tensor)
    assert out.grad_fn.name() == "CompiledBackward"
    (grad,) = torch.autograd.grad(out.sum(), x)
    twice = torch.exp(x.detach()) * 2
    torch.testing.assert_close(grad, (1 - torch.tanh(twice) ** 2) * twice)


@pytest.mark.parametrize("which", [(0,), (1,), (0, 1)])
def test_some_results_only_have_a_gradient(which):
    def both(x, y):
        z = torch.sigmoid(x) * y
        return z.exp(), z * y

    compiled = torch.compile(both)
    x, y = torch.randn(9, 5, requires_grad=True), torch.randn(9, 5, requires_grad=True)
    for _ in range(3):
        found = []
        for function in (compiled, both):
            results = function(x, y)
            found.append(torch.autograd.grad(sum(results[k].sum() for k in which), (x, y)))
        for ours, expected in zip(*found):
            torch.testing.assert_close(ours, expected)


def test_results_may_be_written_where_eager_mode_allows_it():
    def chain(x):
        y = torch.exp(x) + 1  # whose derivative reads the exponential, not y
        return y, y * 2 + 3

    compiled = torch.compile(chain)
    x = torch.randn(4, 6, requires_grad=True)
    for function in (compiled, compiled, chain):
        first, second = function(x)
        first.detach().mul_(2)
        (grad,) = torch.autograd.grad(second.sum(), x)
        torch.testing.assert_close(grad, 2 * x.detach().exp())


def test_backward_runs_once_unless_the_graph_is_retained():
    compiled = torch.compile(gate)
    x, y = torch.randn(8, 8, requires_grad=True), torch.randn(8, 8, requires_grad=True)
    compiled(x, y)
    out = compiled(x, y).sum()
    out.backward(retain_graph=True)
    out.backward()
    with pytest.raises(RuntimeError, match="freed by an earlier backward"):
        out.backward()


def test_an_input_that_is_written_before_backward_is_noticed():
    compiled = torch.compile(gate)
    x, y = torch.randn(8, 8, requires_grad=True), torch.randn(8, 8, requires_grad=True)
    compiled(x, y)
    out = compiled(x, y)
    with torch.no_grad():
        y.mul_(2)
    with pytest.raises(RuntimeError, match="has been modified by an inplace operation"):
        out.sum().backward()


@pytest.mark.parametrize("sizes", [(8, 8), (300, 256)])
def test_hooks_views_and_inputs_asked_for(sizes):
    compiled = torch.compile(gate)
    x, y = torch.randn(sizes, requires_grad=True), torch.randn(sizes, requires_grad=True)
    compiled(x, y)
    seen = []
    out = compiled(x, y)
    out.register_hook(lambda g: seen.append(g) or g * 2)
    view = out[1:]
    view.backward(torch.ones_like(view), inputs=[y])
    assert x.grad is None and len(seen) == 1
    expected = gate(x, y)
    given = torch.zeros(sizes)
    given[1:] = 2
    assert torch.equal(y.grad, torch.autograd.grad(expected, y, given)[0])


def test_saved_tensors_hooks_see_eager_values_or_those_of_the_kernel():
    compiled = torch.compile(gate)
    x, y = torch.randn(8, 8, requires_grad=True), torch.randn(8, 8, requires_grad=True)
    for _ in range(2):
        compiled(x, y)
    with torch.autograd.graph.saved_tensors_hooks(lambda t: t.clone(), lambda t: t):
        out = compiled(x, y)
    torch.testing.assert_close(
        torch.autograd.grad(out.sum(), (x, y)), torch.autograd.grad(gate(x, y).sum(), (x, y))
    )


def test_batched_gradients():
    compiled = torch.compile(gate)
    x, y = torch.randn(6, requires_grad=True), torch.randn(6, requires_grad=True)
    compiled(x, y)
    eye = torch.eye(6)
    ours = torch.autograd.grad(compiled(x, y), (x, y), eye, is_grads_batched=True)
    expected = torch.autograd.grad(gate(x, y), (x, y), eye, is_grads_batched=True)
    for a, b in zip(ours, expected):
        torch.testing.assert_close(a, b)


def test_two_threads_run_one_program():
    compiled = torch.compile(gate)
    expected, found = {}, {}
    given = {
        k: (torch.randn(300, 256, requires_grad=True), torch.rand(300, 256, requires_grad=True))
        for k in range(2)
    }
    compiled(*given[0])
    for k, (x, y) in given.items():
        expected[k] = torch.autograd.grad(gate(x, y).sum(), (x, y))

    def work(k):
        x, y = given[k]
        for _ in range(10):
            found[k] = torch.autograd.grad(compiled(x, y).sum(), (x, y))

    threads = [threading.Thread(target=work, args=(k,)) for k in given]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for k in given:
        for ours, wanted in zip(found[k], expected[k]):
            assert torch.equal(ours, wanted)


def test_a_function_compiled_again_and_again_leaves_nothing():
    x = torch.ones(3, requires_grad=True)

    def once():
        torch.compile(lambda q: q.sin() * q + 1)(x).sum().backward()

    for _ in range(5):
        once()
    gc.collect()
    before = len(gc.get_objects())
    for _ in range(50):
        once()
    gc.collect()
    assert len(gc.get_objects()) - before < 50


def _writes_what_another_gradient_reads(x, w):
    b = x.cos()
    c = b.sin() * w
    d = (w * 2).tanh() + x
    b.masked_fill_(b > 0, 0.5)
    return b, c, d


@pytest.mark.parametrize("again", [False, True])
def test_what_is_written_is_needed_where_its_gradient_is_asked_for_alone(again):
    compiled = torch.compile(_writes_what_another_gradient_reads)
    for of, wanted in itertools.product([(0,), (2,), (0, 2)], [(0,), (1,), (0, 1)]):
        if of == (0,) and 1 in wanted:
            continue  # b does not depend on w
        found = []
        for f in (_writes_what_another_gradient_reads, compiled, compiled, compiled):
            leaves = [torch.linspace(-3, 3, 300).requires_grad_() for _ in range(2)]
            results = f(*leaves)
            inputs = [leaves[i] for i in wanted]
            total = sum((results[i] * results[i]).sum() for i in of)
            grads = torch.autograd.grad(total, inputs, create_graph=again, retain_graph=True)
            if again:
                grads = torch.autograd.grad(grads[0].sum(), inputs, retain_graph=True)
            found.append(grads)
            with pytest.raises(RuntimeError, match="modified by an inplace operation"):
                torch.autograd.grad(results[1].sum(), leaves)
        for grads in found[1:]:  # sums of second derivatives may come in another order
            torch.testing.assert_close(grads, found[0], rtol=again * 1e-5, atol=again * 1e-5)


def test_gradients_of_one_input_need_not_what_was_written_for_another():
    def f(x, w):
        return (x * x).cos() + (w * w).sin()

    compiled = torch.compile(f)
    for g in (f, compiled, compiled, compiled):
        x, w = (torch.linspace(-3, 3, 300).requires_grad_() for _ in range(2))
        out = g(x, w)
        with torch.no_grad():
            x.add_(1)
        expected = (w * w).cos() * w * 2
        torch.testing.assert_close(
            torch.autograd.grad(out.sum(), w, retain_graph=True)[0], expected
        )
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            torch.autograd.grad(out.sum(), x)
