"""memory_budget: the same gradients from fewer bytes."""

import gc

import pytest

import flambeau as torch
import flambeau.nn.functional as F
from flambeau import _core, nn
from flambeau.autograd import memory_budget
from flambeau.ops.core import observers


class Block(nn.Module):
    def __init__(self, inplace):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(8, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1)
        self.norm1, self.norm2 = nn.BatchNorm2d(8), nn.BatchNorm2d(8)
        self.relu = nn.ReLU(inplace=inplace)

    def forward(self, x):
        y = self.relu(self.norm1(self.conv1(x)))
        y = self.norm2(self.conv2(y))
        y += x
        return self.relu(y)


def network(inplace=False):
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), *[Block(inplace) for _ in range(3)], nn.Dropout(0.2), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(128, 32), nn.GELU(), nn.LayerNorm(32), nn.Linear(32, 5),
    )  # fmt: skip


def step(model, bytes=None):
    """Gradients, buffers and the next random number after a step; the budget that was in force."""
    torch.manual_seed(1)
    x, target = torch.randn(4, 3, 8, 8), torch.tensor([0, 1, 2, 3])
    budget = None
    if bytes is None:
        loss = F.cross_entropy(model(x), target)
    else:
        with memory_budget(bytes) as budget:
            loss = F.cross_entropy(model(x), target)
    loss.backward()
    return [p.grad for p in model.parameters()] + list(model.buffers()) + [torch.rand(3)], budget


@pytest.mark.parametrize("inplace", [False, True])
@pytest.mark.parametrize("share", [1, 0.7, 0.5, 0.3, 0])
def test_gradients_are_the_same_bits_and_the_budget_is_kept(inplace, share):
    expected, _ = step(network(inplace))
    _, whole = step(network(inplace), 1 << 40)
    assert whole.recomputed == 0 and whole.kept == 0
    got, budget = step(network(inplace), int(whole.peak * share))
    assert all(torch.equal(a, b) for a, b in zip(got, expected, strict=True))
    largest = 4 * 8 * 8 * 8 * 4  # one activation is kept before another is let go
    if share >= 0.5:
        assert budget.peak <= whole.peak * share + largest
    assert (budget.recomputed > 0) == (share < 1) and budget.kept == 0


def test_views_pointwise_chains_and_second_gradients():
    def program(x):
        y = (x * 2).exp().reshape(6, 2).t()
        z = torch.where(y > 1, y.sin(), y.tanh()) * y
        return (z.softmax(-1) * z).sum()

    x = torch.rand(3, 4, requires_grad=True)
    (first,) = torch.autograd.grad(program(x), x, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), x)
    with memory_budget(0) as budget:
        (again,) = torch.autograd.grad(program(x), x, create_graph=True)
        (twice,) = torch.autograd.grad(again.sum(), x)
    assert budget.recomputed and torch.equal(again, first) and torch.equal(twice, second)


def test_a_tensor_written_in_place_is_noticed():
    x = torch.rand(4, requires_grad=True)
    with memory_budget(1 << 30):
        y = x * 2
        z = y.exp()
        w = z * z
    with torch.no_grad():
        z.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        w.sum().backward()
    with memory_budget(0):
        y = x.exp()
        loss = (y * y).sin().sum()
    del y
    with torch.no_grad():
        x.add_(1)  # what y would be computed again from
    with pytest.raises(RuntimeError, match="modified by an inplace operation|written in place"):
        loss.backward()


def test_nothing_stays_behind():
    model = nn.Sequential(nn.Linear(16, 16), nn.GELU(), nn.LayerNorm(16), nn.Linear(16, 16))
    with memory_budget(100) as budget:
        for rows in range(1, 30):
            model(torch.randn(rows, 16)).square().mean().backward()
            assert budget.kept == 0
    gc.collect()
    assert not budget._blocks and not len(budget._values) and not budget._live
    assert observers.exchange(()) == ()
    with budget:  # again
        loss = model(torch.randn(3, 16)).sum()
    loss.backward()


def gradients_of(model, budget, loss):
    x = torch.linspace(-1, 1, 48).reshape(6, 8).requires_grad_()
    with memory_budget(budget):
        value = loss(model, x)
    return torch.autograd.grad(value, [x, *model.parameters()])


def in_autocast(model, x):
    with torch.autocast("cpu", torch.bfloat16):
        return model(x).float().square().sum()


def beside_inference_mode(model, x):
    with torch.inference_mode():
        model(x).exp()
    return model(x).square().sum()


def beside_transforms(model, x):
    slopes = torch.vmap(torch.func.grad(lambda t: (t.sigmoid() * t).exp().sum()))(x.detach())
    return (model(x) * slopes.sum()).sum()


@pytest.mark.parametrize("loss", [in_autocast, beside_inference_mode, beside_transforms])
def test_modes_are_those_of_the_call(loss):
    model = nn.Sequential(
        nn.Linear(8, 16), nn.GELU(), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 4)
    )
    expected = gradients_of(model, 10**9, loss)
    for budget in (0, 200, 3000):
        found = gradients_of(model, budget, loss)
        assert all(torch.equal(a, b) for a, b in zip(found, expected))


def test_refuses_what_is_no_budget():
    with pytest.raises(TypeError, match="memory_budget: bytes must be a number, not str"):
        memory_budget("1 GB")
    with pytest.raises(ValueError, match="memory_budget: bytes is -1"):
        memory_budget(-1)
    with pytest.raises(ValueError, match="memory_budget: bytes is nan"):
        memory_budget(float("nan"))
    with memory_budget(10) as budget, pytest.raises(RuntimeError, match="in force already"):
        budget.__enter__()


def test_backward_keeps_no_more_than_it_will_ask_for_again():
    """What was computed again on the way was once kept until three others came: the peak was higher than without a budget."""

    def peak(budget):
        torch.manual_seed(0)
        layers = []
        for _ in range(8):
            layers += [nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(inplace=True)]
        model = nn.Sequential(*layers, nn.MaxPool2d(2))
        x = torch.randn(4, 8, 64, 64)
        with memory_budget(budget):
            loss = model(x).sum()
        _core.reset_peak_memory_stats()
        before = _core.memory_stats()["allocated_bytes.current"]
        loss.backward()
        stats = _core.memory_stats()
        assert stats["allocated_bytes.current"] < before
        return stats["allocated_bytes.peak"]

    assert peak(0) < 0.7 * peak(1 << 40)
