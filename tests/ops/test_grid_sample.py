"""Samples at the points of a grid: the loops of csrc/kernels/vision/grid.h against the formula in operators."""

import itertools
import os

import numpy
import pytest

import flambeau
from flambeau.autograd import gradcheck, gradgradcheck
from flambeau.nn import functional as F
from flambeau.ops.grid_sample import MODES, PADDINGS, _written_out
from tests.at_level import at_lower_levels, run_at_level

SIZES = {2: [(7, 9), (1, 6), (20, 17)], 3: [(3, 4, 5), (1, 2, 6), (6, 5, 4)]}
CASES = [
    (2, mode, padding, align) for mode in MODES for padding in PADDINGS for align in (True, False)
] + [
    (3, mode, padding, align)
    for mode in MODES[:2] for padding in PADDINGS for align in (True, False)
]  # fmt: skip


def operands(ndim, sizes, channels, points, dtype, reach=1.3):
    generator = numpy.random.default_rng(channels)
    image = generator.standard_normal((2, channels, *sizes)).astype(dtype)
    grid = (generator.random((2, *points, ndim)) * 2 - 1).astype(dtype) * dtype(reach)
    return flambeau.from_numpy(image), flambeau.from_numpy(grid)


def both(function, image, grid, mode, padding, align):
    """Result and gradients by a function, weighted so that no two elements count the same."""
    image, grid = image.clone().requires_grad_(), grid.clone().requires_grad_()
    result = function(image, grid, mode, padding, align)
    weights = flambeau.arange(result.numel(), dtype=result.dtype).reshape(result.shape).cos()
    (result * weights).sum().backward()
    return result.detach(), image.grad, grid.grad


@pytest.mark.parametrize("ndim, mode, padding, align", CASES)
def test_samples_are_those_of_the_formula(ndim, mode, padding, align):
    more = [(1, (65,)), (3, (257,)), (5, (5,)), (17, (33,)), (0, (3,)), (3, (0,))]
    for sizes, (channels, points) in itertools.product(SIZES[ndim], more):
        points = (*points, *[1] * (ndim - 1))
        for dtype in (numpy.float32, numpy.float64):
            given = operands(ndim, sizes, channels, points, dtype)
            got = both(F.grid_sample, *given, mode, padding, align)
            wide = both(_written_out, *(t.double() for t in given), mode, padding, align)
            if dtype is numpy.float32:  # places are what float32 makes of them
                wide = both(_written_out, *given, mode, padding, align)
            unit = numpy.finfo(dtype).eps
            for value, expected, scale in zip(got, wide, (8, 64, 64 * max(sizes) * (channels + 1))):
                difference = (value - expected).abs()
                assert value.dtype == given[0].dtype
                assert (difference <= scale * 4 * unit).all(), (sizes, channels, points, dtype)


@pytest.mark.parametrize("ndim, mode, padding, align", CASES)
def test_places_that_are_none_and_pixels_without_end(ndim, mode, padding, align):
    image, grid = operands(ndim, SIZES[ndim][0], 3, (40, *[1] * (ndim - 1)), numpy.float64)
    image[0, 1] = float("inf")
    image[1, 0, ..., 0] = float("nan")
    flat = grid.reshape(-1)
    for i, value in enumerate((float("nan"), float("inf"), -float("inf"), 1e30, -1e30, 1e200)):
        flat[11 * i] = value
    got = both(F.grid_sample, image, grid, mode, padding, align)
    expected = both(_written_out, image, grid, mode, padding, align)
    for value, wanted in zip(got[:2], expected[:2], strict=True):
        same = flambeau.isclose(value, wanted, rtol=1e-9, atol=1e-9, equal_nan=True)
        assert same.all()


@pytest.mark.parametrize("ndim, mode, padding, align", CASES)
def test_derivatives(ndim, mode, padding, align):
    image, grid = operands(ndim, (3, 4, 2)[:ndim], 2, (3, *[1] * (ndim - 1)), numpy.float64, 0.9)
    given = (image.requires_grad_(), grid.requires_grad_(mode != "nearest"))

    def sample(image, grid):
        return F.grid_sample(image, grid, mode, padding, align)

    assert gradcheck(sample, given)
    assert gradgradcheck(sample, given)


def test_a_grid_that_depends_on_its_image():
    image = flambeau.rand(1, 1, 4, 4, dtype=flambeau.float64, requires_grad=True)

    def sample(image):
        grid = flambeau.stack([image[:, 0] * 0.5, image[:, 0] * 0.25], -1)
        return F.grid_sample(image, grid, align_corners=False)

    assert gradcheck(sample, (image,))
    assert gradgradcheck(sample, (image,))


def test_layouts_halves_and_slices():
    image, grid = operands(2, (7, 9), 3, (5, 6), numpy.float32)
    plain = F.grid_sample(image, grid, align_corners=False)
    last = image.contiguous(memory_format=flambeau.channels_last)
    turned = grid.transpose(1, 2).contiguous().transpose(1, 2)
    assert (F.grid_sample(last, turned, align_corners=False) == plain).all()
    one = image[:, :1].expand(2, 3, 7, 9)
    assert (F.grid_sample(one, grid)[:, 2] == F.grid_sample(image[:, :1], grid)[:, 0]).all()
    half = F.grid_sample(image.half(), grid.half(), align_corners=False)
    assert half.dtype is flambeau.float16
    exact = F.grid_sample(image.half().float(), grid.half().float(), align_corners=False)
    assert (half == exact.half()).all()
    images, grids = flambeau.stack([image, image + 1, -image]), flambeau.stack([grid] * 3)
    mapped = flambeau.vmap(F.grid_sample)(images, grids)
    for i in range(3):
        assert (mapped[i] == F.grid_sample(images[i], grid)).all()
    shared = flambeau.vmap(F.grid_sample, in_dims=(0, None))(images, grid)
    assert (shared == mapped).all()


def test_samples_are_the_same_for_any_number_of_threads():
    cases = [
        ("bilinear", *operands(2, (65, 70), 19, (80, 65), numpy.float32)),
        ("bicubic", *operands(2, (65, 70), 3, (257, 5), numpy.float32)),
        ("bilinear", *operands(3, (9, 8, 7), 5, (20, 10, 3), numpy.float32)),
        ("bilinear", *operands(2, (200, 200), 3, (4, 5), numpy.float32)),
    ]
    before, results = flambeau.get_num_threads(), []
    try:
        for n in (1, 2, 3, 16):
            flambeau.set_num_threads(n)
            results.append([both(F.grid_sample, *c, m, "border", False) for m, *c in cases])
    finally:
        flambeau.set_num_threads(before)
    for result in results[1:]:
        for made, first in zip(result, results[0], strict=True):
            assert all((a == b).all() for a, b in zip(made, first, strict=True))


PROGRAM = """
import numpy, test_grid_sample as t
for case in t.CASES[1::7]:
    t.test_samples_are_those_of_the_formula(*case)
"""


@at_lower_levels
def test_samples_at_lower_instruction_sets(level):
    run_at_level(level, PROGRAM, os.path.dirname(__file__))
