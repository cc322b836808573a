"""utils.checkpoint: the same gradients from less memory."""

import warnings

import pytest

import flambeau as torch
from flambeau import nn
from flambeau.utils.checkpoint import (
    CheckpointError,
    checkpoint,
    checkpoint_sequential,
    set_checkpoint_early_stop,
)


def network():
    torch.manual_seed(0)
    return nn.Sequential(*[nn.Sequential(nn.Linear(6, 6), nn.Tanh()) for _ in range(5)])


def gradients(net, run):
    net.zero_grad()
    x = torch.linspace(-1, 1, 12).view(2, 6).requires_grad_()
    run(x).pow(2).sum().backward()
    return [x.grad, *[p.grad for p in net.parameters()]]


@pytest.mark.parametrize("reentrant", [True, False])
def test_checkpoint_gives_the_same_gradients(reentrant):
    net = network()

    def layer_by_layer(x):
        for layer in net:
            x = checkpoint(layer, x, use_reentrant=reentrant)
        return x

    expected = gradients(net, net)
    runs = [
        layer_by_layer,
        lambda x: checkpoint(net, x, use_reentrant=reentrant),
        lambda x: checkpoint_sequential(net, 2, x, use_reentrant=reentrant),
        lambda x: checkpoint_sequential(list(net), 5, x, use_reentrant=reentrant),
    ]
    for run in runs:
        assert all(map(torch.equal, gradients(net, run), expected))


@pytest.mark.parametrize("reentrant", [True, False])
def test_checkpoint_draws_the_same_random_numbers_again(reentrant):
    x = torch.ones(50, requires_grad=True)
    drop = nn.Dropout(0.5)

    def run(x):
        return drop(x) * torch.rand(50)

    result = checkpoint(run, x, use_reentrant=reentrant)
    after = torch.get_rng_state()
    result.sum().backward()
    assert torch.equal(x.grad, result.detach())
    assert torch.equal(torch.get_rng_state(), after)  # backward draws nothing of its own


def test_checkpoint_keeps_only_its_input():
    seen = []
    x = torch.randn(10, requires_grad=True)
    with torch.autograd.graph.saved_tensors_hooks(lambda t: seen.append(t) or t, lambda t: t):
        checkpoint(lambda x: x.sin().exp().tanh(), x, use_reentrant=False)
    assert not seen


def test_checkpoint_without_reentry_takes_keywords_structures_and_grad():
    weight = torch.randn(3, requires_grad=True)

    def run(pair, *, scale):
        return {"sum": (pair[0] * weight * scale).sin(), "other": pair[1]}

    x = torch.randn(3, requires_grad=True)
    out = checkpoint(run, (x, "text"), scale=2.0, use_reentrant=False)
    grads = torch.autograd.grad(out["sum"].sum(), (x, weight))
    expected = torch.autograd.grad((x * weight * 2.0).sin().sum(), (x, weight))
    assert all(map(torch.equal, grads, expected)) and out["other"] == "text"


def test_checkpoint_twice_through_the_graph_and_of_second_order():
    x = torch.randn(4, dtype=torch.float64, requires_grad=True)

    def run(x):
        return checkpoint(lambda x: (x.sin() * x).exp(), x, use_reentrant=False)

    y = run(x)
    (first,) = torch.autograd.grad(y.sum(), x, retain_graph=True)
    (second,) = torch.autograd.grad(y.sum(), x)
    assert torch.equal(first, second)
    assert torch.autograd.gradcheck(run, (x,)) and torch.autograd.gradgradcheck(run, (x,))


def test_checkpoints_nest():
    x = torch.randn(4, requires_grad=True)

    def inner(x):
        return checkpoint(lambda x: x.sin().cos(), x, use_reentrant=False).exp()

    checkpoint(inner, x, use_reentrant=False).sum().backward()
    (expected,) = torch.autograd.grad(x.sin().cos().exp().sum(), x)
    assert torch.equal(x.grad, expected)


def test_checkpoint_runs_no_further_than_backward_needs():
    ran = []

    def run(x):
        y = x.sin()
        ran.append("first")
        y = y + 1
        ran.append("last")
        return y

    x = torch.randn(3, requires_grad=True)
    checkpoint(run, x, use_reentrant=False).sum().backward()
    assert ran == ["first", "last"]
    with set_checkpoint_early_stop(False):
        checkpoint(run, x, use_reentrant=False).sum().backward()
    assert ran == ["first", "last"] * 3
    ran.clear()
    with set_checkpoint_early_stop(False):
        result = checkpoint(run, x, use_reentrant=False)
    result.sum().backward()
    assert ran == ["first", "last"] * 2


@pytest.mark.parametrize("reentrant", [True, False])
def test_the_second_computation_has_the_autocast_of_the_first(reentrant):
    dtypes = []

    def run(x):
        y = x @ x
        dtypes.append(y.dtype)
        return (y * y).sum()

    x = torch.eye(3, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        loss = checkpoint(run, x, use_reentrant=reentrant)
    loss.backward()
    assert dtypes == [torch.bfloat16] * 2


def test_a_backward_within_the_function_comes_before_all_is_saved():
    def run(x):
        (inner,) = torch.autograd.grad(x.sin().exp(), x)
        return x.sin() * inner

    x = torch.tensor(0.5, requires_grad=True)
    with set_checkpoint_early_stop(False):
        result = checkpoint(run, x, use_reentrant=False)
    (grad,) = torch.autograd.grad(result, x)
    assert float(grad) == pytest.approx(float(torch.autograd.grad(run(x), x)[0]))


def test_checkpoint_notices_another_computation():
    sizes = iter([3, 2])

    def run(x):
        return x[: next(sizes)].exp()

    x = torch.randn(3, requires_grad=True)
    with pytest.raises(
        CheckpointError,
        match=r"checkpoint: the function saved tensor 0 as \(\(3,\), torch\.float32, device\(type='cpu'\)\) when it",
    ):
        checkpoint(run, x, use_reentrant=False).sum().backward()
    calls = []

    def shorter(x):
        calls.append(1)
        return x.sin().cos() if len(calls) == 1 else x.sin()

    with pytest.raises(
        CheckpointError,
        match="checkpoint: the function saved 2 tensors when it ran first, and 1 when it ran again",
    ):
        checkpoint(shorter, x, use_reentrant=False).sum().backward()


def test_checkpoint_warns_and_refuses_as_pytorch_does():
    x = torch.randn(3, requires_grad=True)
    with pytest.warns(
        UserWarning, match=r"checkpoint: say use_reentrant=False \(recommended\) or True"
    ):
        checkpoint(torch.sin, x)
    with pytest.raises(ValueError, match="checkpoint: has no argument 'scale'"):
        checkpoint(torch.sin, x, use_reentrant=True, scale=1)
    with pytest.warns(
        UserWarning,
        match="checkpoint: no input requires grad, so with use_reentrant=True none of the function's",
    ):
        checkpoint(torch.sin, x.detach(), use_reentrant=True)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("error")
        assert not checkpoint(torch.sin, x, use_reentrant=False).requires_grad
