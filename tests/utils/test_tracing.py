"""Programs as graphs of operators that run again."""

import pytest

import flambeau as torch
from flambeau import nn
from flambeau.utils.tracing import trace


def test_a_graph_runs_on_other_inputs():
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 5)
    ).eval()
    graph = trace(model, torch.randn(2, 1, 8, 8))
    x = torch.randn(3, 1, 8, 8)
    assert torch.equal(graph.run(x), model(x))
    assert [n.name for n in graph.nodes if n.kind == "call"][:2] == [
        "conv2d",
        "nn.functional.batch_norm",
    ]


def test_writes_subscripts_attributes_and_several_results():
    def program(a, b):
        c = a @ b.T
        c[0] = 1
        q, _ = c.split(2)
        v = torch.max(c, 1).values
        return {"a": q.sum() + v[1:].mean(), "b": [c.mT * 2]}

    a, b = torch.randn(4, 3), torch.randn(4, 3)
    graph = trace(program, a, b)
    ours, theirs = graph(b, a), program(b, a)
    assert torch.equal(ours["a"], theirs["a"]) and torch.equal(ours["b"][0], theirs["b"][0])


def test_a_run_is_recorded_by_autograd():
    graph = trace(lambda x: (x * x).sum(), torch.ones(2))
    x = torch.tensor([1.0, 3.0], requires_grad=True)
    graph.run(x).backward()
    assert x.grad.tolist() == [2.0, 6.0]


def test_text():
    graph = trace(lambda x: torch.add(x, x, alpha=2), torch.ones(2))
    assert str(graph) == "%0 = input  # float32 (2,)\n%1 = add(%0, %0, alpha=2)\nreturn %1"


def test_wrong_inputs():
    with pytest.raises(TypeError, match="trace: input 0 must be a Tensor, not int"):
        trace(lambda x: x, 1)
    with pytest.raises(TypeError, match="takes 1 inputs, as was traced, but got 2"):
        trace(lambda x: x + 1, torch.ones(1)).run(torch.ones(1), torch.ones(1))
