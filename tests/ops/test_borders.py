"""Borders of what is inside against numpy.pad, and their adjoint."""

import numpy as np
import pytest

import flambeau as torch
from flambeau.autograd import gradcheck, gradgradcheck

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
