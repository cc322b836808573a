"""Convolution against its definition, written as plain NumPy."""

import itertools
import math
import os

import numpy as np
import pytest

import flambeau as torch
from flambeau import _core
from flambeau.nn import functional as F
from tests.at_level import at_lower_levels, run_at_level

RNG = np.random.default_rng(0)


def convolve(x, w, b, stride, padding, dilation, groups):
    """The definition in the arrays' own precision; windows by slicing, so every tap is one product."""
    n = x.ndim - 2
    x = np.pad(x, [(0, 0), (0, 0), *((p, p) for p in padding)])
    out = [
        (size - d * (k - 1) - 1) // s + 1
        for size, k, s, d in zip(x.shape[2:], w.shape[2:], stride, dilation, strict=True)
    ]
    y = np.zeros((x.shape[0], w.shape[0], *out), dtype=x.dtype)
    cin, cout = x.shape[1] // groups, w.shape[0] // groups
    for g in range(groups):
        for taps in itertools.product(*(range(k) for k in w.shape[2:])):
            window = tuple(
                slice(t * d, t * d + (o - 1) * s + 1, s)
                for t, d, o, s in zip(taps, dilation, out, stride, strict=True)
            )
            part = x[(slice(None), slice(g * cin, (g + 1) * cin), *window)]
            weight = w[(slice(g * cout, (g + 1) * cout), slice(None), *taps)]
            y[:, g * cout : (g + 1) * cout] += np.einsum("nc...,oc->no...", part, weight)
    return y if b is None else y + b.reshape(1, -1, *(1,) * n)


def draw(*sizes, dtype=np.float64):
    if np.issubdtype(dtype, np.integer):
        return RNG.integers(0, 60, sizes).astype(dtype)
    values = RNG.standard_normal(sizes)
    if np.issubdtype(dtype, np.complexfloating):
        values = values + 1j * RNG.standard_normal(sizes)
    return values.astype(dtype)


def gradients(output, grad, inputs):
    return _core._run_backward((output,), (grad,), True, False, tuple(inputs), True)


