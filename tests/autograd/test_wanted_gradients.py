"""grad() and backward() with inputs=: what leads to none of them is not computed."""

import threading

import pytest

import flambeau as torch
from flambeau.nn import functional as F


def graph():
    torch.manual_seed(0)
    x, w, b = (torch.randn(*s, requires_grad=True) for s in ((5, 4), (3, 4), (3,)))
    return x, w, b, F.linear(x, w, b)


def seen_by(node):
    found = []
    node.register_hook(lambda grad_inputs, grad_outputs: found.append(grad_inputs))
    return found


def test_a_layer_computes_what_is_asked_for():
    x, w, b, y = graph()
    found = seen_by(y.grad_fn)
    every = torch.autograd.grad(y.sum(), (x, w, b), retain_graph=True)
    (alone,) = torch.autograd.grad(y.sum(), x, retain_graph=True)
    (weight,) = torch.autograd.grad(y.sum(), w, retain_graph=True)
    assert torch.equal(alone, every[0]) and torch.equal(weight, every[1])
    assert [[g is not None for g in grads] for grads in found] == [
        [True, True, True],
        [False, True, False],
        [False, False, True],
    ]
    y.sum().backward(inputs=[b], retain_graph=True)
    assert torch.equal(b.grad, every[2]) and w.grad is None
    y.sum().backward()
    assert torch.equal(w.grad, every[1]) and torch.equal(b.grad, 2 * every[2])


@pytest.mark.parametrize("create_graph", [False, True])
def test_layers_give_the_same_gradient_alone(create_graph):
    torch.manual_seed(0)
    net = torch.nn.Sequential(
        torch.nn.Conv2d(2, 4, 3), torch.nn.GroupNorm(2, 4), torch.nn.GELU(), torch.nn.Flatten(2),
        torch.nn.LayerNorm(16),
    )  # fmt: skip
    lstm = torch.nn.LSTM(16, 6, batch_first=True)
    attention = torch.nn.TransformerEncoderLayer(6, 2, 12, 0.0, batch_first=True)
    x = torch.randn(3, 2, 6, 6, requires_grad=True)
    y = attention(lstm(net(x))[0]).square().sum()
    parameters = [*net.parameters(), *lstm.parameters(), *attention.parameters()]
    every = torch.autograd.grad(y, [x, *parameters], retain_graph=True, create_graph=create_graph)
    for i in (0, 1, 3, 5, 7, 9, len(parameters)):
        (one,) = torch.autograd.grad(
            y, [[x, *parameters][i]], retain_graph=True, create_graph=create_graph
        )
        assert torch.equal(one, every[i])


def test_a_function_of_ones_own_sees_what_it_saw_when_called():
    class Double(torch.autograd.Function):
        @staticmethod
        def forward(ctx, a, b):
            return a * 2 + b

        @staticmethod
        def backward(ctx, grad):
            needs.append(ctx.needs_input_grad)
            return grad * 2, grad

    needs = []
    a, b = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
    torch.autograd.grad(Double.apply(a, b).sum(), a)
    assert needs == [(True, True)]


def test_a_pass_inside_a_pass_and_passes_side_by_side():
    x, w, b, y = graph()
    every = torch.autograd.grad(y.sum(), (x, w, b), retain_graph=True)

    inner, total = [], y.sum()
    x.register_hook(lambda grad: inner.append(torch.autograd.grad(total, w, retain_graph=True)[0]))
    (outer,) = torch.autograd.grad((y * 1).sum(), x, retain_graph=True)
    assert torch.equal(outer, every[0]) and torch.equal(inner[0], every[1])

    big = torch.randn(200, 200, requires_grad=True)
    weights = torch.randn(200, 200, requires_grad=True)
    product = (big @ weights).sum()
    want = torch.autograd.grad(product, (big, weights), retain_graph=True)
    wrong = []

    def work(which):
        for _ in range(20):
            asked = [(big,), (weights,), (big, weights)][which]
            got = torch.autograd.grad(product, asked, retain_graph=True)
            expected = [(want[0],), (want[1],), want][which]
            if not all(torch.equal(g, e) for g, e in zip(got, expected, strict=True)):
                wrong.append(which)

    threads = [threading.Thread(target=work, args=(k % 3,)) for k in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


VIEWS = {
    "slice": lambda a: a[1:],
    "view": lambda a: a.view(1, 5),
    "expand": lambda a: a.expand(2, 5),
    "transpose": lambda a: a.view(5, 1).mT,
}
READERS = {
    "sum": lambda a, b: b.sum(),
    "product": lambda a, b: (b * b).sum(),
    "base too": lambda a, b: b.exp().sum() + a.sum(),
    "list": lambda a, b: torch.cat([b, b]).sum(),
}


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("reader", READERS)
def test_a_view_whose_base_was_written_leads_to_wanted_inputs(view, reader):
    # Its node is younger than that of the operator that reads it.
    def loss(x):
        a = x * 2
        b = VIEWS[view](a)
        a.mul_(3)
        return READERS[reader](a, b)

    x = torch.arange(5.0, requires_grad=True)
    loss(x).backward()
    every, x.grad = x.grad, None
    assert torch.equal(torch.autograd.grad(loss(x), [x])[0], every)
    loss(x).backward(inputs=[x])
    assert torch.equal(x.grad, every)


def test_an_input_that_needs_no_gradient_is_refused():
    x, w, _, y = graph()
    for allowed in (None, False, True):
        with pytest.raises(RuntimeError, match="grad: input 1 does not require grad"):
            torch.autograd.grad(y.sum(), [w, torch.ones(2)], allow_unused=allowed)
