"""Resampling along dims, against the weights written out as a matrix."""

import math
import os

import numpy
import pytest

import flambeau
from flambeau.autograd import gradcheck, gradgradcheck
from flambeau.nn import functional as F
from tests.at_level import at_lower_levels, run_at_level

MODES = [("bilinear", False), ("bicubic", False), ("bilinear", True), ("bicubic", True)]
SIZES = [(1, 1), (1, 5), (5, 1), (7, 7), (8, 3), (3, 8), (65, 17), (17, 65), (257, 40), (40, 257)]


def cubic(d, a):
    near = ((a + 2) * d - (a + 3)) * d * d + 1
    far = ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
    return numpy.where(d <= 1, near, numpy.where(d < 2, far, 0.0))


def matrix(size, out, mode, antialias, align):
    """(out, size): the weights, from the definition."""
    ratio = size / out
    if align:
        ratio = (size - 1) / (out - 1) if out > 1 else 0.0
    places = numpy.arange(out, dtype=float)
    weights = numpy.zeros((out, size))
    if antialias:
        widen = max(ratio, 1.0)
        reach = 2 if mode == "bicubic" else 1
        for i in range(out):
            centre = ratio * (i + 0.5)
            low = max(math.trunc(centre - reach * widen + 0.5), 0)
            high = min(math.trunc(centre + reach * widen + 0.5), size)
            d = numpy.abs(numpy.arange(low, high) + 0.5 - centre) / widen
            w = cubic(d, -0.5) if mode == "bicubic" else numpy.maximum(1 - d, 0)
            weights[i, low:high] = w / w.sum()
        return weights
    at = places * ratio if align else (places + 0.5) * ratio - 0.5
    if mode == "bilinear":
        at = numpy.maximum(at, 0)
    base = numpy.floor(at)
    part = at - base
    taps = [(0, 1 - part), (1, part)]
    if mode == "bicubic":
        taps = [(i - 1, cubic(numpy.abs(i - 1 - part), -0.75)) for i in range(4)]
    for shift, w in taps:
        index = numpy.clip(base + shift, 0, size - 1).astype(int)
        numpy.add.at(weights, (numpy.arange(out), index), w)
    return weights


def resized(image, sizes, mode, antialias, align):
    down = matrix(image.shape[-2], sizes[0], mode, antialias, align)
    across = matrix(image.shape[-1], sizes[1], mode, antialias, align)
    return down @ image @ across.T


@pytest.mark.parametrize("mode, antialias", MODES)
@pytest.mark.parametrize("align", [True, False])
def test_resampling_is_a_product_with_the_weights(mode, antialias, align):
    generator = numpy.random.default_rng(0)
    for i, (height, out_height) in enumerate(SIZES):
        width, out_width = SIZES[(i * 3 + 1) % len(SIZES)]
        image = generator.standard_normal((2, 3, height, width))
        expected = resized(image, (out_height, out_width), mode, antialias, align)
        for dtype in (flambeau.float64, flambeau.float32, flambeau.bfloat16):
            given = flambeau.from_numpy(image).to(dtype)
            for format in (flambeau.contiguous_format, flambeau.channels_last):
                laid = given.contiguous(memory_format=format)
                size = (out_height, out_width)
                got = F.interpolate(laid, size, mode=mode, antialias=antialias, align_corners=align)
                limit = 64 * flambeau.finfo(dtype).eps
                assert got.dtype is dtype and got.shape == (2, 3, *size)
                assert numpy.abs(got.double().numpy() - expected).max() <= limit, (height, width)


def whole(weights):
    """(multiples, unit): weights as multiples of a power of 2, as csrc/kernels/vision/windows.h has them."""
    bits = 0
    while bits < 22 and math.floor(0.5 + weights.max() * 2 ** (bits + 1)) < 2**15:
        bits += 1
    return numpy.trunc(weights * 2**bits + numpy.where(weights < 0, -0.5, 0.5)), 2.0**-bits