CASES = [
    # spatial sizes, kernel, stride, padding, dilation, groups, channels in and out of a group
    ((9,), (3,), (1,), (1,), (1,), 1, 3, 4),
    ((40,), (5,), (3,), (2,), (2,), 2, 1, 3),
    ((8, 11), (3, 3), (1, 1), (1, 1), (1, 1), 1, 2, 5),
    ((32, 32), (5, 5), (1, 1), (0, 0), (1, 1), 1, 1, 6),
    ((14, 9), (3, 2), (2, 3), (1, 0), (2, 1), 3, 2, 1),
    ((7, 7), (1, 1), (2, 2), (0, 0), (1, 1), 1, 9, 17),
    ((5, 6, 7), (3, 2, 1), (1, 2, 1), (1, 1, 0), (1, 1, 2), 2, 2, 3),
    ((28, 30), (3, 3), (1, 1), (1, 1), (1, 1), 12, 1, 1),  # depthwise
    ((33, 30), (3, 3), (1, 1), (1, 1), (1, 1), 1, 33, 40),  # Winograd
    ((21, 27), (3, 3), (1, 1), (0, 2), (1, 1), 1, 100, 101),  # Winograd, many channels
    ((30, 29), (3, 3), (1, 1), (1, 1), (1, 1), 2, 70, 130),  # the same in groups
    # Rows of 6, 2 and 1 of its tiles
    ((24, 23), (3, 3), (1, 1), (1, 1), (1, 1), 1, 17, 20),
    ((8, 8), (3, 3), (1, 1), (1, 1), (1, 1), 1, 40, 33),
    ((48, 4), (3, 3), (1, 1), (1, 1), (1, 1), 1, 16, 18),
    # Dilated, as images of every d-th pixel
    ((33, 30), (3, 3), (1, 1), (2, 2), (2, 2), 1, 33, 40),
    ((25, 29), (3, 3), (1, 1), (0, 6), (3, 3), 1, 64, 70),
    ((19, 22), (3, 3), (1, 1), (4, 2), (4, 1), 2, 20, 30),
    # Stride 2, as images of every second pixel
    ((33, 32), (4, 4), (2, 2), (1, 2), (1, 1), 1, 16, 33),
    ((33, 31), (4, 4), (2, 2), (0, 1), (1, 1), 2, 20, 17),
    ((32, 32), (4, 4), (2, 2), (1, 1), (1, 1), 1, 100, 130),
    ((32, 29), (6, 6), (2, 2), (2, 3), (1, 1), 1, 18, 20),
    ((16, 17), (2, 2), (1, 1), (0, 1), (1, 1), 1, 17, 35),  # the kernels these have
    # The same of longer strides
    ((41, 84), (8, 8), (4, 4), (1, 2), (1, 1), 1, 4, 20),
    ((40, 41), (9, 9), (3, 3), (4, 0), (1, 1), 1, 3, 17),
    ((33, 70), (10, 10), (5, 5), (2, 3), (1, 1), 2, 2, 16),
    # Taps of depth as sources of their own
    ((4, 9, 10), (3, 3, 3), (1, 1, 1), (1, 1, 1), (1, 1, 1), 1, 16, 20),
    ((7, 8, 9), (3, 3, 3), (2, 1, 1), (2, 0, 1), (2, 1, 1), 2, 17, 33),
    ((5, 9, 8), (2, 3, 3), (1, 1, 1), (0, 1, 1), (1, 1, 1), 1, 60, 90),
    # Few pixels of many channels
    ((4, 4), (3, 3), (1, 1), (1, 1), (1, 1), 1, 70, 48),
    ((8, 9), (3, 3), (2, 2), (1, 1), (1, 1), 1, 130, 40),
    ((13, 14), (2, 3), (4, 4), (1, 0), (1, 1), 1, 18, 32),
    ((3, 4, 5), (2, 3, 2), (1, 2, 3), (0, 1, 1), (1, 1, 1), 1, 20, 33),
    ((31,), (4,), (3,), (5,), (2,), 1, 50, 32),
    # Few channels back from many, with steps: rows of pixels are spread
    ((20, 21), (3, 3), (2, 2), (1, 1), (1, 1), 1, 3, 64),
    ((5, 6, 14), (3, 2, 3), (2, 1, 2), (1, 0, 1), (1, 2, 3), 1, 2, 40),
    ((19,), (5,), (3,), (2,), (1,), 2, 1, 40),
    ((29, 40), (5, 2), (3, 3), (6, 0), (2, 1), 1, 5, 40),
    ((90, 80), (7, 7), (2, 2), (3, 3), (1, 1), 1, 1, 33),
    # and where most taps of the input meet no output
    ((9, 9), (3, 3), (1, 1), (0, 0), (2, 2), 1, 23, 40),
    ((7, 8, 9), (3, 3, 3), (1, 1, 1), (0, 1, 0), (3, 2, 3), 2, 5, 24),
    ((8, 7, 8), (3, 3, 3), (1, 1, 1), (1, 0, 1), (3, 3, 3), 1, 30, 20),
    ((40,), (3,), (1,), (0,), (13,), 1, 6, 20),
    # Planes of depths outside are left out
    ((5, 9, 20), (5, 3, 3), (2, 1, 1), (4, 1, 1), (1, 1, 1), 1, 4, 6),
    ((3, 8, 7), (7, 3, 5), (1, 1, 1), (5, 1, 2), (1, 1, 1), 2, 3, 5),
    ((2, 40, 9), (2, 1, 1), (1, 1, 1), (3, 0, 0), (2, 1, 1), 1, 2, 3),
    # Dilated, too small for tiles
    ((9, 9), (3, 3), (1, 1), (2, 2), (2, 2), 1, 60, 40),
    # Products over packed pixels
    ((13, 10), (3, 3), (1, 1), (1, 1), (1, 1), 1, 20, 50),
    ((13, 10), (3, 3), (2, 2), (1, 1), (1, 1), 1, 37, 65),
    ((13, 20), (3, 3), (1, 1), (2, 2), (2, 2), 2, 17, 70),
    ((9, 14), (5, 2), (3, 2), (2, 1), (1, 3), 1, 50, 49),
    ((4, 3), (3, 3), (1, 1), (1, 1), (1, 1), 1, 33, 48),
    ((2, 1), (3, 3), (1, 1), (1, 1), (1, 1), 1, 64, 32),
    ((7, 7), (1, 1), (1, 1), (0, 0), (1, 1), 1, 400, 70),
    ((9, 8), (1, 1), (2, 2), (0, 0), (1, 1), 1, 50, 60),
    ((6, 6), (1, 1), (1, 1), (1, 1), (1, 1), 2, 48, 48),  # only padding at the border
    ((3, 5, 6), (3, 3, 3), (1, 1, 1), (1, 1, 1), (1, 1, 1), 1, 16, 64),
    ((200,), (25,), (1,), (12,), (1,), 1, 16, 64),
    # More taps than their masks are kept for
    ((19, 20), (9, 9), (2, 2), (4, 3), (1, 1), 1, 4, 50),
    ((150,), (140,), (1,), (70,), (1,), 1, 4, 48),
    ((3,), (2,), (1,), (4,), (3,), 1, 20, 64),  # results that meet nothing but padding
    # Depthwise
    ((14, 14), (3, 3), (2, 2), (1, 1), (1, 1), 70, 1, 1),
    ((9, 35), (3, 3), (2, 2), (0, 1), (1, 1), 5, 1, 1),
    ((17, 21), (5, 5), (2, 2), (2, 2), (1, 1), 7, 1, 1),
    ((12, 40), (7, 3), (1, 1), (3, 2), (1, 2), 6, 1, 1),
    ((9, 9), (3, 3), (3, 3), (1, 1), (1, 1), 4, 1, 1),
    ((1, 2), (3, 3), (2, 2), (1, 1), (1, 1), 3, 1, 1),
    ((5, 1), (3, 3), (2, 2), (1, 1), (1, 1), 3, 1, 1),
    ((70,), (5,), (1,), (4,), (2,), 9, 1, 1),
    ((70,), (4,), (2,), (1,), (1,), 9, 1, 1),
    ((65, 40), (7, 7), (1, 1), (3, 3), (1, 1), 5, 1, 1),
    ((23, 65), (5, 5), (1, 1), (2, 2), (1, 1), 5, 1, 1),
    ((9, 33), (7, 7), (2, 2), (3, 3), (1, 1), 5, 1, 1),
    ((1, 70), (5, 5), (2, 2), (6, 2), (1, 1), 3, 1, 1),
    ((14, 2), (7, 7), (2, 2), (0, 5), (1, 1), 3, 1, 1),
    ((31, 31), (7, 7), (2, 2), (3, 0), (1, 1), 3, 1, 1),
    # Depthwise, small planes in a lane each
    ((7, 7), (7, 7), (1, 1), (3, 3), (1, 1), 17, 1, 1),
    ((14, 14), (7, 7), (1, 1), (3, 3), (1, 1), 16, 1, 1),
    ((20, 9), (5, 5), (1, 1), (2, 0), (1, 1), 11, 1, 1),
    ((3, 3), (7, 7), (1, 1), (4, 3), (1, 1), 6, 1, 1),
    ((7, 8), (3, 3), (1, 1), (1, 1), (1, 1), 33, 1, 1),
    ((5, 6, 7), (3, 3, 3), (1, 1, 1), (1, 1, 1), (1, 1, 1), 20, 1, 1),
    ((6, 5, 9), (2, 3, 4), (2, 3, 2), (0, 1, 2), (1, 1, 1), 33, 1, 1),
    ((7, 8, 7), (3, 3, 3), (1, 1, 1), (2, 2, 2), (2, 2, 2), 16, 1, 1),
    ((20, 21), (3, 3), (3, 3), (1, 0), (1, 1), 19, 1, 1),
    ((9, 30), (5, 5), (1, 1), (4, 4), (2, 2), 17, 1, 1),
    ((10, 11), (9, 8), (2, 1), (4, 3), (1, 1), 16, 1, 1),
    ((3,), (5,), (4,), (3,), (1,), 24, 1, 1),
    # Depthwise along rows: few planes, long rows
    ((12, 60), (7, 7), (1, 1), (3, 3), (1, 1), 17, 1, 1),
    ((17, 21), (5, 5), (2, 2), (2, 2), (1, 1), 2, 1, 1),
    ((9, 33), (7, 7), (2, 2), (3, 3), (1, 1), 2, 1, 1),
    # Patches of few channels
    ((64, 49), (16, 16), (16, 16), (0, 0), (1, 1), 1, 3, 50),
    ((35, 36), (11, 11), (4, 4), (2, 2), (1, 1), 1, 3, 49),
    ((20, 70), (2, 5), (3, 3), (1, 1), (2, 2), 1, 2, 48),
]


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "complex128"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_conv_agrees_with_its_definition(case, dtype):
    sizes, kernel, stride, padding, dilation, groups, cin, cout = case
    x, w, b = (
        draw(3, groups * cin, *sizes, dtype=np.dtype(dtype)),
        draw(groups * cout, cin, *kernel, dtype=np.dtype(dtype)),
        draw(groups * cout, dtype=np.dtype(dtype)),
    )
    wide = {"float32": np.float64}.get(dtype, np.dtype(dtype))
    expected = convolve(
        x.astype(wide), w.astype(wide), b.astype(wide), stride, padding, dilation, groups
    )
    conv = getattr(torch, f"conv{len(sizes)}d")
    output = conv(*map(torch.from_numpy, (x, w, b)), stride, padding, dilation, groups).numpy()
    assert output.dtype == x.dtype
    if dtype == "int64":
        np.testing.assert_array_equal(output, expected)
    else:
        # Of the largest result: Winograd's error does not shrink with the element.
        tolerance = {"float32": 4e-6, "float64": 1e-14, "complex128": 1e-14}[dtype] * np.abs(
            expected
        ).max()
        np.testing.assert_allclose(output, expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_conv_gradients_are_its_adjoints(case, dtype):
    """conv is linear in each operand: <conv(dx, w), g> = <dx, grad_x> for any dx, and so on."""
    sizes, kernel, stride, padding, dilation, groups, cin, cout = case
    window = (stride, padding, dilation, groups)
    x, w, b = draw(2, groups * cin, *sizes), draw(groups * cout, cin, *kernel), draw(groups * cout)
    leaves = [torch.from_numpy(a.astype(dtype)).requires_grad_() for a in (x, w, b)]
    output = getattr(torch, f"conv{len(sizes)}d")(*leaves, *window)
    g = draw(*output.shape)
    grad_x, grad_w, grad_b = (
        t.numpy().astype(np.float64)
        for t in gradients(output, torch.from_numpy(g.astype(dtype)), leaves)
    )
    dx, dw = draw(*x.shape), draw(*w.shape)
    rtol = 1e-5 if dtype == "float32" else 1e-12
    scale = np.sqrt(g.size)
    np.testing.assert_allclose(
        (dx * grad_x).sum(),
        (convolve(dx, w, None, *window) * g).sum(),
        rtol=rtol,
        atol=rtol * scale * 10,
    )
    np.testing.assert_allclose(
        (dw * grad_w).sum(),
        (convolve(x, dw, None, *window) * g).sum(),
        rtol=rtol,
        atol=rtol * scale * 10,
    )
    np.testing.assert_allclose(grad_b, g.sum((0, *range(2, g.ndim))), rtol=rtol, atol=rtol * scale)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("case", CASES[3:], ids=str)
def test_conv_gives_the_same_bits_for_any_number_of_threads(case, dtype):
    sizes, kernel, stride, padding, dilation, groups, cin, cout = case
    shapes = ((8, groups * cin, *sizes), (groups * cout, cin, *kernel))
    leaves = [
        torch.from_numpy(draw(*s, dtype=np.float32)).to(dtype).requires_grad_() for s in shapes
    ]
    conv = getattr(torch, f"conv{len(sizes)}d")
    found, before = [], torch.get_num_threads()
    try:
        for threads in (1, 2, 3, 16):
            torch.set_num_threads(threads)
            output = conv(*leaves, None, stride, padding, dilation, groups)
            grads = gradients(output, torch.ones_like(output), leaves)
            found.append([t.detach().float().numpy().tobytes() for t in (output, *grads)])
    finally:
        torch.set_num_threads(before)
    assert all(found[0] == other for other in found[1:])


@pytest.mark.parametrize("case", [case for case in CASES if len(case[0]) == 2], ids=str)
def test_conv_keeps_infinities_to_the_pixels_that_see_them(case):
    """An infinite pixel reaches the results whose windows hold it, and no others."""
    sizes, kernel, stride, padding, dilation, groups, cin, cout = case
    x = draw(2, groups * cin, *sizes, dtype=np.float32)
    w = np.abs(draw(groups * cout, cin, *kernel, dtype=np.float32)) + 0.1
    x[1, 0, sizes[0] // 2, sizes[1] // 2] = np.inf
    output = torch.conv2d(
        torch.from_numpy(x), torch.from_numpy(w), None, stride, padding, dilation, groups
    ).numpy()
    seen = np.where(np.isinf(x), np.float32(1), np.float32(0))
    expected = convolve(seen, w, None, stride, padding, dilation, groups) > 0
    np.testing.assert_array_equal(np.isinf(output), expected)
    assert not np.isnan(output).any()


@pytest.mark.parametrize("channels, size, taps", [(64, 28, 3), (512, 9, 3), (128, 9, 5)])
def test_conv_accuracy(channels, size, taps):
    """Errors relative to the largest result, twice those measured: see docs/decisions.md."""
    x, w = draw(2, channels, size, size), draw(channels, channels, taps, taps) + 0.0
    g = draw(2, channels, size, size)
    results = []
    for dtype in (np.float32, np.float64):
        # The same numbers, rounded to float32.
        leaves = [
            torch.from_numpy(a.astype(np.float32).astype(dtype)).requires_grad_() for a in (x, w)
        ]
        output = torch.conv2d(*leaves, None, 1, taps // 2)
        grad = torch.from_numpy(g.astype(np.float32).astype(dtype))
        results.append([output, *gradients(output, grad, leaves)])
    for found, exact in zip(*results, strict=True):
        found, exact = found.detach().numpy(), exact.detach().numpy()
        assert np.abs(found - exact).max() < 6e-6 * np.abs(exact).max()


def gradients_of_one_odd_value(sizes, place, value, stride):
    """Of input and weight, where the gradient that comes in holds `value` at `place`."""
    x, w, g = (draw(*s, dtype=np.float32) for s in sizes)
    g[place] = value
    leaves = [torch.from_numpy(a).requires_grad_() for a in (x, w)]
    output = torch.conv2d(*leaves, None, stride, 1)
    return [t.numpy() for t in gradients(output, torch.from_numpy(g), leaves)]


@pytest.mark.parametrize("value", [np.inf, np.nan])
def test_conv_gradients_of_stride_2_keep_infinities_in_place(value):
    sizes = (4, 32, 20, 20), (32, 32, 4, 4), (4, 32, 10, 10)
    grad_x, grad_w = gradients_of_one_odd_value(sizes, (0, 3, 4, 5), value, stride=2)
    wrong = ~np.isfinite(grad_x)
    assert wrong[0, :, 7:11, 9:13].all() and wrong.sum() == 32 * 16
    assert (~np.isfinite(grad_w)).sum() == 32 * 16 and not np.isfinite(grad_w[3]).any()


@pytest.mark.parametrize("value", [np.inf, np.nan])
def test_conv_gradients_of_wide_layers_keep_infinities_in_place(value):
    """Winograd's tiles mix 36 pixels; what it cannot tell apart is computed again."""
    sizes = (2, 32, 20, 20), (32, 32, 3, 3), (2, 32, 20, 20)
    grad_x, grad_w = gradients_of_one_odd_value(sizes, (0, 3, 9, 10), value, stride=1)
    wrong = ~np.isfinite(grad_x)
    assert wrong[0, :, 8:11, 9:12].all() and wrong.sum() == 32 * 9
    assert (~np.isfinite(grad_w)).sum() == 32 * 9 and not np.isfinite(grad_w[3]).any()


def test_conv_transpose_of_no_batches_gives_none_of_any_size():
    x, w = torch.ones(0, 2, 2, 2, requires_grad=True), torch.ones(2, 3, 1, 1, requires_grad=True)
    y = torch.conv_transpose2d(x, w, padding=(1, 0))
    assert y.shape == (0, 3, 0, 2)
    y.sum().backward()
    assert x.grad.shape == x.shape and (w.grad == 0).all()
    with pytest.raises(RuntimeError, match="would give an output of"):
        torch.conv_transpose2d(x, w, padding=(2, 0))


def test_conv_transpose_is_the_adjoint_of_conv():
    for stride, padding, extra, dilation, groups in itertools.product(
        (1, 2), (0, 1), (0, 1), (1, 2), (1, 2)
    ):
        if extra >= max(stride, dilation):
            continue
        x, w, b = draw(2, 4, 6, 5), draw(4, 3, 3, 2), draw(3 * groups)
        y = torch.conv_transpose2d(
            *map(torch.from_numpy, (x, w, b)), stride, padding, extra, groups, dilation
        )
        v = draw(*y.shape)
        forward = convolve(v, w, None, (stride,) * 2, (padding,) * 2, (dilation,) * 2, groups)
        # output_padding lets the forward convolution have more results: those beyond x see nothing of it.
        forward = forward[:, :, :6, :5]
        np.testing.assert_allclose(
            ((y.numpy() - b.reshape(1, -1, 1, 1)) * v).sum(), (x * forward).sum(), rtol=1e-10
        )


def test_conv_transpose_of_few_pixels_adds_its_bias_where_no_tap_reaches():
    x, w, b = draw(2, 48, 2, 3), draw(48, 20, 2, 2), draw(20)
    spread = np.zeros((2, 20, 6, 9))
    for i, j, r, k in itertools.product(range(2), range(3), range(2), range(2)):
        spread[:, :, 3 * i + r, 3 * j + k] = np.einsum("no,oc->nc", x[..., i, j], w[..., r, k])
    expected = spread[:, :, 1:, 1:7] + b[:, None, None]
    output = torch.conv_transpose2d(
        *map(torch.from_numpy, (x, w, b)), stride=3, padding=1, output_padding=(2, 0)
    )
    np.testing.assert_allclose(output.numpy(), expected, atol=1e-12)


def test_conv_same_padding_puts_the_odd_zero_last():
    x, w = draw(1, 1, 7), draw(1, 1, 4)
    expected = convolve(np.pad(x, [(0, 0), (0, 0), (1, 2)]), w, None, (1,), (0,), (1,), 1)
    np.testing.assert_allclose(
        torch.conv1d(torch.from_numpy(x), torch.from_numpy(w), padding="same").numpy(),
        expected,
        rtol=1e-12,
    )


def test_conv_takes_one_image_without_a_batch():
    x, w = torch.from_numpy(draw(3, 8, 8)), torch.from_numpy(draw(5, 3, 3, 3))
    np.testing.assert_array_equal(
        torch.conv2d(x, w).numpy(), torch.conv2d(x.unsqueeze(0), w).numpy()[0]
    )


def test_conv_takes_views():
    x, w = draw(2, 9, 9, 3), draw(3, 3, 4, 3)
    image, weight = torch.from_numpy(x).permute(0, 3, 1, 2), torch.from_numpy(w).permute(2, 3, 0, 1)
    expected = convolve(
        x.transpose(0, 3, 1, 2), w.transpose(2, 3, 0, 1), None, (1, 1), (0, 0), (1, 1), 1
    )
    np.testing.assert_allclose(torch.conv2d(image, weight).numpy(), expected, rtol=1e-12)


def test_conv_of_nothing():
    w = torch.from_numpy(draw(5, 3, 3, 3)).requires_grad_()
    output = torch.conv2d(torch.zeros(0, 3, 8, 8, dtype=torch.float64), w)
    assert output.shape == (0, 5, 6, 6)
    (grad,) = gradients(output, torch.zeros(0, 5, 6, 6, dtype=torch.float64), [w])
    assert not grad.numpy().any()


def test_no_channels_give_none():
    x, w, b = (torch.ones(sizes, requires_grad=True) for sizes in ((2, 0, 5), (3, 0, 3), (3,)))
    output = torch.conv1d(x, w, b, stride=2)
    assert output.shape == (2, 0, 2)
    assert torch.conv2d(torch.ones(0, 5, 5), torch.ones(3, 0, 3, 3)).shape == (0, 3, 3)
    output.sum().backward()
    assert x.grad.shape == x.shape and w.grad.shape == w.shape and b.grad.tolist() == [0, 0, 0]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("sizes", [(0, 0, 4), (17, 4, 0), (0, 5, 7), (0, 33, 20)])
def test_transposed_convolutions_of_nothing_are_0(sizes, dtype):
    x = torch.ones(3, *sizes, dtype=dtype, requires_grad=True)
    for k, stride in itertools.product((1, 3), (1, 2)):
        weight = torch.ones(sizes[0], 40, k, k, dtype=dtype, requires_grad=True)
        if k > 1 or min(sizes[1:]) > 0:
            output = torch.conv_transpose2d(x, weight, None, stride)
            assert output.shape[1] == 40 and not output.any()
            grads = gradients(output, torch.ones_like(output), [x, weight])
            assert grads[0].shape == x.shape and not grads[1].any()


def test_conv_is_differentiable_twice():
    """The derivative of grad_w along dx is grad_w of dx: both are linear in x."""
    x, w, g = draw(2, 2, 6, 6), draw(3, 2, 3, 3), draw(2, 3, 6, 6)
    leaves = [torch.from_numpy(a).requires_grad_() for a in (x, w)]
    output = torch.conv2d(*leaves, None, 1, 1)
    (grad_w,) = _core._run_backward(
        (output,), (torch.from_numpy(g),), True, True, (leaves[1],), True
    )
    direction = draw(*w.shape)
    (found,) = gradients(grad_w, torch.from_numpy(direction), [leaves[0]])
    step = 1e-3
    for dx in (draw(*x.shape) for _ in range(3)):
        difference = sum(
            s * (convolve(x + s * step * dx, direction, None, (1, 1), (1, 1), (1, 1), 1) * g).sum()
            for s in (1, -1)
        ) / (2 * step)
        np.testing.assert_allclose((found.numpy() * dx).sum(), difference, rtol=1e-7)


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda x, w: torch.conv2d(x, w, groups=2), r"conv2d: input \(2, 3, 8, 8\) has 3 channels"),
        (
            lambda x, w: torch.conv2d(x[0, 0], w),
            r"conv2d: input \(8, 8\) must have 4 dims, \(N, C, sizes\), or 3 without a batch\. unsqueeze\(0\) adds",
        ),
        (
            lambda x, w: torch.conv2d(x, w, stride=0),
            r"conv2d: stride is \(0, 0\); it takes 1 or more",
        ),
        (lambda x, w: torch.conv2d(x, w, padding=-1), r"conv2d: padding is \(-1, -1\)"),
        (
            lambda x, w: torch.conv2d(x, w, padding="sam"),
            r"conv2d: padding is 'sam'\. Use 'same', 'valid' or numbers",
        ),
        (
            lambda x, w: torch.conv2d(x, w, padding="same", stride=2),
            r"conv2d: padding='same' needs stride 1, but stride is \(2, 2\)",
        ),
        (lambda x, w: torch.conv2d(x, w.float()), "conv2d: input is float64 but weight is float32"),
        (
            lambda x, w: torch.conv2d(x[..., :2], w),
            r"conv2d: the kernel reaches over \(3, 3\) but the padded input has only \(8, 2\)",
        ),
        (
            lambda x, w: torch.conv2d(x, w, torch.zeros(4, dtype=torch.float64)),
            r"conv2d: bias \(4,\) must be \(5,\), one value for each channel that weight \(5, 3, 3, 3\) gives",
        ),
        (
            lambda x, w: torch.conv2d(x, w[0]),
            r"conv2d: weight \(3, 3, 3\) must have 4 dims, \(channels out, channels in / groups, kernel sizes\)",
        ),
        (lambda x, w: torch.conv2d(x, w, stride=(1, 2, 3)), r"conv2d: stride is \[1, 2, 3\]"),
        (
            lambda x, w: torch.conv_transpose2d(x, w, output_padding=1),
            r"conv_transpose2d: output_padding \(1, 1\) must be smaller than stride \(1, 1\) or than dilation",
        ),
    ],
)
def test_conv_refuses(call, words):
    x, w = torch.from_numpy(draw(2, 3, 8, 8)), torch.from_numpy(draw(5, 3, 3, 3))
    if "transpose" in words or "output padding" in words:
        w = torch.from_numpy(draw(3, 5, 3, 3))
    with pytest.raises(RuntimeError, match=words):
        call(x, w)


