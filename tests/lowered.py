"""What autocast computes in its own dtype on every device."""

import flambeau as torch
import flambeau.nn.functional as F

LOWERED = {
    "matmul": lambda x: x @ x,
    "addmm": lambda x: torch.addmm(x, x, x),
    "linear": lambda x: F.linear(x, x, x[0]),
    "einsum": lambda x: torch.einsum("ij,jk->ik", x, x),
    "conv2d": lambda x: F.conv2d(x[None, None], x[None, None, :2, :2]),
    "attention": lambda x: F.scaled_dot_product_attention(x[None], x[None], x[None]),
}


def check_lowered(call, x, dtype, tolerance):
    """Under autocast call(x) is in `dtype` and near what it is outside; gradients are of x's dtype."""
    exact = call(x)
    with torch.autocast(x.device.type):
        lower = call(x)
    assert exact.dtype is torch.float32 and lower.dtype is dtype
    torch.testing.assert_close(lower.float(), exact, rtol=tolerance, atol=tolerance)
    lower.float().sum().backward()
    assert x.grad.dtype is torch.float32