@pytest.mark.parametrize("mode, antialias", MODES)
def test_bytes_are_rounded_once_a_direction(mode, antialias):
    generator = numpy.random.default_rng(0)
    for height, width, size in ((20, 31, (13, 40)), (65, 257, (31, 130)), (3, 5, (70, 9))):
        image = generator.integers(0, 256, (2, 3, height, width), dtype=numpy.uint8)
        image[0, 0] = 255
        got = F.interpolate(flambeau.from_numpy(image), size, mode=mode, antialias=antialias)
        across, unit = whole(matrix(width, size[1], mode, antialias, False))
        wide = numpy.floor(image @ across.T * unit + 0.5).clip(0, 255)
        down, unit = whole(matrix(height, size[0], mode, antialias, False))
        assert (got.numpy() == numpy.floor(down @ wide * unit + 0.5).clip(0, 255)).all()


@pytest.mark.parametrize("size, out", [(300, 60), (300, 900), (90, 5_000), (1, 7), (6, 1), (5, 5)])
@pytest.mark.parametrize("align", [True, False])
def test_lines_of_any_number_are_a_product_with_the_weights(size, out, align):
    weights = matrix(size, out, "bilinear", False, align)
    for n_lines in (1, 3, 4, 7, 33):
        lines = numpy.random.default_rng(n_lines).standard_normal((1, n_lines, size))
        for dtype in (flambeau.float64, flambeau.float32, flambeau.bfloat16):
            leaf = flambeau.from_numpy(lines).to(dtype).requires_grad_()
            got = F.interpolate(leaf, out, mode="linear", align_corners=align)
            limit = 64 * flambeau.finfo(dtype).eps
            assert numpy.abs(got.detach().double().numpy() - lines @ weights.T).max() <= limit
            got.sum().backward()
            summed = weights.sum(0)
            assert numpy.abs(leaf.grad.double().numpy() - summed).max() <= limit * summed.max()


def test_other_numbers_of_dims_and_factors():
    generator = numpy.random.default_rng(0)
    line = generator.standard_normal((2, 3, 50))
    got = F.interpolate(flambeau.from_numpy(line), scale_factor=2.5, mode="linear")
    at = numpy.maximum((numpy.arange(125) + 0.5) / 2.5 - 0.5, 0)
    expected = [[numpy.interp(at, numpy.arange(50), row) for row in image] for image in line]
    assert numpy.abs(got.numpy() - numpy.array(expected)).max() < 1e-12
    cube = generator.standard_normal((1, 2, 5, 6, 7))
    got = F.interpolate(flambeau.from_numpy(cube), (9, 3, 7), mode="trilinear")
    made = cube
    for axis, (size, out) in enumerate(((5, 9), (6, 3), (7, 7)), 2):
        weights = matrix(size, out, "bilinear", False, False)
        made = numpy.moveaxis(numpy.moveaxis(made, axis, -1) @ weights.T, -1, axis)
    assert numpy.abs(got.numpy() - made).max() < 1e-12
    with pytest.raises(NotImplementedError, match="interpolate: input is torch.complex64"):
        F.interpolate(flambeau.zeros(1, 1, 2, dtype=flambeau.complex64), 3, mode="linear")


# For sizes that a scale_factor leaves or doubles, whether the scale counts: (mode, dims): (left, doubled).
SCALE_COUNTS = {
    ("nearest", 1): (True, True),
    ("nearest", 2): (False, False),
    ("nearest", 3): (True, True),
    ("nearest-exact", 2): (True, True),
    ("linear", 1): (False, True),
    ("bilinear", 2): (False, True),
    ("trilinear", 3): (False, True),
    ("bicubic", 2): (True, True),
}


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "uint8"])
@pytest.mark.parametrize(("mode", "n"), SCALE_COUNTS)
def test_a_scale_that_leaves_or_doubles_a_size_counts_where_it_does_in_pytorch(mode, n, dtype):
    if dtype == "uint8" and mode in ("linear", "trilinear"):
        pytest.skip("bytes are not taken")
    flambeau.manual_seed(0)
    sizes = (5, 6, 7)[:n]
    x = (flambeau.rand(2, 3, *sizes) * 200).to(getattr(flambeau, dtype))
    counts = SCALE_COUNTS[mode, n]
    if mode == "bicubic" and dtype == "uint8":
        counts = (False, True)
    for dim in range(n):
        for doubled in (0, 1):
            factors = [1.7] * n
            factors[dim] = 1 + doubled + 0.95 / sizes[dim]
            y = F.interpolate(x, scale_factor=factors, mode=mode)
            factors[dim] = 1 + doubled
            by_sizes = F.interpolate(x, scale_factor=factors, mode=mode)
            assert y.shape == by_sizes.shape
            assert y.equal(by_sizes) != counts[doubled], (dim, doubled)


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
def test_antialias_leaves_a_size_that_stays(mode):
    x = flambeau.rand(2, 3, 6, 7, requires_grad=True)
    y = F.interpolate(x, scale_factor=(1.12, 1.05), mode=mode, antialias=True)
    assert y.equal(x)
    (grad,) = flambeau.autograd.grad(y.sum(), x)
    assert grad.equal(flambeau.ones(2, 3, 6, 7))


