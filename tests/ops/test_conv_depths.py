"""3-d convolutions of float32 whose planes go by tiles, each tap of depth as a source of its own."""

import numpy as np
import pytest

import flambeau as torch

RNG = np.random.default_rng(9)


def drawn(*sizes):
    return torch.from_numpy(RNG.standard_normal(sizes).astype(np.float32))


# depths, taps of depth, and their stride, padding and dilation
DEPTHS = [
    (6, 3, 1, 1, 1),
    (6, 1, 1, 0, 1),
    (5, 1, 2, 0, 1),
    (7, 2, 1, 0, 1),
    (8, 3, 2, 1, 1),
    (9, 3, 1, 2, 2),
    (8, 4, 3, 2, 1),
    (2, 5, 1, 2, 1),
    (1, 3, 1, 1, 1),
]


@pytest.mark.parametrize("channels", [(16, 18), (70, 40)], ids=str)
@pytest.mark.parametrize("kernel", [2, 3])
@pytest.mark.parametrize("depth", DEPTHS, ids=str)
def test_all_passes_agree_with_float64(depth, kernel, channels):
    size, taps, stride, padding, dilation = depth
    window = ((stride, 1, 1), (padding, 1, 1), (dilation, 1, 1))
    leaves = [
        drawn(2, channels[0], size, 9, 10),
        drawn(channels[1], channels[0], taps, kernel, kernel),
        drawn(channels[1]),
    ]

    def passes(dtype):
        own = [leaf.to(dtype).detach().requires_grad_() for leaf in leaves]
        output = torch.nn.functional.conv3d(*own, *window)
        grad = torch.from_numpy(np.random.default_rng(3).uniform(0, 1, output.shape)).to(dtype)
        return (output, *torch.autograd.grad(output, own, grad))

    for found, expected in zip(passes(torch.float32), passes(torch.float64), strict=True):
        scale = expected.abs().max().item()
        np.testing.assert_allclose(
            found.detach().numpy(), expected.detach().numpy(), rtol=0, atol=5e-6 * scale
        )


@pytest.mark.parametrize("value", [np.inf, np.nan])
def test_what_is_not_finite_stays_where_the_kernel_reaches(value):
    x, w = drawn(1, 16, 6, 12, 12), drawn(16, 16, 3, 3, 3)
    x[0, 3, 2, 5, 6] = value
    wrong = ~torch.isfinite(torch.nn.functional.conv3d(x, w, padding=1)).numpy()
    assert wrong[0, :, 1:4, 4:7, 5:8].all() and wrong.sum() == 16 * 27


def test_autocast_of_bfloat16_agrees():
    x, w = drawn(2, 16, 6, 12, 12), drawn(24, 16, 3, 3, 3)
    exact = torch.nn.functional.conv3d(x, w, padding=1)
    with torch.autocast("cpu", torch.bfloat16):
        found = torch.nn.functional.conv3d(x, w, padding=1)
    np.testing.assert_allclose(found.float().numpy(), exact.numpy(), rtol=0, atol=0.3)
