"""Kernels of one element, whose pixels are multiplied where they lie, in every order of memory."""

import math

import numpy as np
import pytest

import flambeau as torch
from flambeau.nn import functional as F

TOLERANCE = {torch.float64: 1e-12, torch.float32: 1e-5, torch.bfloat16: 2e-2, torch.float16: 2e-3}


def laid(tensor, order):
    """The values with the channels of a pixel side by side, every other pixel of more, or as they are."""
    if order == "plain":
        return tensor
    channels_last = tensor.movedim(1, -1).contiguous().movedim(-1, 1)
    if order == "channels last":
        return channels_last
    wide = torch.zeros(*tensor.shape[:-1], 2 * tensor.shape[-1], dtype=tensor.dtype)
    wide[..., ::2] = tensor
    return wide.movedim(1, -1).contiguous().movedim(-1, 1)[..., ::2]


@pytest.mark.parametrize("order", ["plain", "channels last", "apart"])
@pytest.mark.parametrize("dtype", list(TOLERANCE), ids=lambda dtype: dtype.name)
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("groups", [1, 2, 16])
@pytest.mark.parametrize("sizes", [(9,), (7, 5), (3, 4, 5)], ids=str)
def test_kernels_of_one_element_in_any_order(sizes, groups, stride, dtype, order):
    torch.manual_seed(0)
    n, channels, targets = 3, 32, 48
    x = torch.randn(n, channels, *sizes).to(dtype)
    w = torch.randn(targets, channels // groups, *[1] * len(sizes)).to(dtype)
    b = torch.randn(targets).to(dtype)
    conv = getattr(F, f"conv{len(sizes)}d")

    def passes(x, w, b, order):
        x, w, b = (t.detach() for t in (x, w, b))
        x = laid(x, order).requires_grad_()
        w.requires_grad_(), b.requires_grad_()
        y = conv(x, w, b, stride=stride, groups=groups)
        grad = (torch.arange(y.numel()).reshape(y.shape) % 7 - 3).to(y.dtype)
        if order != "plain":
            grad = laid(grad, "channels last")
        return y, *torch.autograd.grad(y, (x, w, b), grad)

    wide = passes(*(t.to(torch.float64) for t in (x, w, b)), "plain")
    found = passes(x, w, b, order)
    assert found[0].dtype is dtype
    for got, wanted in zip(found, wide, strict=True):
        scale = max(wanted.abs().max().item(), 1.0)
        error = (got.to(torch.float64) - wanted).abs().max().item()
        assert error <= TOLERANCE[dtype] * scale
    if len(sizes) > 1 and order == "channels last":
        format = torch.channels_last if len(sizes) == 2 else torch.channels_last_3d
        assert found[0].is_contiguous(memory_format=format)
        assert found[1].is_contiguous(memory_format=format)


@pytest.mark.parametrize("order", ["plain", "channels last"])
def test_kernels_of_one_element_give_the_same_bits_for_any_number_of_threads(order):
    torch.manual_seed(0)
    before = torch.get_num_threads()
    x = laid(torch.randn(5, 70, 31, 29), order).requires_grad_()
    w = torch.randn(33, 70, 1, 1, requires_grad=True)
    found = []
    try:
        for threads in (1, 2, 3, 16):
            torch.set_num_threads(threads)
            y = F.conv2d(x, w, stride=2)
            found.append((y, *torch.autograd.grad(y, (x, w), torch.ones_like(y))))
    finally:
        torch.set_num_threads(before)
    for other in found[1:]:
        assert all(torch.equal(a, b) for a, b in zip(found[0], other, strict=True))


def test_an_infinity_of_a_pixel_stays_there():
    x = laid(torch.ones(2, 8, 3, 3), "channels last")
    x[0, 2, 1, 1] = math.inf
    y = F.conv2d(x, torch.ones(4, 8, 1, 1))
    assert torch.isfinite(y).sum() == y.numel() - 4


def test_kernels_of_one_element_of_nothing():
    x = torch.randn(0, 8, 3, 3).contiguous(memory_format=torch.channels_last)
    assert F.conv2d(x, torch.ones(4, 8, 1, 1)).shape == (0, 4, 3, 3)
    x = torch.randn(2, 0, 3, 3).to(torch.bfloat16)
    assert (F.conv2d(x, torch.ones(4, 0, 1, 1).to(torch.bfloat16)) == 0).all()


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16", "float16"])
@pytest.mark.parametrize(
    "shape", [(1, 40, 3, 1, 60), (9, 29, 30, 1, 110), (16, 6, 122, 2, 289), (40, 8, 8, 8, 50)]
)
def test_contiguous_pixels_of_one_and_many_images(shape, dtype):
    n, channels, targets, groups, pixels = shape
    dtype = getattr(torch, dtype)
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(n, channels, pixels, generator=generator).to(dtype).requires_grad_()
    weight = torch.randn(targets, channels // groups, 1, generator=generator)
    weight = weight.to(dtype).requires_grad_()
    output = torch.nn.functional.conv1d(x, weight, groups=groups)
    grad = torch.randn(output.shape, generator=generator).to(dtype)
    got = [output.detach(), *torch.autograd.grad(output, [x, weight], grad)]
    per_group = (
        x.detach().double().reshape(n, groups, -1, pixels),
        weight.detach().double().reshape(groups, targets // groups, -1),
        grad.double().reshape(n, groups, -1, pixels),
    )
    names = "ngcp,gmc->ngmp", "gmc,ngmp->ngcp", "ngmp,ngcp->gmc"
    pairs = per_group[:2], per_group[1:], per_group[2::-2]
    for t, name, pair in zip(got, names, pairs, strict=True):
        exact = np.einsum(name, *(p.numpy() for p in pair)).reshape(t.shape)
        tolerance = abs(exact).max() * torch.finfo(dtype).eps * 20
        np.testing.assert_allclose(t.double().numpy(), exact, rtol=0, atol=tolerance)
