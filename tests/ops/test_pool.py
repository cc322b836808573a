"""Pooling against its definition, written as plain NumPy."""

import itertools
import math

import numpy as np
import pytest

import flambeau as torch
from flambeau import _core
from flambeau.nn import functional as F
from flambeau.ops import pool

RNG = np.random.default_rng(0)


def gradients(output, grad, inputs):
    return _core._run_backward((output,), (grad,), True, False, tuple(inputs), True)


def windows(size, kernel, stride, padding, dilation, ceil_mode):
    """(positions inside, extent with padding) of each window of one dimension."""
    found, start = [], -padding
    while True:
        reach = start + dilation * (kernel - 1) + 1
        if reach > size + padding and not (
            ceil_mode and reach - stride < size + padding and start < size
        ):
            return found
        inside = [i for i in range(start, reach, dilation) if 0 <= i < size]
        found.append((inside, min(reach, size + padding) - start))
        start += stride


def adaptive(size, n):
    return [(list(range(i * size // n, -(-(i + 1) * size // n))), None) for i in range(n)]


def each_window(x, axes):
    """(index of the output, flat positions of its window in a plane, extent)."""
    space = x.shape[2:]
    for at in itertools.product(*(range(len(axis)) for axis in axes)):
        chosen = [axis[i] for axis, i in zip(axes, at, strict=True)]
        places = [
            np.ravel_multi_index(p, space) for p in itertools.product(*(c[0] for c in chosen))
        ]
        extent = np.prod([c[1] for c in chosen]) if chosen[0][1] is not None else None
        yield at, places, extent


def leaf(x):
    return torch.from_numpy(x.copy()).requires_grad_()


CASES = [
    # sizes, kernel, stride, padding, dilation, ceil_mode
    ((13,), (2,), (2,), (0,), (1,), False),
    ((13,), (3,), (2,), (1,), (2,), True),
    ((28, 28), (2, 2), (2, 2), (0, 0), (1, 1), False),
    ((11, 37), (3, 3), (2, 1), (1, 1), (1, 1), False),
    ((40, 9), (3, 2), (3, 2), (1, 0), (1, 2), True),
    ((5, 6, 7), (2, 3, 2), (1, 2, 2), (1, 0, 1), (1, 1, 1), True),
]


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_max_pool_agrees_with_its_definition(case, dtype):
    sizes, kernel, stride, padding, dilation, ceil_mode = case
    x = np.round(RNG.standard_normal((2, 3, *sizes)) * 4).astype(
        dtype
    )  # many equals: the first must win
    plane = x.reshape(2, 3, -1)
    function = getattr(torch, f"max_pool{len(sizes)}d")
    values, indices = function(
        torch.from_numpy(x), kernel, stride, padding, dilation, ceil_mode, return_indices=True
    )
    axes = [
        windows(*six)
        for six in zip(sizes, kernel, stride, padding, dilation, (ceil_mode,) * 3, strict=False)
    ]
    assert values.shape[2:] == tuple(map(len, axes))
    for at, places, _ in each_window(x, axes):
        expected = plane[:, :, places]
        np.testing.assert_array_equal(values.numpy()[(..., *at)], expected.max(-1))
        np.testing.assert_array_equal(
            indices.numpy()[(..., *at)], np.array(places)[expected.argmax(-1)]
        )
    np.testing.assert_array_equal(
        function(torch.from_numpy(x), kernel, stride, padding, dilation, ceil_mode).numpy(),
        values.numpy(),
    )


@pytest.mark.parametrize("include_pad", [False, True])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_avg_pool_agrees_with_its_definition(case, include_pad):
    sizes, kernel, stride, padding, _, ceil_mode = case
    x = RNG.standard_normal((2, 3, *sizes))
    input = leaf(x)
    output = getattr(pool, f"avg_pool{len(sizes)}d")(
        input, kernel, stride, padding, ceil_mode, include_pad
    )
    axes = [
        windows(*six)
        for six in zip(sizes, kernel, stride, padding, (1,) * 3, (ceil_mode,) * 3, strict=False)
    ]
    assert output.shape[2:] == tuple(map(len, axes))
    g = RNG.standard_normal(tuple(output.shape))
    expected_grad = np.zeros((2, 3, np.prod(sizes)))
    for at, places, extent in each_window(x, axes):
        divisor = extent if include_pad else len(places)
        np.testing.assert_allclose(
            output.detach().numpy()[(..., *at)],
            x.reshape(2, 3, -1)[:, :, places].sum(-1) / divisor,
            rtol=1e-12,
            atol=1e-14,
        )
        expected_grad[:, :, places] += g[(..., *at)][..., None] / divisor
    (grad,) = gradients(output, torch.from_numpy(g), [input])
    np.testing.assert_allclose(
        grad.numpy().reshape(2, 3, -1), expected_grad, rtol=1e-12, atol=1e-14
    )


@pytest.mark.parametrize(
    "sizes, out", [((10,), (3,)), ((28, 28), (1, 1)), ((9, 7), (4, 7)), ((5, 6, 7), (2, 3, 1))]
)
def test_adaptive_pools_agree_with_their_definition(sizes, out):
    n, x = len(sizes), RNG.standard_normal((2, 3, *sizes))
    plane = x.reshape(2, 3, -1)
    means = getattr(pool, f"adaptive_avg_pool{n}d")(torch.from_numpy(x), out).numpy()
    values, indices = getattr(pool, f"adaptive_max_pool{n}d")(torch.from_numpy(x), out)
    for at, places, _ in each_window(x, [adaptive(*pair) for pair in zip(sizes, out, strict=True)]):
        np.testing.assert_allclose(
            means[(..., *at)], plane[:, :, places].mean(-1), rtol=1e-12, atol=1e-14
        )
        np.testing.assert_array_equal(values.numpy()[(..., *at)], plane[:, :, places].max(-1))
        np.testing.assert_array_equal(
            indices.numpy()[(..., *at)], np.array(places)[plane[:, :, places].argmax(-1)]
        )


def test_max_pool_sends_its_gradient_to_the_maxima():
    x = RNG.standard_normal((2, 3, 9, 10))
    input = leaf(x)
    values, indices = torch.max_pool2d(input, 3, 2, 1, return_indices=True)
    g = RNG.standard_normal(tuple(values.shape))
    expected = np.zeros((6, 90))
    for plane, (places, grads) in enumerate(
        zip(indices.numpy().reshape(6, -1), g.reshape(6, -1), strict=True)
    ):
        np.add.at(expected[plane], places, grads)
    (grad,) = gradients(values, torch.from_numpy(g), [input])
    np.testing.assert_allclose(grad.numpy().reshape(6, 90), expected, rtol=1e-12)
    assert not indices.requires_grad


def test_pools_are_differentiable_twice():
    x, g, v = (
        RNG.standard_normal((2, 3, 8, 8)),
        RNG.standard_normal((2, 3, 4, 4)),
        RNG.standard_normal((2, 3, 8, 8)),
    )
    for function in (lambda t: torch.max_pool2d(t, 2), lambda t: pool.avg_pool2d(t, 2)):
        input, grad = leaf(x), leaf(g)
        (first,) = _core._run_backward((function(input),), (grad,), True, True, (input,), True)
        (second,) = gradients(first, torch.from_numpy(v), [grad])
        # first is linear in grad with the transposed Jacobian, second is the Jacobian times v.
        np.testing.assert_allclose(
            (second.numpy() * g).sum(), (first.detach().numpy() * v).sum(), rtol=1e-10
        )


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
def test_max_pool_lets_nan_win(dtype):
    x = torch.from_numpy(RNG.standard_normal((1, 1, 12, 34)).astype(dtype))
    x[0, 0, 5, 7] = float("nan")
    values, indices = torch.max_pool2d(x, 2, return_indices=True)
    found = np.isnan(values.float().numpy())
    assert found.sum() == 1 and found[0, 0, 2, 3]
    assert indices[0, 0, 2, 3].item() == 5 * 34 + 7


def test_max_pool_of_minus_infinity_points_at_the_first():
    values, indices = torch.max_pool1d(
        torch.full((1, 1, 40), float("-inf")), 2, return_indices=True
    )
    assert np.isneginf(values.numpy()).all()
    np.testing.assert_array_equal(indices.numpy().ravel(), np.arange(0, 40, 2))


def test_avg_pool_sums_halves_in_float32():
    x = torch.from_numpy(RNG.standard_normal((1, 2, 30, 30)).astype(np.float16))
    found = pool.adaptive_avg_pool2d(x, 1)
    assert found.dtype is torch.float16
    np.testing.assert_array_equal(
        found.numpy(), pool.adaptive_avg_pool2d(x.float(), 1).numpy().astype(np.float16)
    )


def test_pools_take_views_and_no_batch():
    x = RNG.standard_normal((10, 12, 3))
    image = torch.from_numpy(x).permute(2, 0, 1)
    expected = x.transpose(2, 0, 1).reshape(3, 5, 2, 6, 2).max((2, 4))
    np.testing.assert_array_equal(torch.max_pool2d(image, 2).numpy(), expected)


@pytest.mark.parametrize(
    "call, words",
    [
        (
            lambda x: torch.max_pool2d(x, 2, padding=2),
            r"max_pool2d: padding 2 is more than half of the window, which reaches over 2 \(kernel_size 2,",
        ),
        (lambda x: torch.max_pool2d(x, 0), r"max_pool2d: kernel_size is \(0, 0\)"),
        (lambda x: torch.max_pool2d(x, 2, 0), r"max_pool2d: stride is \(0, 0\)"),
        (
            lambda x: torch.max_pool2d(x, 20),
            r"max_pool2d: an input of \(8, 8\) would give an output of \(0, 0\), which is empty",
        ),
        (
            lambda x: torch.max_pool2d(x[0, 0], 2),
            r"max_pool2d: input \(8, 8\) must have 4 dims, \(N, C, sizes\), or 3 without a batch\. unsqueeze\(0\)",
        ),
        (
            lambda x: torch.max_pool1d(x[:, 0, :, :1], 2, 1, 1, 2, return_indices=True),
            "holds no element",
        ),
        (lambda x: pool.avg_pool2d(x, 2, divisor_override=0), "avg_pool2d: divisor_override is 0"),
        (
            lambda x: pool.adaptive_avg_pool2d(x, (1, 2, 3)),
            r"adaptive_avg_pool2d: output_size \(1, 2, 3\) must be 2 sizes, or one for all",
        ),
    ],
)
def test_pools_refuse(call, words):
    with pytest.raises(RuntimeError, match=words):
        call(torch.zeros(1, 1, 8, 8))


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
@pytest.mark.parametrize("size", [(1, 1), (3, 5), (7, 7), (13, 17), (40, 33)])
def test_global_pools_agree_with_their_definition(size, dtype):
    x = RNG.standard_normal((3, 5, *size)).astype(dtype)
    x[0, 1, size[0] // 2] = x.max()  # equals: the first one counts
    x[1, 2, -1, -1] = np.nan
    x[1, 3, 0, 0] = np.inf
    leaf = torch.from_numpy(x).requires_grad_()
    mean = torch.nn.functional.adaptive_avg_pool2d(leaf, 1)
    exact = x.astype(np.float64).mean((2, 3), keepdims=True)
    rtol = {"float32": 1e-5, "float64": 1e-13, "float16": 2e-3}[dtype]
    np.testing.assert_allclose(mean.detach().numpy(), exact, rtol=rtol, atol=rtol)
    mean.backward(torch.ones_like(mean))
    np.testing.assert_allclose(leaf.grad.numpy(), 1 / (size[0] * size[1]), rtol=rtol)
    most, where = torch.nn.functional.adaptive_max_pool2d(
        torch.from_numpy(x), 1, return_indices=True
    )
    flat = x.reshape(3, 5, -1)
    np.testing.assert_array_equal(most.numpy()[..., 0, 0], flat.max(2))
    np.testing.assert_array_equal(where.numpy()[..., 0, 0], flat.argmax(2))


def test_windows_that_step_over_the_input_have_the_least_maximum():
    x = torch.ones(1, 1, 1, requires_grad=True)
    y = torch.nn.functional.max_pool1d(x, 2, None, 1, 2)
    assert y.tolist() == [[[-math.inf]]]
    y.sum().backward()
    assert x.grad.tolist() == [[[0.0]]]
    y = torch.max_pool1d(torch.tensor([[1.0, 2.0]]), 2, 1, 1, 2)
    assert y.tolist() == [[2.0, 1.0]]
    least = torch.max_pool2d(torch.ones(1, 1, 1, 1, dtype=torch.int32), 2, None, 1, 2)
    assert least.item() == torch.iinfo(torch.int32).min


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32"])
@pytest.mark.parametrize("kernel", [(2,), (4,), (2, 2), (3, 4), (2, 4, 2)])
def test_windows_that_touch_have_the_maxima_that_indices_name(kernel, dtype):
    # 2 and 4 elements side by side are loaded once and compared in pairs
    rng = np.random.default_rng(0)
    for width in (8, 31, 66, 133):
        x = rng.integers(-3, 4, (3, *(13,) * (len(kernel) - 1), width)).astype(dtype)
        if dtype != "int32":
            x[rng.random(x.shape) < 0.05] = np.nan
            x[rng.random(x.shape) < 0.05] = -0.0
            x[rng.random(x.shape) < 0.05] = -np.inf
        t = torch.from_numpy(x)
        pool = getattr(torch.nn.functional, f"max_pool{len(kernel)}d")
        values, indices = pool(t, kernel, return_indices=True)
        found = t.flatten(1).gather(1, indices.flatten(1)).view_as(values)
        for got in (pool(t, kernel), values):
            np.testing.assert_array_equal(got.numpy(), found.numpy())
            np.testing.assert_array_equal(np.signbit(got.numpy()), np.signbit(found.numpy()))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kernel, stride", [(2, 2), (3, 2), (3, 1), (2, 5)])
def test_rows_of_any_length_end_in_vectors(kernel, stride, dtype):
    """A row's last vector may begin in the one before."""
    for n in range(1, 36):
        x = np.round(RNG.standard_normal((2, kernel + stride * (n - 1))) * 4).astype(dtype)
        taps = np.stack([x[:, k : k + stride * n : stride][:, :n] for k in range(kernel)])
        values, indices = torch.max_pool1d_with_indices(torch.from_numpy(x), kernel, stride)
        plain = torch.max_pool1d(torch.from_numpy(x), kernel, stride)
        means = torch.avg_pool1d(torch.from_numpy(x), kernel, stride)
        np.testing.assert_array_equal(values.numpy(), taps.max(0))
        np.testing.assert_array_equal(plain.numpy(), taps.max(0))
        first = np.arange(n) * stride + taps.argmax(0)
        np.testing.assert_array_equal(indices.numpy(), first)
        np.testing.assert_allclose(means.numpy(), taps.mean(0), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("dtype", ("float32", "float64", "bfloat16", "float16"))
@pytest.mark.parametrize("channels", (2, 16, 33, 300))
def test_channels_last_is_pooled_as_planes_are(dtype, channels):
    random = np.random.default_rng(channels)
    values = random.standard_normal((2, 9, 14, channels)).round(1).astype(np.float32)
    values[random.random(values.shape) < 0.01] = np.nan
    image = torch.from_numpy(values).to(getattr(torch, dtype)).permute(0, 3, 1, 2)
    volume = image.unflatten(2, (3, 3)).contiguous(memory_format=torch.channels_last_3d)
    F = torch.nn.functional
    for x, n in ((image, 2), (volume, 3)):
        planes = x.contiguous()
        calls = (
            lambda t: getattr(F, f"max_pool{n}d")(t, 3, 2, 1, return_indices=True),
            lambda t: getattr(F, f"max_pool{n}d")(t, 2, 1, 0, 2 if n == 2 else 1, ceil_mode=True),
            lambda t: getattr(F, f"avg_pool{n}d")(t, 3, 2, 1),
            lambda t: getattr(F, f"avg_pool{n}d")(t, 2, 1, 1, True, False),
            lambda t: getattr(F, f"avg_pool{n}d")(t, 2, divisor_override=3),
            lambda t: getattr(F, f"adaptive_avg_pool{n}d")(t, 1),
            lambda t: getattr(F, f"adaptive_avg_pool{n}d")(t, (2,) * (n - 1) + (5,)),
            lambda t: getattr(F, f"adaptive_max_pool{n}d")(t, 2, return_indices=True),
        )
        eps = {"float32": 1e-5, "float64": 1e-13, "bfloat16": 2e-2, "float16": 3e-3}[dtype]
        for call in calls:
            got, want = call(x), call(planes)
            for a, b in zip(*(r if isinstance(r, tuple) else (r,) for r in (got, want))):
                assert torch.allclose(a.double(), b.double(), eps, eps, equal_nan=True)
            first = got[0] if isinstance(got, tuple) else got
            order = torch.channels_last if n == 2 else torch.channels_last_3d
            assert first.is_contiguous(memory_format=order)


def test_channels_last_pooling_has_the_same_bits_for_any_number_of_threads():
    x = torch.randn(3, 40, 33, 47).contiguous(memory_format=torch.channels_last)
    before = torch.get_num_threads()
    results = []
    try:
        for threads in (1, 2, 3, 16):
            torch.set_num_threads(threads)
            F = torch.nn.functional
            results.append(
                (F.max_pool2d(x, 3, 2, 1), F.avg_pool2d(x, 3), F.adaptive_avg_pool2d(x, 1))
            )
    finally:
        torch.set_num_threads(before)
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other))


@pytest.mark.parametrize("dtype", ("bfloat16", "float16"))
def test_halves_are_pooled_as_float32_and_rounded_once(dtype):
    F, dtype = torch.nn.functional, getattr(torch, dtype)
    for sizes in ((2, 3, 9, 14), (1, 5, 33, 40)):
        x = torch.randn(sizes).to(dtype)
        x[0, 0, 1, 1] = float("nan")
        for call in (
            lambda t: F.max_pool2d(t, 3, 2, 1, return_indices=True),
            lambda t: F.max_pool1d(t.flatten(0, 1).flatten(1), 3),
            lambda t: F.avg_pool2d(t, 2, 1, 1, count_include_pad=False),
            lambda t: F.adaptive_avg_pool2d(t, (1, 3)),
            lambda t: F.adaptive_max_pool2d(t, 2, return_indices=True),
        ):
            got, want = (r if isinstance(r, tuple) else (r,) for r in (call(x), call(x.float())))
            for a, b in zip(got, want, strict=True):
                torch.testing.assert_close(a, b.to(a.dtype), rtol=0, atol=0, equal_nan=True)
        leaf, wide = x.nan_to_num(1).requires_grad_(), x.nan_to_num(1).float().requires_grad_()
        for call in (lambda t: F.max_pool2d(t, 3, 2, 1), lambda t: F.avg_pool2d(t, 3, 1, 1)):
            got = torch.autograd.grad(call(leaf).sum(), leaf)[0]
            want = torch.autograd.grad(call(wide).sum(), wide)[0]
            torch.testing.assert_close(got, want.to(dtype))


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16", "float16"])
def test_gradients_of_pixels_are_those_of_planes(dtype):
    """Overlapping windows and such with gaps, ceil_mode, adaptive ones, few and many channels, three dims."""
    kind = getattr(torch, dtype)
    functions = [
        lambda x: F.avg_pool2d(x, 2), lambda x: F.avg_pool2d(x, 3, 1, 1), lambda x: F.avg_pool2d(x, 2, 3),
        lambda x: F.avg_pool2d(x, 3, 2, 1, ceil_mode=True, count_include_pad=False),
        lambda x: F.avg_pool2d(x, (1, 3), divisor_override=5), lambda x: F.adaptive_avg_pool2d(x, (3, 7)),
        lambda x: F.adaptive_avg_pool2d(x, (9, 2)), lambda x: F.adaptive_avg_pool2d(x, 1), lambda x: F.max_pool2d(x, 2), lambda x: F.max_pool2d(x, 3, 1, 1),
        lambda x: F.max_pool2d(x, 2, dilation=2), lambda x: F.adaptive_max_pool2d(x, (2, 5)),
        lambda x: F.interpolate(x, (14, 10)), lambda x: F.interpolate(x, (4, 11), mode="nearest-exact"),
    ]  # fmt: skip
    deep = [
        lambda x: F.avg_pool3d(x, 2), lambda x: F.avg_pool3d(x, 3, 1, 1), lambda x: F.adaptive_avg_pool3d(x, (2, 3, 1)),
        lambda x: F.max_pool3d(x, (2, 2, 1)),
    ]  # fmt: skip
    exact = {"float64": 1e-13, "float32": 1e-6, "float16": 2e-3, "bfloat16": 2e-2}[dtype]
    cases = [
        (f, (n, c, 7, 5), torch.channels_last)
        for f in functions
        for n, c in ((2, 3), (1, 70), (3, 130))
    ]
    cases += [(f, (2, 20, 4, 5, 3), torch.channels_last_3d) for f in deep]
    for function, sizes, order in cases:
        planes = torch.randn(sizes).to(kind)
        leaf = planes.double().requires_grad_()
        want = function(leaf)
        slope = torch.randn(want.shape).to(kind)
        (expected,) = torch.autograd.grad(want, leaf, slope.double())
        before = torch.get_num_threads()
        grads = []
        try:
            for threads in (1, 2, 3, 16):
                torch.set_num_threads(threads)
                leaf = planes.contiguous(memory_format=order).requires_grad_()
                made = function(leaf)
                slopes = slope.contiguous(memory_format=order)
                grads += torch.autograd.grad(made, leaf, slopes)
        finally:
            torch.set_num_threads(before)
        scale = 1 + expected.abs().max().item()
        assert (grads[0].double() - expected).abs().max().item() <= exact * scale
        assert grads[0].is_contiguous(memory_format=order)
        assert all(grad.equal(grads[0]) for grad in grads)


def test_places_of_pixels_that_were_overwritten_are_refused():
    image = torch.randn(2, 70, 6, 6).contiguous(memory_format=torch.channels_last)
    made, places = F.max_pool2d(image.requires_grad_(), 2, return_indices=True)
    places.data[1, 69, 2, 2] = 36
    with pytest.raises(IndexError, match="leave the planes"):
        made.backward(torch.ones_like(made))


@pytest.mark.parametrize("name", ["adaptive_max_pool2d", "adaptive_avg_pool2d"])
@pytest.mark.parametrize("order", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
@pytest.mark.parametrize("out", [1, 2])
def test_gradients_of_whole_planes_lie_as_the_input(name, order, dtype, out):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, 70, 6, 4, generator=generator, dtype=dtype)
    x = x.contiguous(memory_format=order).requires_grad_()
    y = getattr(F, name)(x, out)
    for given in (torch.ones_like(y), torch.ones_like(y).contiguous(), y.detach()):
        (got,) = torch.autograd.grad(y, x, given, retain_graph=True)
        assert got.stride() == x.stride() and got.dtype is dtype
        # Windows do not overlap: each holds its gradient whole, or the same share everywhere.
        boxes = got.double().unfold(2, 6 // out, 6 // out).unfold(3, 4 // out, 4 // out)
        total = given.double()
        if "max" in name:
            assert torch.equal(boxes.sum((4, 5)), total)
            assert torch.equal((got != 0).sum(), torch.tensor(y.numel()))
        else:
            share = (given / (24 // out**2)).double()
            assert torch.equal(boxes, share[..., None, None].expand(boxes.shape))
