"""Loops of layers against definitions: patches, windows as columns, nearest places, affine grids, pools of columns."""

import os

import numpy
import pytest

import flambeau
from flambeau.autograd import gradcheck, gradgradcheck
from flambeau.nn import functional as F
from tests.at_level import at_lower_levels, run_at_level


def numbers(*shape, dtype="float64"):
    return flambeau.from_numpy(
        numpy.random.default_rng(sum(shape)).standard_normal(shape).astype(dtype)
    )


@pytest.mark.parametrize(
    ("shape", "kernel"),
    [((2, 3, 17), (5,)), ((3, 2, 9, 13), (4, 4)), ((40, 3, 16, 16), (8, 8)), ((1, 2, 4, 7, 8), (2, 3, 4))],
)  # fmt: skip
def test_convolution_of_patches_that_touch(shape, kernel):
    x, w, b = numbers(*shape), numbers(9, shape[1], *kernel), numbers(9)
    n = len(kernel)
    counts = [size // k for size, k in zip(shape[2:], kernel, strict=True)]
    cut = x[(..., *(slice(c * k) for c, k in zip(counts, kernel, strict=True)))]
    pairs = [part for c, k in zip(counts, kernel, strict=True) for part in (c, k)]
    parts = cut.numpy().reshape(*shape[:2], *pairs)
    letters = "uvw"[:n]
    taps = "xyz"[:n]
    both = "".join(a + b for a, b in zip(letters, taps, strict=True))
    want = numpy.einsum(f"nc{both},oc{taps}->no{letters}", parts, w.numpy())
    want += b.numpy().reshape(-1, *(1,) * n)
    convolve = (F.conv1d, F.conv2d, F.conv3d)[n - 1]
    numpy.testing.assert_allclose(convolve(x, w, b, kernel).numpy(), want, rtol=1e-12, atol=1e-12)
    x, w, b = (t[:2].clone().requires_grad_() for t in (x, w, b))
    assert gradcheck(lambda *a: convolve(*a, kernel), (x, w, b[:2]), fast_mode=True)
    assert gradgradcheck(lambda *a: convolve(*a, kernel), (x, w, b[:2]), fast_mode=True)


def test_transposed_convolution_of_patches():
    x, w, b = numbers(2, 8, 3, 2), numbers(8, 3, 4, 4), numbers(3)
    result = F.conv_transpose2d(x, w, b, 4, output_padding=1)
    want = numpy.einsum("nouv,ocyx->ncuyvx", x.numpy(), w.numpy()).reshape(2, 3, 12, 8)
    bias = b.numpy().reshape(3, 1, 1)
    numpy.testing.assert_allclose(result[..., :12, :8].numpy(), want + bias, rtol=1e-12)
    assert (result[..., 12:, :] == b.reshape(3, 1, 1)).all()


@pytest.mark.parametrize("dtype", ["float32", "complex128", "int16", "bool"])
def test_unfold_and_its_adjoint(dtype):
    options = {"dilation": (1, 2), "padding": (2, 1), "stride": (2, 1)}
    x = (numbers(2, 3, 7, 9) * 5).to(getattr(flambeau, dtype))
    columns = F.unfold(x, (3, 2), **options)
    wide = numpy.pad(x.numpy(), ((0, 0), (0, 0), (2, 2), (1, 1)))
    want = [
        wide[:, :, i : i + 9 : 2, 2 * j : 2 * j + 9][:, :, :5] for i in range(3) for j in (0, 1)
    ]
    want = numpy.stack(want, 2).reshape(2, 18, -1)
    assert (columns.numpy() == want).all()
    if dtype in ("float32", "complex128"):
        y = numbers(*columns.shape).to(x.dtype)
        back = F.fold(y, (7, 9), (3, 2), **options)
        assert flambeau.allclose((columns * y).sum(), (x * back).sum(), rtol=1e-4)


def test_fold_and_unfold_have_all_derivatives():
    x = numbers(1, 2, 5, 4).requires_grad_()
    call = lambda x: F.unfold(x, 2, padding=1, stride=2)
    assert gradcheck(call, (x,)) and gradgradcheck(call, (x,))
    mapped = flambeau.vmap(call)(flambeau.stack([x, 2 * x]))
    assert flambeau.equal(mapped[1], call(2 * x))


@pytest.mark.parametrize("sizes", [(14, 10), (7, 15), (3, 4), (21, 5), (1, 1)])
@pytest.mark.parametrize("mode", ["nearest", "nearest-exact"])
def test_nearest_places(sizes, mode):
    x = numbers(2, 3, 7, 5)
    shift = 0.5 if mode == "nearest-exact" else 0
    rows, columns = (
        ((numpy.arange(new) + shift) * (old / new)).astype(int)
        for new, old in zip(sizes, (7, 5), strict=True)
    )
    resized = F.interpolate(x, sizes, mode=mode)
    assert (resized.numpy() == x.numpy()[:, :, rows][..., columns]).all()
    leaf = x[:1, :1].clone().requires_grad_()
    assert gradcheck(lambda x: F.interpolate(x, sizes, mode=mode), (leaf,))
    assert gradgradcheck(lambda x: F.interpolate(x, sizes, mode=mode), (leaf,))


def test_nearest_of_halves_adds_up_in_float32():
    x = flambeau.ones(1, 1, 2, 2, dtype=flambeau.bfloat16, requires_grad=True)
    F.interpolate(x, (64, 64)).sum().backward()
    assert (x.grad == 1024).all()


@pytest.mark.parametrize("corners", [False, True])
@pytest.mark.parametrize("sizes", [(4, 5), (1, 6), (3, 4, 2)])
def test_affine_grid(sizes, corners):
    n = len(sizes)
    theta = numbers(2, n, n + 1).requires_grad_()
    lines = []
    for size in sizes:
        line = numpy.linspace(-1, 1, size) if size > 1 else numpy.zeros(1)
        lines.append(line if corners else line * (size - 1) / size)
    base = numpy.stack(numpy.meshgrid(*lines, indexing="ij")[::-1], -1)
    base = numpy.concatenate([base, numpy.ones((*sizes, 1))], -1)
    call = lambda t: F.affine_grid(t, (2, 1, *sizes), align_corners=corners)
    want = numpy.einsum("...k,nck->n...c", base, theta.detach().numpy())
    numpy.testing.assert_allclose(call(theta).detach().numpy(), want, rtol=1e-12, atol=1e-12)
    assert gradcheck(call, (theta,)) and gradgradcheck(call, (theta,))


@pytest.mark.parametrize("stride", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_pools_of_any_stride(stride, dtype):
    x = numbers(3, 2, 5, 83, dtype=dtype)
    windows = numpy.lib.stride_tricks.sliding_window_view(x.numpy(), 3, -1)[..., ::stride, :]
    values, places = F.max_pool2d(x, (1, 3), (1, stride), return_indices=True)
    assert (values.numpy() == windows.max(-1)).all()
    assert flambeau.equal(x.flatten(2).gather(2, places.flatten(2)), values.flatten(2))
    means = F.avg_pool2d(x, (1, 3), (1, stride)).numpy()
    numpy.testing.assert_allclose(means, windows.mean(-1), rtol=1e-5, atol=1e-6)


def test_adaptive_pools_of_unlike_windows():
    x = numbers(2, 3, 11, 13)
    x[0, 0, 2, 3] = x[0, 0, 5, 2] = flambeau.nan
    x[0, 1] = 1.0  # all equal: the first counts
    values, places = F.adaptive_max_pool2d(x, (4, 5), return_indices=True)
    means = F.adaptive_avg_pool2d(x, (4, 5))
    for i in range(4):
        for j in range(5):
            rows, columns = slice(i * 11 // 4, -(-(i + 1) * 11 // 4)), slice(j * 13 // 5, -(-(j + 1) * 13 // 5))  # fmt: skip
            part = x[:, :, rows, columns].flatten(2)
            numpy.testing.assert_array_equal(values[..., i, j].numpy(), part.amax(2).numpy())
            numpy.testing.assert_allclose(means[..., i, j].numpy(), part.mean(2).numpy(), rtol=1e-9)
    assert places[0, 1, 0].tolist() == [0, 2, 5, 7, 10]
    assert places[0, 0, 0, 0] == 2 * 13 + 2 or x[0, 0].flatten()[places[0, 0, 0, 1]].isnan()


def test_nearest_points_of_a_grid_with_many_outside():
    x, grid = numbers(2, 3, 5, 6), numbers(2, 9, 8, 2)
    at = ((grid.numpy() + 1) * numpy.array([6, 5]) - 1) / 2
    column, row = numpy.rint(at).astype(int).transpose(3, 0, 1, 2)
    inside = (column >= 0) & (column < 6) & (row >= 0) & (row < 5)
    images = numpy.arange(2).reshape(2, 1, 1)
    want = x.numpy()[images, :, row.clip(0, 4), column.clip(0, 5)] * inside[..., None]
    found = F.grid_sample(x, grid, "nearest", align_corners=False)
    assert (found.numpy() == want.transpose(0, 3, 1, 2)).all()


def _everything():
    x = numbers(3, 4, 64, 96, dtype="float32").requires_grad_()
    w = numbers(16, 4, 8, 8, dtype="float32").requires_grad_()
    grid = numbers(3, 50, 60, 2, dtype="float32")
    bags = flambeau.arange(3000) % 64
    results = [
        F.conv2d(x, w, stride=8),
        F.unfold(x, 3, padding=1),
        F.fold(F.unfold(x, 3, padding=1), (64, 96), 3, padding=1),
        F.interpolate(x, (130, 77)),
        F.interpolate(x[:, 0, :1], 50, mode="linear"),
        F.grid_sample(x, grid, "nearest", align_corners=False),
        F.adaptive_avg_pool2d(x, 7),
        F.adaptive_max_pool2d(x, 7),
        F.max_pool2d(x, 3),
        F.embedding_bag(bags, x[0, 0], flambeau.arange(0, 3000, 7)),
    ]
    grads = flambeau.autograd.grad(sum((r * r).sum() for r in results), (x, w))
    return [t.detach().numpy().tobytes() for t in (*results, *grads)]


def test_any_number_of_threads_gives_the_same_bits():
    had = flambeau.get_num_threads()
    try:
        made = []
        for n in (1, 2, 3, 16):
            flambeau.set_num_threads(n)
            made.append(_everything())
    finally:
        flambeau.set_num_threads(had)
    assert made[0] == made[1] == made[2] == made[3]


PROGRAM = """
import test_layer_loops as t
for stride in 1, 2, 3, 4, 5:
    for dtype in "float32", "float64":
        t.test_pools_of_any_stride(stride, dtype)
t.test_adaptive_pools_of_unlike_windows()
t.test_nearest_points_of_a_grid_with_many_outside()
t.test_convolution_of_patches_that_touch((3, 2, 9, 13), (4, 4))
"""


@at_lower_levels
def test_at_lower_levels(level):
    run_at_level(level, PROGRAM, os.path.dirname(__file__))