@pytest.mark.parametrize("mode, antialias", MODES)
def test_derivatives(mode, antialias):
    image = flambeau.rand(1, 2, 5, 4, dtype=flambeau.float64, requires_grad=True)
    for size in ((3, 7), (5, 4), (1, 9)):

        def resize(image, size=size):
            return F.interpolate(image, size, mode=mode, antialias=antialias)

        assert gradcheck(resize, (image,))
        assert gradgradcheck(resize, (image,))
    images = flambeau.rand(3, 1, 2, 5, 4)
    mapped = flambeau.vmap(lambda t: F.interpolate(t, (3, 7), mode=mode, antialias=antialias))(
        images
    )
    for one, image in zip(mapped, images, strict=True):
        assert (one == F.interpolate(image, (3, 7), mode=mode, antialias=antialias)).all()


def test_long_lines_take_little_memory():
    line = flambeau.rand(1, 1, 2, 20_000)
    made = F.interpolate(line, (2, 5_000), mode="bilinear", antialias=True)
    assert made.shape == (1, 1, 2, 5_000)
    assert abs(made.mean().item() - line.mean().item()) < 1e-3


def test_resampling_is_the_same_for_any_number_of_threads():
    image, before, results = flambeau.rand(2, 3, 130, 257), flambeau.get_num_threads(), []
    try:
        for n in (1, 2, 3, 16):
            flambeau.set_num_threads(n)
            leaf = image.clone().requires_grad_()
            made = F.interpolate(leaf, (65, 300), mode="bicubic", antialias=True)
            (made * made).sum().backward()
            whole = F.interpolate((image * 255).to(flambeau.uint8), (65, 300), mode="bilinear")
            lines = F.interpolate(image.view(1, -1, 257), 123, mode="linear")
            results.append([made.detach(), leaf.grad, whole, lines])
    finally:
        flambeau.set_num_threads(before)
    for result in results[1:]:
        assert all((a == b).all() for a, b in zip(result, results[0], strict=True))


PROGRAM = """
import test_resample as t
for mode in t.MODES:
    t.test_resampling_is_a_product_with_the_weights(*mode, False)
    t.test_bytes_are_rounded_once_a_direction(*mode)
    t.test_images_in_any_order_of_memory_are_resized_alike(*mode, "float32")
"""


@at_lower_levels
def test_resampling_at_lower_instruction_sets(level):
    run_at_level(level, PROGRAM, os.path.dirname(__file__))


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
@pytest.mark.parametrize("size", [(3, 3), (5, 5), (8, 6), (2, 2)])
@pytest.mark.parametrize("images", [1, 3])
def test_an_infinity_at_an_edge_is_nan_where_pytorch_counts_it_twice(mode, size, images):
    pytorch = pytest.importorskip("torch")
    rng = numpy.random.default_rng(0)
    for corners in (True, False):
        for _ in range(8):
            x = rng.uniform(-9, 9, (images, 3, 4, 5)).astype(numpy.float32)
            x[0, 1, rng.choice([0, 1, 3]), rng.choice([0, 2, 4])] = rng.choice(
                [numpy.inf, -numpy.inf]
            )
            if size[1] == 5 and mode == "bilinear":
                continue  # a dim that keeps its size is left as it is
            ours, want = (
                lib.nn.functional.interpolate(
                    lib.tensor(x), size, mode=mode, align_corners=corners
                ).numpy()
                for lib in (flambeau, pytorch)
            )
            numpy.testing.assert_allclose(ours, want, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("mode", ["nearest", "nearest-exact"])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "uint8"])
