"""Borders of what is inside against numpy.pad, and their adjoint."""

import itertools

import numpy as np
import pytest

import flambeau as torch
from flambeau.autograd import gradcheck, gradgradcheck
from flambeau.nn import functional as F

MODES = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}
CASES = [
    *(((3, 7), (2, 3)), ((3, 7), (6, 6)), ((2, 3, 5), (4, 0)), ((2, 3, 5, 6), (1, 2, 3, 4))),
    *(
        ((2, 2, 3, 4, 5), (2, 0, 1, 3, 2, 2)),
        ((1, 100, 130), (64, 65)),
        ((2, 2, 70, 300), (7, 9, 11, 13)),
    ),
]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("shape, pad", CASES)
def test_values_of_every_itemsize(shape, pad, mode):
    widths = [(0, 0)] * (len(shape) - len(pad) // 2)
    widths += [(pad[i], pad[i + 1]) for i in range(len(pad) - 2, -1, -2)]
    for dtype in (np.uint8, np.int16, np.float32, np.float64, np.complex128):
        x = (np.arange(np.prod(shape)).reshape(shape) % 100).astype(dtype)
        ours = torch.nn.functional.pad(torch.from_numpy(x), pad, mode=mode)
        if mode == "circular" and any(max(w) > n for w, n in zip(widths, shape, strict=True)):
            continue
        assert np.array_equal(ours.numpy(), np.pad(x, widths, mode=MODES[mode]))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "pad", [(1, 2), (-1, 2), (2, -3), (1, 2, 0, 1), (-1, 2, 1, -1), (0, 0, 1, 1)]
)
def test_derivatives_and_cuts(pad, mode):
    x = torch.randn(2, 2, 3, 5, dtype=torch.float64, requires_grad=True)
    if len(pad) == 2:
        x = x.detach()[0].requires_grad_()

    def padded(x):
        return torch.nn.functional.pad(x, pad, mode=mode)

    assert gradcheck(padded, x)
    assert gradgradcheck(padded, x)
    slices = torch.stack([padded(one) for one in torch.stack([x, x + 1])])
    assert torch.equal(torch.vmap(padded)(torch.stack([x, x + 1])), slices)


def test_any_number_of_threads_gives_the_same_bits():
    before = torch.get_num_threads()
    results = []
    try:
        for threads in (1, 3, 16):
            torch.set_num_threads(threads)
            torch.manual_seed(0)
            x = torch.randn(8, 16, 65, 67, requires_grad=True)
            y = torch.nn.functional.pad(x, (3, 4, 5, 6), mode="reflect")
            (grad,) = torch.autograd.grad(y, x, torch.randn(y.shape))
            results.append((y, grad))
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(a, b) for one in results for a, b in zip(one, results[0], strict=True))


@pytest.mark.parametrize("mode", MODES)
def test_borders_on_one_side_and_cuts_on_the_other(mode):
    x = torch.arange(20.0, dtype=torch.float64).reshape(1, 5, 4).requires_grad_()
    size = x.shape[-1]
    for before, after in itertools.product(range(-5, 4), repeat=2):
        wide = size + before + after
        left = size + min(before, 0) + min(after, 0)
        pad = lambda: torch.nn.functional.pad(x, (before, after), mode=mode)
        if wide < 0 or (wide == 0 and mode != "circular"):
            with pytest.raises(RuntimeError, match="pad: "):
                pad()
            continue
        if mode == "circular" and wide and left <= 0:  # there is nothing to go round
            with pytest.raises(RuntimeError, match="take all from dim 2"):
                pad()
            continue
        places = np.arange(-before, size + after)
        if mode == "replicate":
            places = places.clip(0, size - 1)
        elif mode == "reflect":
            places = size - 1 - abs(size - 1 - abs(places))
        elif wide:
            places = max(-before, 0) + (places - max(-before, 0)) % left
        result = pad()
        assert result.tolist() == x.detach().numpy()[..., places].tolist()
        weights = torch.arange(1.0, 1 + result.numel(), dtype=torch.float64).reshape(result.shape)
        (gradient,) = torch.autograd.grad(result, x, weights)
        expected = np.zeros(x.shape)
        for k, place in enumerate(places):
            expected[..., place] += weights[..., k].numpy()
        assert gradient.tolist() == expected.tolist()


def test_constant_borders_take_no_more_than_there_is():
    for pad in ((-5, 0), (-5, 2), (3, -5), (-3, -2)):
        with pytest.raises(RuntimeError, match="take more from dim 1 than its size 4"):
            torch.nn.functional.pad(torch.ones(3, 4), pad)
    assert torch.nn.functional.pad(torch.ones(3, 4), (-4, 2)).tolist() == [[0, 0]] * 3


def test_a_dim_that_is_cut_away():
    x = torch.ones(1, 2, 3, 4, requires_grad=True)
    for mode in MODES:
        result = torch.nn.functional.pad(x, (1, 1, -3, 0), mode=mode)
        assert result.shape == (1, 2, 0, 6)
        result.sum().backward()
    assert not x.grad.any()
    with pytest.raises(RuntimeError, match="leaves nothing of input"):
        torch.nn.functional.pad(x, (-4, 0, -3, 0), mode="reflect")


@pytest.mark.parametrize("mode", ["constant", "reflect", "replicate"])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "uint8"])
def test_borders_of_channels_last_images_are_those_of_planes(mode, dtype):
    if dtype == "uint8" and mode != "constant":
        pytest.skip("borders from inside are for floating numbers")
    for sizes in ((2, 3, 4, 5), (1, 16, 7, 3), (2, 2, 3, 3)):
        planes = (torch.rand(sizes) * 9).to(getattr(torch, dtype))
        image = planes.contiguous(memory_format=torch.channels_last)
        for pad in ((1, 2, 0, 1), (0, 0, 2, 2), (2, 0, 0, 0), (0, 1, -1, 2)):
            got = torch.nn.functional.pad(image, pad, mode)
            assert got.equal(torch.nn.functional.pad(planes, pad, mode))
            assert got.is_contiguous(memory_format=torch.channels_last)
        if dtype == "float32":
            grads = []
            for x in (image, planes):
                x = x.detach().requires_grad_()
                torch.nn.functional.pad(x, (1, 2, 0, 1), mode).square().sum().backward()
                grads.append(x.grad)
            torch.testing.assert_close(*grads)


@pytest.mark.parametrize(
    "pad", [(-1, 2, 1, -1), (-1, -1, 0, 0), (0, 0, -2, 3), (-6, 1, 0, 1), (-3, -3, 1, 1)]
)
def test_channels_last_images_are_cut_as_planes(pad):
    for sizes in ((2, 3, 5, 6), (1, 20, 5, 6), (1, 4, 6, 6)):
        planes = torch.randn(sizes)
        pixels = planes.contiguous(memory_format=torch.channels_last).requires_grad_()
        want, got = F.pad(planes, pad, value=2.0), F.pad(pixels, pad, value=2.0)
        assert got.shape == want.shape and got.detach().equal(want)
        if got.numel():
            assert got.is_contiguous(memory_format=torch.channels_last)
            assert got.data_ptr() != pixels.data_ptr()
        slope = torch.randn(want.shape)
        leaf = planes.clone().requires_grad_()
        (expected,) = torch.autograd.grad(F.pad(leaf, pad), leaf, slope)
        (grad,) = torch.autograd.grad(got, pixels, slope)
        assert grad.equal(expected)
