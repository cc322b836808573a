"""torch.nn.grad: gradients of convolutions as functions."""

import pytest

import flambeau as torch


@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize(
    "stride, padding, dilation, groups", [(1, 0, 1, 1), (2, 1, 1, 2), (1, 2, 2, 1)]
)
def test_the_gradients_of_a_convolution(dims, stride, padding, dilation, groups):
    x = torch.randn(2, 4, *[7] * dims, requires_grad=True)
    w = torch.randn(6, 4 // groups, *[3] * dims, requires_grad=True)
    conv = getattr(torch.nn.functional, f"conv{dims}d")
    out = conv(x, w, None, stride, padding, dilation, groups)
    grad = torch.randn(out.shape)
    out.backward(grad)
    of_input = getattr(torch.nn.grad, f"conv{dims}d_input")
    of_weight = getattr(torch.nn.grad, f"conv{dims}d_weight")
    how = (stride, padding, dilation, groups)
    torch.testing.assert_close(
        of_input(x.shape, w.detach(), grad, *how), x.grad, rtol=1e-5, atol=1e-4
    )
    torch.testing.assert_close(
        of_weight(x.detach(), w.shape, grad, *how), w.grad, rtol=1e-5, atol=1e-4
    )
