"""batch_norm of halves: sums in float32 or wider, in both orders of images."""

import numpy as np
import pytest

import flambeau as torch
from flambeau.nn import functional as F

SHAPES = [(3, 5, 7, 9), (2, 16, 70, 41), (4, 33, 6, 6), (2, 3000, 2, 3), (2, 24, 3, 5, 7)]


@pytest.mark.parametrize("order", ["contiguous", "last"])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_gradients_of_batch_norm_are_rounded_once(shape, dtype, order):
    last = torch.channels_last if len(shape) == 4 else torch.channels_last_3d
    form = torch.contiguous_format if order == "contiguous" else last
    generator = torch.Generator().manual_seed(0)
    given = [torch.randn(s, generator=generator) for s in (shape, shape[1:2], shape[1:2], shape)]
    given[0] = given[0] + 3
    found = []
    for wide in (False, True):
        x, weight, bias, grad = (t.to(dtype) for t in given)
        if wide:
            x, weight, bias, grad = (t.double() for t in (x, weight, bias, grad))
        leaves = [x.contiguous(memory_format=form), weight, bias]
        leaves = [t.requires_grad_() for t in leaves]
        output = F.batch_norm(leaves[0], None, None, *leaves[1:], training=True)
        grad = grad.contiguous(memory_format=form)
        found.append([t.double().numpy() for t in torch.autograd.grad(output, leaves, grad)])
    for a, b in zip(*found, strict=True):
        scale = np.abs(b).max()
        np.testing.assert_allclose(a, b, rtol=torch.finfo(dtype).eps, atol=1e-5 * scale + 1e-6)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("space", [1, 15, 16, 2047, 2049, 5000])
def test_bias_gradients_of_convolutions_of_halves(space, dtype):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(3, 2, space, generator=generator).to(dtype)
    weight = torch.ones(4, 2, 1).to(dtype)
    bias = torch.zeros(4).to(dtype).requires_grad_()
    output = torch.conv1d(x, weight, bias)
    grad = torch.randn(output.shape, generator=generator).to(dtype)
    (found,) = torch.autograd.grad(output, bias, grad)
    expected = grad.double().sum((0, 2)).numpy()
    np.testing.assert_allclose(
        found.double().numpy(), expected, rtol=torch.finfo(dtype).eps, atol=1e-4 * space**0.5
    )
