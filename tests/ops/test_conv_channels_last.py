"""Convolutions of channels of their own in images that are channels last: the numbers and the order of others."""

import os

import numpy as np
import pytest

import flambeau as torch
from flambeau.nn import functional as F
from tests.at_level import at_lower_levels, run_at_level

# Channels, image, kernel, stride, padding, dilation
CASES = [
    (16, (9, 11), (3, 3), 1, 1, 1),
    (24, (30, 7), (5, 5), 1, 2, 1),
    (17, (12, 40), (3, 3), 2, 1, 1),
    (40, (13, 13), (7, 3), (2, 3), (3, 0), 1),
    (33, (8, 5), (3, 3), 1, (4, 1), (3, 2)),
    (64, (60, 60), (3, 3), 1, 1, 1),
    (19, (4, 6, 9), (3, 2, 3), (1, 2, 1), 1, 1),
    (32, (5, 5), (1, 1), 3, 0, 1),
]


def passes(case, dtype, order, transposed):
    channels, image, kernel, stride, padding, dilation = case
    generator = torch.Generator().manual_seed(0)
    shape = (3, channels, *image)
    x = torch.randn(shape, generator=generator).to(dtype)
    x = x.contiguous(memory_format=order).requires_grad_()
    weight = torch.randn(channels, 1, *kernel, generator=generator).to(dtype).requires_grad_()
    bias = torch.randn(channels, generator=generator).to(dtype)
    name = f"conv{'_transpose' if transposed else ''}{len(image)}d"
    window = dict(stride=stride, padding=padding, dilation=dilation, groups=channels)
    output = getattr(F, name)(x, weight, bias, **window)
    grad = torch.randn(output.shape, generator=generator).to(dtype)
    grads = torch.autograd.grad(output, [x, weight], grad.contiguous(memory_format=order))
    return output.detach(), *grads


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16", "float16"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_channels_last_agree_with_the_usual_order(case, dtype, transposed):
    if transposed and case[4] == (4, 1):
        pytest.skip("more padding than the kernel reaches")
    dtype = getattr(torch, dtype)
    last = torch.channels_last if len(case[1]) == 2 else torch.channels_last_3d
    usual = passes(case, torch.float64, torch.contiguous_format, transposed)
    rounded = passes(case, dtype, torch.contiguous_format, transposed)
    got = passes(case, dtype, last, transposed)
    assert got[0].is_contiguous(memory_format=last)
    for a, b, exact in zip(got, rounded, usual, strict=True):
        scale = np.abs(exact.numpy()).max()
        tolerance = scale * torch.finfo(dtype).eps * (4 if dtype.itemsize == 2 else 40)
        np.testing.assert_allclose(a.double().numpy(), b.double().numpy(), rtol=0, atol=tolerance)


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16", "float16"])
@pytest.mark.parametrize(
    "window",
    [dict(stride=2, padding=1), dict(stride=3), dict(stride=2, dilation=2, padding=2)],
    ids=str,
)
def test_many_channels_to_few_in_channels_last(window, dtype):
    dtype = getattr(torch, dtype)
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(5, 50, 11, 9, generator=generator).to(dtype)
    weight = torch.randn(3, 50, 3, 2, generator=generator).to(dtype)
    bias = torch.randn(3, generator=generator).to(dtype)
    got = F.conv2d(x.contiguous(memory_format=torch.channels_last), weight, bias, **window)
    assert got.is_contiguous(memory_format=torch.channels_last)
    exact = F.conv2d(x.double(), weight.double(), bias.double(), **window)
    tolerance = exact.abs().max().item() * torch.finfo(dtype).eps * 4
    np.testing.assert_allclose(got.double().numpy(), exact.numpy(), rtol=0, atol=tolerance)


def test_infinite_weights_meet_the_border_as_in_the_usual_order():
    x = torch.ones(2, 16, 5, 5)
    weight = torch.ones(16, 1, 3, 3)
    weight[3, 0, 0, 0] = float("inf")
    last = F.conv2d(x.contiguous(memory_format=torch.channels_last), weight, padding=1, groups=16)
    usual = F.conv2d(x, weight, padding=1, groups=16)
    np.testing.assert_array_equal(last.numpy(), usual.numpy())


@at_lower_levels
def test_channels_last_at_lower_instruction_sets(level):
    program = (
        "import test_conv_channels_last as t\n"
        "for case in t.CASES[:-1]:\n"
        "    for dtype in ('float32', 'bfloat16'):\n"
        "        t.test_channels_last_agree_with_the_usual_order(case, dtype, False)\n"
    )
    run_at_level(level, program, os.path.dirname(__file__))