def test_nearest_places_of_channels_last_images_are_those_of_planes(mode, dtype):
    for sizes, wanted, order in (
        ((2, 3, 5, 7), (10, 14), flambeau.channels_last),
        ((1, 16, 6, 4), (3, 9), flambeau.channels_last),
        ((2, 40, 3, 3), (4, 2), flambeau.channels_last),
        ((2, 3, 2, 5, 4), (3, 5, 8), flambeau.channels_last_3d),
    ):
        planes = (flambeau.rand(sizes) * 90).to(getattr(flambeau, dtype))
        image = planes.contiguous(memory_format=order)
        got = F.interpolate(image, wanted, mode=mode)
        assert got.equal(F.interpolate(planes, wanted, mode=mode))
        assert got.is_contiguous(memory_format=order)
        one = flambeau.vmap(lambda x: F.interpolate(x[None], wanted, mode=mode)[0])(image)
        assert one.equal(got)


@pytest.mark.parametrize("mode,antialias", [*MODES, ("trilinear", False)])
@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16", "float16"])
def test_images_in_any_order_of_memory_are_resized_alike(mode, antialias, dtype):
    """Pixels of few and of many channels, planes that are turned into pixels, and large planes."""
    kind, deep = getattr(flambeau, dtype), mode == "trilinear"
    order = flambeau.channels_last_3d if deep else flambeau.channels_last
    exact = {"float64": 1e-12, "float32": 1e-5, "float16": 2e-3, "bfloat16": 2e-2}[dtype]
    for sizes, wanted in (
        ((2, 3, 7, 7), (14, 14)), ((1, 5, 9, 4), (4, 11)), ((2, 16, 6, 7), (6, 3)), ((1, 40, 5, 5), (3, 3)),
        ((3, 70, 4, 3), (7, 3)), ((1, 2, 1, 3), (3, 2)), ((1, 33, 70, 60), (50, 40)), ((2, 17, 3, 40), (5, 17)),
    ):  # fmt: skip
        if deep:
            sizes, wanted = (*sizes[:2], 3, *sizes[2:]), (4, *wanted)
        planes = flambeau.randn(sizes).to(kind)
        pixels = planes.contiguous(memory_format=order)
        options = {"size": wanted, "mode": mode, "antialias": antialias}
        for align in (False, True):
            exactly = planes.double().requires_grad_()
            want = F.interpolate(exactly, **options, align_corners=align)
            slope = flambeau.randn(want.shape).to(kind)
            (expected,) = flambeau.autograd.grad(want, exactly, slope.double())
            for given in (planes, pixels):
                leaf = given.detach().requires_grad_()
                made = F.interpolate(leaf, **options, align_corners=align)
                assert made.dtype is kind and made.is_contiguous(
                    memory_format=order if given is pixels else flambeau.contiguous_format
                )
                close(made, want, exact)
                grad_output = slope.contiguous(memory_format=order) if given is pixels else slope
                (grad,) = flambeau.autograd.grad(made, leaf, grad_output)
                close(grad, expected, 4 * exact)


def close(got, want, exact):
    scale = 1 + want.detach().abs().max().item()
    assert (got.detach().double() - want.detach()).abs().max().item() <= exact * scale


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_pixels_and_small_planes_are_resized_the_same_by_any_number_of_threads(dtype):
    images = flambeau.randn(5, 24, 40, 30).to(getattr(flambeau, dtype))
    before, results = flambeau.get_num_threads(), []
    try:
        for n in (1, 2, 3, 16):
            flambeau.set_num_threads(n)
            for given in (images, images.contiguous(memory_format=flambeau.channels_last)):
                leaf = given.detach().requires_grad_()
                made = F.interpolate(leaf, (51, 44), mode="bilinear")
                (grad,) = flambeau.autograd.grad(made, leaf, made.detach())
                results.append((made.detach(), grad))
    finally:
        flambeau.set_num_threads(before)
    for i in range(2, len(results)):
        assert all(a.equal(b) for a, b in zip(results[i], results[i % 2], strict=True))
