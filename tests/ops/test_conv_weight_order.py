"""Weights whose channels lie side by side (channels last) are multiplied as they lie."""

import numpy as np
import pytest

import flambeau as torch
import flambeau.nn.functional as F
from tests.on_threads import on_threads

RNG = np.random.default_rng(11)

# items, channels, targets, spatial sizes, kernel; stride, padding, dilation, groups
CASES = [
    (1, 130, 70, (14, 15), (3, 3), {"padding": 1}),
    (1, 40, 33, (14, 15), (3, 3), {"padding": 1}),
    (2, 70, 20, (9, 17), (2, 2), {"padding": 1}),
    (1, 400, 65, (5, 4), (3, 3), {"padding": 1}),
    (1, 40, 20, (9, 8), (5, 4), {"stride": 2, "padding": 2}),
    (3, 36, 40, (3, 4), (3, 2), {"groups": 2, "padding": 1}),
    (1, 64, 80, (16, 18), (3, 3), {"padding": 2, "dilation": 2}),
    (1, 20, 33, (20, 18), (4, 4), {"stride": 2, "padding": 1}),
    (1, 3, 2, (7, 7), (3, 3), {}),
    (1, 5, 1, (2, 2), (3, 3), {"padding": 1}),
    (1, 18, 24, (4, 9, 10), (3, 3, 3), {"padding": 1}),
    (1, 70, 40, (3, 9, 10), (1, 3, 3), {"padding": (0, 1, 1)}),
    (1, 33, 20, (3, 4, 3), (2, 3, 2), {"stride": 2, "padding": 1}),
]


def passes(conv, x, w, b, window):
    leaves = [t.detach().requires_grad_() for t in (x, w, b)]
    output = conv(*leaves, **window)
    grad = torch.from_numpy(np.random.default_rng(5).uniform(0, 1, output.shape)).to(x.dtype)
    return [t.detach().numpy() for t in (output, *torch.autograd.grad(output, leaves, grad))]


def agree(conv, x, w, b, window):
    last = torch.channels_last if x.ndim == 4 else torch.channels_last_3d
    expected = passes(conv, x, w, b, window)
    for image in (x, x.contiguous(memory_format=last)):
        found = passes(conv, image, w.contiguous(memory_format=last), b, window)
        for ours, theirs in zip(found, expected, strict=True):
            scale = np.abs(theirs[np.isfinite(theirs)]).max(initial=1)
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=2e-6 * scale)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_weights_of_channels_last_give_what_others_give(case, dtype):
    n, channels, targets, sizes, kernel, window = case
    each = channels // window.get("groups", 1)
    x, w, b = (
        torch.from_numpy(RNG.standard_normal(s)).to(dtype)
        for s in ((n, channels, *sizes), (targets, each, *kernel), (targets,))
    )
    agree(getattr(F, f"conv{len(sizes)}d"), x, w, b, window)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("channels", [(20, 17), (130, 80)], ids=str)
def test_transposed_ones_too(channels, stride):
    x, w, b = (
        torch.from_numpy(RNG.standard_normal(s)).float()
        for s in ((1, channels[0], 12, 13), (*channels, 3, 3), (channels[1],))
    )
    agree(F.conv_transpose2d, x, w, b, {"stride": stride, "padding": 1})


@pytest.mark.parametrize("place", ["image", "weight"])
@pytest.mark.parametrize("size", [3, 12])
def test_infinities_are_where_they_were(size, place):
    x, w, b = (
        torch.from_numpy(RNG.standard_normal(s)).float()
        for s in ((1, 40, size, size), (32, 40, 3, 3), (32,))
    )
    (x if place == "image" else w)[0, 7, 1, 1] = float("inf")
    agree(F.conv2d, x, w, b, {"padding": 1})


def test_any_number_of_threads_gives_the_same_bits():
    for n, channels, size in ((1, 256, 14), (1, 512, 4), (8, 128, 12)):
        x = torch.randn(n, channels, size, size)
        w = torch.randn(96, channels, 3, 3).contiguous(memory_format=torch.channels_last)
        first, *found = on_threads(lambda x=x, w=w: passes(F.conv2d, x, w, w[:, 0, 0, 0], {}))
        for others in found:
            assert all(a.tobytes() == b.tobytes() for a, b in zip(first, others, strict=True))
