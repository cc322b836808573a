"""Convolutions whose short rows are copied once for each column tap, against the definition."""

import os

import numpy as np
import pytest

import flambeau as torch
from flambeau.nn import functional as F
from tests.at_level import at_lower_levels, run_at_level
from tests.ops.test_conv import convolve

SHAPES = [
    # batch, groups, channels in and out of a group, kernel, image, padding, dilation
    (3, 1, 6, 16, (5, 5), (14, 14), (0, 0), (1, 1)),
    (2, 1, 6, 19, (5, 5), (12, 12), (0, 0), (1, 1)),
    (2, 1, 8, 16, (7, 7), (14, 14), (3, 3), (1, 1)),
    (2, 1, 12, 16, (3, 3), (20, 20), (4, 4), (4, 4)),
    (2, 2, 5, 17, (2, 7), (15, 13), (0, 3), (1, 1)),
    (1, 1, 3, 32, (4, 6), (40, 10), (1, 0), (1, 1)),
    (2, 1, 2, 16, (3, 9), (9, 5), (1, 8), (1, 1)),
]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_short_rows_under_wide_kernels(shape, dtype):
    n, groups, channels, targets, kernel, image, padding, dilation = shape
    rng = np.random.default_rng(0)
    x = rng.standard_normal((n, groups * channels, *image)).astype(dtype)
    w = rng.standard_normal((groups * targets, channels, *kernel)).astype(dtype)
    b = rng.standard_normal(groups * targets).astype(dtype)
    window = {"padding": padding, "dilation": dilation, "groups": groups}
    exact = convolve(*(t.astype(np.float64) for t in (x, w, b)), (1, 1), padding, dilation, groups)
    tx, tw, tb = (torch.from_numpy(t).requires_grad_() for t in (x, w, b))
    y = F.conv2d(tx, tw, tb, **window)
    tolerance = np.finfo(dtype).eps * 60
    np.testing.assert_allclose(y.detach().numpy(), exact, rtol=0, atol=tolerance * abs(exact).max())

    # The gradient is the adjoint: <conv(x), g> = <x, grad>.
    g = rng.standard_normal(exact.shape).astype(dtype)
    (grad,) = torch.autograd.grad(y, tx, torch.from_numpy(g))
    other = rng.standard_normal(x.shape)
    moved = convolve(other, w.astype(np.float64), None, (1, 1), padding, dilation, groups)
    left, right = (moved * g).sum(), (other * grad.numpy()).sum()
    assert abs(left - right) <= tolerance * np.sqrt((moved**2).sum() * (g**2).sum())


def test_an_infinity_stays_where_taps_meet_it():
    x = torch.zeros(2, 6, 14, 14)
    x[1, 2, 0, 13] = torch.inf
    y = F.conv2d(x, torch.ones(16, 6, 5, 5))
    odd = ~y.isfinite()
    assert odd.sum() == 16 and odd[1, :, 0, 9].all()


@at_lower_levels
def test_short_rows_at_lower_instruction_sets(level):
    program = (
        "import numpy as np, test_conv_taps_apart as t\n"
        "for shape in t.SHAPES:\n"
        "    for dtype in (np.float32, np.float64):\n"
        "        t.test_short_rows_under_wide_kernels(shape, dtype)\n"
        "t.test_an_infinity_stays_where_taps_meet_it()\n"
    )
    run_at_level(level, program, os.path.dirname(__file__))
