"""Convolutions of bfloat16 images that are channels last, which multiply pairs as pixels lie."""

import numpy as np
import pytest

import flambeau as torch
from flambeau.nn import functional as F
from tests.on_threads import on_threads

# Items, groups, sources and targets of each, image, kernel, stride, padding, dilation
CASES = [
    (2, 1, 16, 24, (9, 11), (3, 3), 1, 1, 1),
    (8, 1, 3, 64, (20, 20), (7, 7), 2, 3, 1),
    (2, 1, 3, 16, (19, 70), (3, 3), 1, 1, 1),
    (2, 1, 5, 20, (9, 33), (3, 3), (2, 3), 1, 1),
    (3, 1, 33, 17, (12, 40), (3, 3), 2, 1, 1),
    (2, 1, 400, 50, (5, 5), (3, 3), 1, 1, 1),
    (8, 1, 64, 300, (2, 2), (3, 3), 1, 1, 1),
    (1, 1, 70, 40, (3, 3), (3, 3), 1, 1, 1),
    (2, 1, 9, 8, (130, 7), (5, 1), (3, 1), (2, 0), 1),
    (2, 1, 12, 48, (1, 200), (1, 4), 1, (0, 3), (1, 2)),
    (2, 4, 16, 32, (10, 9), (3, 3), 1, 1, 1),
    (2, 3, 7, 9, (6, 6), (4, 4), 2, 1, 1),
    (2, 1, 20, 18, (4, 6, 9), (3, 2, 3), (1, 2, 1), 1, 1),
    (2, 1, 24, 30, (13, 15), (2, 3), 3, 0, 2),
]


def passes(case, dtype, order, transposed, weight_order, given=None):
    items, groups, sources, targets, image, kernel, stride, padding, dilation = case
    generator = torch.Generator().manual_seed(0)
    shape = (items, groups * sources, *image)
    x = torch.randn(shape, generator=generator).bfloat16().to(dtype)
    x = x.contiguous(memory_format=order).requires_grad_()
    pair = (groups * sources, targets) if transposed else (groups * targets, sources)
    weight = torch.randn(*pair, *kernel, generator=generator).bfloat16().to(dtype)
    if given is not None:
        weight[0, 0] = given
    weight = weight.contiguous(memory_format=weight_order).requires_grad_()
    bias = torch.randn(groups * targets, generator=generator).bfloat16().to(dtype)
    name = f"conv{'_transpose' if transposed else ''}{len(image)}d"
    window = dict(stride=stride, padding=padding, dilation=dilation, groups=groups)
    output = getattr(F, name)(x, weight, bias, **window)
    grad = torch.randn(output.shape, generator=generator).bfloat16().to(dtype)
    grads = torch.autograd.grad(output, [x, weight], grad.contiguous(memory_format=order))
    return output.detach(), *grads


def last_of(case):
    return torch.channels_last if len(case[4]) == 2 else torch.channels_last_3d


@pytest.mark.parametrize("weights_last", [False, True])
@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_pixel_pairs_round_sums_once(case, transposed, weights_last):
    last = last_of(case)
    usual = torch.contiguous_format
    exact = passes(case, torch.float64, usual, transposed, usual)
    got = passes(case, torch.bfloat16, last, transposed, last if weights_last else usual)
    assert got[0].is_contiguous(memory_format=last)
    for a, b in zip(got, exact, strict=True):
        b = b.numpy()
        scale = np.abs(b).max(initial=0)
        np.testing.assert_allclose(a.double().numpy(), b, rtol=2**-8, atol=1e-5 * scale + 1e-7)


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_pixel_pairs_have_the_same_bits_for_any_number_of_threads(case, transposed):
    last = last_of(case)
    first, *found = on_threads(lambda: passes(case, torch.bfloat16, last, transposed, last))
    for others in found:
        for a, b in zip(first, others, strict=True):
            assert torch.equal(a, b)


@pytest.mark.parametrize("value", [np.inf, np.nan])
@pytest.mark.parametrize("case", [CASES[0], CASES[1], CASES[5]], ids=str)
def test_pixel_pairs_leave_weights_that_are_not_finite_in_their_channel(case, value):
    last = torch.channels_last
    output, grad, _ = passes(case, torch.bfloat16, last, False, last, value)
    assert output[:, 1:].isfinite().all() and not output[:, 0].isfinite().all()
    assert grad[:, 1:].isfinite().all() and not grad[:, 0].isfinite().all()


def test_a_pixel_that_is_not_finite_is_met_by_its_own_windows_alone():
    x = torch.ones(1, 3, 20, 20).bfloat16().contiguous(memory_format=torch.channels_last)
    x[0, 0, 10, 10] = np.inf
    output = torch.conv2d(x.repeat(2, 1, 1, 1), torch.ones(16, 3, 3, 3).bfloat16(), None, 1, 1)
    finite = output.isfinite()
    assert not finite[:, :, 9:12, 9:12].any() and finite.sum() == finite.numel() - 2 * 16 * 9


def test_a_gradient_that_is_not_finite_stays_in_its_channel():
    x = torch.ones(2, 8, 6, 6).bfloat16().contiguous(memory_format=torch.channels_last)
    weight = torch.ones(16, 8, 3, 3).bfloat16().requires_grad_()
    output = torch.conv2d(x, weight, None, 1, 1)
    grad = torch.zeros_like(output)
    grad[0, 3, 0, 0] = np.inf
    (found,) = torch.autograd.grad(output, weight, grad)
    assert found[3, :, 1:, 1:].isinf().all()
    assert (found[:3] == 0).all() and (found[4:] == 0).all()


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("size", [1, 3])
def test_gradients_that_lie_by_planes_or_are_expanded_meet_images_by_pixels(size, transposed):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, 16, 9, 7, generator=generator).bfloat16()
    x = x.contiguous(memory_format=torch.channels_last).requires_grad_()
    weight = torch.randn(16, 16, size, size, generator=generator).bfloat16().requires_grad_()
    output = (F.conv_transpose2d if transposed else F.conv2d)(x, weight, None, 1, size // 2)
    whole = torch.randn(output.shape, generator=generator).bfloat16()
    one = torch.randn(1, 16, 1, 1, generator=generator).bfloat16().expand(output.shape)
    for given in (whole, one, torch.cat([whole, whole], 1)[:, :16]):
        got = torch.autograd.grad(output, [x, weight], given, retain_graph=True)
        by_pixel = given.contiguous(memory_format=torch.channels_last)
        expected = torch.autograd.grad(output, [x, weight], by_pixel, retain_graph=True)
        assert got[0].stride() == x.stride()
        for a, b in zip(got, expected, strict=True):
            assert torch.equal(a, b)
