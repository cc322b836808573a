"""Convolution of halves: sums in float32, rounded once, whoever computes them."""

import numpy as np
import pytest

import flambeau as torch
from tests.ops.test_conv import CASES, draw, gradients

HALVES = [case for case in CASES if max(case[6:]) > 1 or len(case[0]) == 1]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("case", HALVES, ids=str)
def test_conv_sums_halves_in_float32(case, dtype):
    sizes, kernel, stride, padding, dilation, groups, cin, cout = case
    shapes = ((5, groups * cin, *sizes), (groups * cout, cin, *kernel), (groups * cout,))
    operands = [torch.from_numpy(draw(*s, dtype=np.float32)).to(dtype) for s in shapes]
    conv = getattr(torch, f"conv{len(sizes)}d")

    def results(leaves):
        output = conv(*leaves, stride, padding, dilation, groups)
        grad = torch.ones_like(output) / 4
        return output, *gradients(output, grad, leaves)

    found = results([t.clone().requires_grad_() for t in operands])
    exact = results([t.double().requires_grad_() for t in operands])
    for half, expected in zip(found, exact, strict=True):
        assert half.dtype is dtype
        expected = expected.detach().numpy()
        step = 2**-8 if dtype is torch.bfloat16 else 2**-11  # one rounding
        scale = np.abs(expected).max(initial=0)
        np.testing.assert_allclose(
            half.detach().double().numpy(), expected, rtol=step, atol=1e-5 * scale + 1e-7
        )


@pytest.mark.parametrize("value", [np.inf, np.nan])
def test_conv_of_halves_with_weights_that_are_not_finite(value):
    """They touch the channels that they join, and no neighbour."""
    x = torch.ones(3, 40, 12, 13, dtype=torch.bfloat16, requires_grad=True)
    w = torch.ones(50, 40, 3, 3, dtype=torch.bfloat16)
    w[0, 0, 0, 0] = value
    output = torch.conv2d(x, w, None, 2, 1)
    assert output[:, 1:].isfinite().all() and not output[:, 0].isfinite().all()
    (grad,) = gradients(output, torch.ones_like(output), [x])
    assert grad[:, 1:].isfinite().all() and not grad[:, 0].isfinite().all()
