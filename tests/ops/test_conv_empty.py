"""Convolutions of no images."""

import pytest

import flambeau as torch
from flambeau.nn import functional as F


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("groups", [1, 2, 16])
@pytest.mark.parametrize("kernel", [(1, 1), (3, 3), (7, 3)])
@pytest.mark.parametrize("step, gap", [((1, 1), (1, 1)), ((4, 1), (1, 2)), ((3, 3), (1, 1))])
@pytest.mark.parametrize("call", [F.conv2d, F.conv_transpose2d])
def test_no_images_have_gradients_of_0(call, dtype, groups, kernel, step, gap):
    x = torch.zeros(0, 16, 8, 9, dtype=dtype, requires_grad=True)
    w = torch.ones(16, 16 // groups, *kernel, dtype=dtype, requires_grad=True)
    y = call(x, w, None, step, (3, 2), groups=groups, dilation=gap)
    y.sum().backward()
    assert x.grad.shape == x.shape
    assert not w.grad.any()