def test_conv_refuses_what_is_no_tensor():
    with pytest.raises(TypeError, match="argument 'weight' must be Tensor, not ndarray"):
        torch.conv2d(torch.zeros(1, 1, 3, 3), np.zeros((1, 1, 3, 3)))


@pytest.mark.parametrize("groups", [1, 4])
@pytest.mark.parametrize("padding", [0, 2])
@pytest.mark.parametrize("bad", [math.inf, math.nan])
def test_an_infinite_weight_touches_what_it_multiplies(bad, padding, groups):
    """Padding is zeros that are multiplied; in gradients a tap outside the input is left out."""
    x = torch.randn(2, 4, 6, 5, dtype=torch.float64)
    weight = torch.randn(4, 4 // groups, 3, 2, dtype=torch.float64)
    weight[1, 0, 0, 1] = bad
    grad = torch.randn(2, 4, 4 + 2 * padding, 4 + 2 * padding, dtype=torch.float64)

    def by_taps(x, weight, grad):
        """(output, gradient of x, gradient of weight), one tap after the other."""
        per = 4 // groups
        out, to_x, to_w = torch.zeros_like(grad), torch.zeros_like(x), torch.zeros_like(weight)
        for i in range(3):
            for j in range(2):
                for r in range(grad.size(2)):
                    for c in range(grad.size(3)):
                        a, b = r + i - padding, c + j - padding
                        if not (0 <= a < 6 and 0 <= b < 5):
                            for o in range(4):
                                out[:, o, r, c] += weight[o, :, i, j].mul(0).sum()
                            continue
                        for o in range(4):
                            for k in range(per):
                                s = o // per * per + k if groups > 1 else k
                                out[:, o, r, c] += weight[o, k, i, j] * x[:, s, a, b]
                                to_x[:, s, a, b] += weight[o, k, i, j] * grad[:, o, r, c]
                                to_w[o, k, i, j] += (grad[:, o, r, c] * x[:, s, a, b]).sum()
        return out, to_x, to_w

    want = by_taps(x, weight, grad)
    x.requires_grad_(), weight.requires_grad_()
    out = F.conv2d(x, weight, padding=padding, groups=groups)
    out.backward(grad)
    for got, expected in zip((out, x.grad, weight.grad), want):
        assert torch.allclose(got, expected, equal_nan=True)
    # An infinite pixel makes the weights NaN that see it, and no others.
    pixel = x.detach().clone()
    pixel[0, 1, 0, 0] = bad
    weight = weight.detach().clone().clamp(-3, 3).nan_to_num(1.0).requires_grad_()
    F.conv2d(pixel, weight, padding=padding, groups=groups).backward(grad)
    assert torch.allclose(weight.grad, by_taps(pixel, weight, grad)[2], equal_nan=True)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.int64])
