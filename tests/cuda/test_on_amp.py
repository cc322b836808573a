"""autocast("cuda") and GradScaler on a GPU."""

import pytest

import flambeau as torch
import flambeau.nn.functional as F
from tests.lowered import LOWERED, check_lowered

half = torch.float16


def on_gpu(*shape):
    return torch.rand(*shape).cuda()


IN_FLOAT32 = {
    "softmax": lambda h: h.softmax(-1),
    "layer_norm": lambda h: F.layer_norm(h, (3,)),
    "sum": lambda h: h.sum(),
    "exp": lambda h: h.exp(),
    "pow": lambda h: h**2,
    "mse_loss": lambda h: F.mse_loss(h, h),
    "cross_entropy": lambda h: F.cross_entropy(h, torch.tensor([0, 1, 2], device="cuda")),
    "cumsum": lambda h: h.cumsum(0),
}
AS_GIVEN = {
    "add": lambda h: h + 1,
    "relu": lambda h: h.relu(),
    "trace": lambda h: h.trace(),
    "max_pool": lambda h: F.max_pool1d(h, 2),
}


@pytest.mark.parametrize("name", LOWERED)
def test_products_are_lowered_and_have_gradients_of_their_inputs(name):
    x = on_gpu(3, 3).requires_grad_()
    check_lowered(LOWERED[name], x, half, 0.01)


@pytest.mark.parametrize("name", IN_FLOAT32)
def test_what_needs_range_is_computed_in_float32(name):
    with torch.autocast("cuda"):
        assert IN_FLOAT32[name](on_gpu(3, 3).half()).dtype is torch.float32


@pytest.mark.parametrize("name", AS_GIVEN)
def test_other_operators_compute_in_what_they_are_given(name):
    with torch.autocast("cuda"):
        assert AS_GIVEN[name](on_gpu(3, 3).half()).dtype is half
        assert AS_GIVEN[name](on_gpu(3, 3)).dtype is torch.float32


def test_arguments_of_two_dtypes_meet_in_the_wider():
    a, b = on_gpu(3), on_gpu(3).half()
    with torch.autocast("cuda"):
        assert torch.stack([a, b]).dtype is torch.float32
        assert torch.dot(a, b).dtype is torch.float32


def test_each_kind_of_device_has_its_own():
    here, there = torch.rand(2, 2), on_gpu(2, 2)
    with torch.autocast("cuda", torch.bfloat16):
        assert (there @ there).dtype is torch.bfloat16 and (here @ here).dtype is torch.float32
        with torch.autocast("cpu"):
            assert (here @ here).dtype is torch.bfloat16
            with torch.autocast("cuda", enabled=False):
                assert (there @ there).dtype is torch.float32
        assert torch.is_autocast_enabled("cuda") and not torch.is_autocast_enabled("cpu")
        assert torch.get_autocast_gpu_dtype() is torch.bfloat16
    assert torch.get_autocast_gpu_dtype() is half and not torch.is_autocast_enabled("cuda")
    with torch.autocast("cpu"):
        assert (there @ there).dtype is torch.float32


def test_binary_cross_entropy_is_refused_with_the_way_out():
    x = on_gpu(3)
    with torch.autocast("cuda"), pytest.raises(RuntimeError, match="with_logits"):
        F.binary_cross_entropy(x, x)


def step(scaler, factor, parameters=2):
    weights = [torch.ones(3, device="cuda", requires_grad=True) for _ in range(parameters)]
    optimizer = torch.optim.SGD(weights, lr=0.5)
    loss = sum(w.sum() for w in weights[1:]) + (weights[0] * factor).sum()
    scaler.scale(loss).backward()
    scaler.step(optimizer)
    scaler.update()
    return [w.tolist() for w in weights]


def test_a_scaler_steps_as_without_it_and_leaves_out_what_is_not_finite():
    scaler = torch.amp.GradScaler("cuda", init_scale=8.0, growth_interval=2)
    assert step(scaler, 1.0) == [[0.5] * 3] * 2 and scaler.get_scale() == 8
    assert step(scaler, 1.0) == [[0.5] * 3] * 2 and scaler.get_scale() == 16
    assert step(scaler, float("inf")) == [[1.0] * 3] * 2 and scaler.get_scale() == 8


def test_a_net_learns_in_half_precision():
    torch.manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Linear(8, 16), torch.nn.ReLU(), torch.nn.Linear(16, 1)
    ).cuda()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    scaler = torch.amp.GradScaler("cuda")
    x = torch.randn(32, 8).cuda()
    y = x[:, :1] * x[:, 1:2]
    losses = []
    for _ in range(5):
        optimizer.zero_grad()
        with torch.autocast("cuda"):
            loss = F.mse_loss(model(x), y)
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
