"""autocast: which operators lower their precision, which raise it, and the state it keeps."""

import threading

import pytest

import flambeau as torch
from flambeau.nn import functional as F
from tests.lowered import LOWERED, check_lowered

bf16 = torch.bfloat16

PRODUCTS = {
    **LOWERED,
    "mm": lambda x: torch.mm(x, x),
    "bmm": lambda x: torch.bmm(x[None], x[None]),
    "baddbmm": lambda x: torch.baddbmm(x[None], x[None], x[None]),
    "conv_transpose2d": lambda x: F.conv_transpose2d(x[None, None], x[None, None, :2, :2]),
    "prelu": lambda x: F.prelu(x, x[0, :1]),
    "multi_dot": lambda x: torch.linalg.multi_dot([x, x, x]),
}
IN_FLOAT32 = {
    "mse_loss": lambda h: F.mse_loss(h, h),
    "cross_entropy": lambda h: F.cross_entropy(h, torch.tensor([0, 1, 2])),
    "binary_cross_entropy_with_logits": lambda h: F.binary_cross_entropy_with_logits(h, h),
    "prod": lambda h: h.prod(),
    "trace": lambda h: h.trace(),
    "cdist": lambda h: torch.cdist(h, h),
    "quantile": lambda h: torch.quantile(h, 0.5),
    "inv": lambda h: torch.linalg.inv(h + torch.eye(3)),
    "reflect": lambda h: F.pad(h[None], (1, 1), mode="reflect"),
}
AS_GIVEN = {
    "softmax": lambda h: h.softmax(-1),
    "layer_norm": lambda h: F.layer_norm(h, (3,)),
    "sum": lambda h: h.sum(),
    "exp": lambda h: h.exp(),
    "add": lambda h: h + h,
    "circular": lambda h: F.pad(h[None], (1, 1), mode="circular"),
}


@pytest.mark.parametrize("name", PRODUCTS)
def test_products_are_lowered_and_have_gradients_of_their_inputs(name):
    x = torch.rand(3, 3, requires_grad=True)
    check_lowered(PRODUCTS[name], x, bf16, 0.03)


@pytest.mark.parametrize("name", IN_FLOAT32)
def test_what_needs_precision_is_computed_in_float32(name):
    half = torch.rand(3, 3).bfloat16()
    with torch.autocast("cpu"):
        assert IN_FLOAT32[name](half).dtype is torch.float32


@pytest.mark.parametrize("name", AS_GIVEN)
def test_other_operators_compute_in_what_they_are_given(name):
    half = torch.rand(3, 3).bfloat16()
    with torch.autocast("cpu"):
        assert AS_GIVEN[name](half).dtype is bf16
        assert AS_GIVEN[name](half.float()).dtype is torch.float32


def test_float64_and_integers_are_left_alone():
    with torch.autocast("cpu"):
        assert (torch.rand(2, 2).double() @ torch.rand(2, 2).double()).dtype is torch.float64
        assert (torch.ones(2, 2).long() @ torch.ones(2, 2).long()).dtype is torch.int64


def test_nesting_dtype_and_decorator():
    a = torch.rand(2, 2)

    @torch.autocast("cpu", dtype=torch.float16)
    def product():
        return a @ a

    with torch.autocast("cpu"):
        assert torch.is_autocast_enabled("cpu") and torch.get_autocast_dtype("cpu") is bf16
        with torch.autocast("cpu", enabled=False):
            assert (a @ a).dtype is torch.float32
        assert product().dtype is torch.float16
        assert (a @ a).dtype is bf16
    assert not torch.is_autocast_enabled("cpu") and (a @ a).dtype is torch.float32


def test_an_error_inside_restores_what_was():
    with pytest.raises(RuntimeError), torch.autocast("cpu"):
        torch.mm(torch.rand(2, 3), torch.rand(2, 3))
    assert not torch.is_autocast_enabled("cpu")


def test_other_threads_are_not_touched():
    dtypes = []
    with torch.autocast("cpu"):
        thread = threading.Thread(
            target=lambda: dtypes.append((torch.ones(2, 2) @ torch.ones(2, 2)).dtype)
        )
        thread.start()
        thread.join()
    assert dtypes == [torch.float32]


def test_what_cannot_be_lowered_warns_and_changes_nothing():
    with pytest.warns(UserWarning, match=r"autocast: torch\.float32 is no dtype to lower to"):
        context = torch.autocast("cpu", dtype=torch.float32)
    with context:
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype is torch.float32
    with pytest.warns(UserWarning, match="cuda is not available"):
        torch.autocast("cuda")
    with pytest.raises(ValueError, match="device_type"):
        torch.autocast(torch.device("cpu"))


def test_custom_fwd_casts_and_custom_bwd_keeps_the_state():
    seen = []

    class Product(torch.autograd.Function):
        @staticmethod
        @torch.amp.custom_fwd(device_type="cpu", cast_inputs=torch.float32)
        def forward(ctx, x):
            seen.append((x.dtype, torch.is_autocast_enabled("cpu")))
            return x @ x

        @staticmethod
        @torch.amp.custom_bwd(device_type="cpu")
        def backward(ctx, grad):
            seen.append(torch.is_autocast_enabled("cpu"))
            return grad

    x = torch.rand(2, 2).bfloat16().requires_grad_()
    with torch.autocast("cpu"):
        Product.apply(x).sum().backward()
    assert seen == [(torch.float32, False), False]


def test_a_network_learns_under_autocast():
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(4, 16), torch.nn.ReLU(), torch.nn.Linear(16, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    x = torch.randn(64, 4)
    y = x[:, :1] * x[:, 1:2]
    losses = []
    for _ in range(60):
        with torch.autocast("cpu"):
            loss = F.mse_loss(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 2 and model[0].weight.grad.dtype is torch.float32