@pytest.mark.parametrize("spatial", [(7,), (4, 4), (2, 3, 1), (1, 1)])
def test_a_kernel_as_large_as_the_input_is_a_product(spatial, dtype):
    torch.manual_seed(0)
    x = torch.randint(-3, 4, (3, 5, *spatial)).to(dtype)
    weight = torch.randint(-3, 4, (6, 5, *spatial)).to(dtype)
    bias, channels = torch.randint(-3, 4, (6,)).to(dtype), torch.randint(-3, 4, (5,)).to(dtype)
    n, ones = len(spatial), (1,) * len(spatial)
    convolve = getattr(torch.nn.functional, f"conv{n}d")
    turn = getattr(torch.nn.functional, f"conv_transpose{n}d")
    inputs = [t.requires_grad_(dtype.is_floating_point) for t in (x, weight, bias)]
    result = convolve(*inputs)
    flat, table = x.flatten(1), weight.flatten(1)
    near = 1e-2 if dtype is torch.bfloat16 else 0  # which rounds sum and bias apart

    def same(ours, theirs):
        return torch.allclose(ours.double(), theirs.double(), rtol=near, atol=0)

    assert same(result, (flat @ table.T + bias).reshape(3, 6, *ones))
    back = turn(result.detach(), weight, channels)
    expected = (result.detach().flatten(1) @ table).reshape(3, 5, *spatial)
    assert same(back, expected + channels.reshape(1, 5, *ones))
    if dtype.is_floating_point:
        slope = torch.randint(-3, 4, result.shape).to(dtype)
        grads = torch.autograd.grad(result, inputs, slope)
        rows = slope.flatten(1)
        assert same(grads[0], (rows @ table).reshape(x.shape))
        assert same(grads[1], (rows.T @ flat).reshape(weight.shape))
        assert same(grads[2], rows.sum(0))


