"""GradScaler."""

import pytest

import flambeau as torch
from flambeau.amp import GradScaler


def one_step(scaler, factor):
    w = torch.ones(2, requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=0.5)
    scaler.scale((w * factor).sum()).backward()
    scaler.step(optimizer)
    scaler.update()
    return w.tolist()


def test_steps_are_those_without_scaling():
    scaler = GradScaler("cpu", init_scale=8.0, growth_interval=2)
    assert one_step(scaler, 1.0) == [0.5, 0.5] and scaler.get_scale() == 8
    one_step(scaler, 1.0)
    assert scaler.get_scale() == 16


def test_infinite_gradients_are_left_out():
    scaler = GradScaler("cpu", init_scale=8.0)
    assert one_step(scaler, float("inf")) == [1, 1] and scaler.get_scale() == 4
    again = GradScaler("cpu")
    again.load_state_dict(scaler.state_dict())
    assert again.get_scale() == 4


def test_wrong_order_says_so():
    scaler = GradScaler("cpu")
    w = torch.ones(1, requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=1.0)
    with pytest.raises(
        RuntimeError,
        match="GradScaler: no optimizer was stepped or unscaled, so nothing is known of its gradients",
    ):
        scaler.update()
    scaler.unscale_(optimizer)
    with pytest.raises(RuntimeError, match="already"):
        scaler.unscale_(optimizer)
    assert GradScaler("cpu", enabled=False).scale(3) == 3


def test_the_paths_of_pytorchs_files():
    amp = torch.cuda.amp
    assert amp.common.amp_definitely_not_available()
    assert amp.autocast_mode.autocast is amp.autocast
    assert amp.grad_scaler.GradScaler is amp.GradScaler
