"""Recorded work on a GPU: whole training steps, the memory that graphs keep, callables as graphs."""

import pytest

import flambeau as torch
import flambeau.nn.functional as F
from flambeau import nn


def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 4)).cuda()


def test_a_whole_step_is_recorded_and_learns_as_without():
    recorded, plain = net(), net()
    optimizers = [torch.optim.SGD(m.parameters(), lr=0.1, momentum=0.9) for m in (recorded, plain)]
    batches = [(torch.randn(6, 8).cuda(), torch.randint(4, (6,)).cuda()) for _ in range(4)]
    x, labels = (t.clone() for t in batches[0])

    def step(model, optimizer, x, labels):
        optimizer.zero_grad(set_to_none=True)
        loss = F.cross_entropy(model(x), labels)
        loss.backward()
        optimizer.step()
        return loss

    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        step(recorded, optimizers[0], x, labels)  # makes what is kept for each parameter
    torch.cuda.current_stream().wait_stream(side)
    step(plain, optimizers[1], *batches[0])
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        loss = step(recorded, optimizers[0], x, labels)
    for images, wanted in batches:
        x.copy_(images)
        labels.copy_(wanted)
        graph.replay()
        assert abs(loss.item() - step(plain, optimizers[1], images, wanted).item()) < 1e-5


def test_what_a_graph_has_used_in_between_stays_its_own():
    stream, x = torch.cuda.Stream(), torch.ones(1 << 18, device="cuda")
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, stream=stream):
        y = x.exp().mul(2).add(1)
    torch.cuda.empty_cache()
    with torch.cuda.stream(stream):
        others = [torch.full((1 << 18,), 7.0, device="cuda") for _ in range(4)]
    torch.cuda.synchronize()
    graph.replay()
    torch.cuda.synchronize()
    assert all(bool((t == 7).all()) for t in others)
    torch.testing.assert_close(y[0].item(), 2 * 2.718281828 + 1)
    held = torch.cuda.memory_reserved()
    del y
    graph.reset()
    torch.cuda.empty_cache()
    assert torch.cuda.memory_reserved() < held


def test_callables_as_graphs():
    plain, module = net(), net()
    x = torch.randn(5, 8, device="cuda", requires_grad=True)
    graphed = torch.cuda.make_graphed_callables(module, (x,))
    assert graphed is module
    for _ in range(2):
        given = torch.randn(5, 8, device="cuda", requires_grad=True)
        other = given.detach().clone().requires_grad_()
        graphed(given).square().sum().backward()
        plain(other).square().sum().backward()
        torch.testing.assert_close(given.grad.cpu(), other.grad.cpu())
    for a, b in zip(module.parameters(), plain.parameters()):
        torch.testing.assert_close(a.grad.cpu(), b.grad.cpu())
    double = torch.cuda.make_graphed_callables(
        lambda a, b: (a + b, a * b), (x.detach(), x.detach())
    )
    total, product = double(torch.full_like(x, 2.0).detach(), torch.full_like(x, 3.0).detach())
    assert (total[0, 0].item(), product[0, 0].item()) == (5, 6)
    with pytest.raises(TypeError, match="sample_args must be Tensors on a GPU"):
        torch.cuda.make_graphed_callables(module, (torch.ones(5, 8),))


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "RMSprop", "Adagrad"])
def test_optimizers_of_many_parameters_step_as_on_the_cpu(name):
    sizes = [(7,), (3, 5), (1,), (0,), (2, 2, 2), *[(k,) for k in range(1, 90)]]
    torch.manual_seed(0)
    values = [torch.randn(s) for s in sizes]
    grads = [torch.randn(s) for s in sizes]
    found = []
    for device in ("cpu", "cuda"):
        parameters = [v.to(device).detach().clone().requires_grad_() for v in values]
        parameters[1] = parameters[1].detach().t().requires_grad_()  # not contiguous
        optimizer = getattr(torch.optim, name)(parameters, lr=0.1, weight_decay=0.01)
        for _ in range(2):
            for p, g in zip(parameters, grads):
                p.grad = g.to(device).reshape(p.shape)
            optimizer.step()
        found.append([p.detach().cpu() for p in parameters])
    for here, there in zip(*found, strict=True):
        torch.testing.assert_close(there, here, rtol=1e-5, atol=1e-6)


def test_numbers_of_errors_for_memory():
    before = torch.cuda.memory_stats()["num_ooms"]
    with pytest.raises(torch.cuda.OutOfMemoryError):
        torch.empty(1 << 50, dtype=torch.uint8, device="cuda")
    assert torch.cuda.memory_stats()["num_ooms"] == before + 1