@pytest.mark.parametrize("groups, channels", [(1, 3), (4, 4), (32, 32)])
@pytest.mark.parametrize("sizes", [(4, 0), (0, 4), (0, 0)])
@pytest.mark.parametrize("k", [1, 3, 5, 7])
@pytest.mark.parametrize("settings", [{}, {"stride": 2}, {"dilation": 2}])
def test_transposed_convolution_of_planes_without_elements(groups, channels, sizes, k, settings):
    x = torch.randn(2, channels, *sizes, requires_grad=True)
    weight = torch.randn(channels, 2, k, k, requires_grad=True)
    try:
        y = F.conv_transpose2d(x, weight, torch.ones(2 * groups), groups=groups, **settings)
    except RuntimeError as refusal:  # a result below no elements
        assert "conv_transpose2d" in str(refusal)
        return
    assert (y == 1).all()  # the bias alone
    y.sum().backward()
    assert x.grad.shape == x.shape and not weight.grad.any()


PROGRAM = """
import test_conv as t
for case in t.CASES[8:52]:
    t.test_conv_agrees_with_its_definition(case, "float32")
    t.test_conv_gradients_are_its_adjoints(case, "float32")
"""


@at_lower_levels
def test_conv_at_lower_instruction_sets(level):
    run_at_level(level, PROGRAM, os.path.dirname(__file__))


@pytest.mark.parametrize("groups", [1, 2])
def test_an_infinite_input_of_a_transposed_convolution_meets_the_padding_of_its_gradient(groups):
    x = torch.randn(1, 4, 5, 5, dtype=torch.float64)
    x[0, 1, 0, 2] = math.inf  # at the upper edge: the first row of the kernel meets the padding
    weight = torch.randn(4, 2, 3, 3, dtype=torch.float64, requires_grad=True)
    F.conv_transpose2d(x, weight, padding=1, groups=groups).sum().backward()
    assert weight.grad[1, :, 0].isnan().all() and (weight.grad[1, :, 1:] == math.inf).all()
    assert weight.grad[[0, 2, 3]].isfinite().all()
