"""group_norm, and the gradients of layer_norm: the loops of csrc/kernels/norm."""

import itertools
import os

import numpy
import pytest

import flambeau
from flambeau.autograd import gradcheck, gradgradcheck
from flambeau.nn import functional as F
from tests.at_level import at_lower_levels, run_at_level

SHAPES = [
    (1, 2, 64, 2),
    (3, 4, 65, 2),
    (2, 6, 257, 3),
    (5, 8, 16, 8),
    (2, 3, 5000, 1),
    (2, 64, 1, 1),
    (3, 60, 1, 3),  # channels of few elements are taken together
    (2, 12, 10, 3),
    (4, 6, 31, 2),
]


def numbers(*shape):
    return numpy.random.default_rng(sum(shape)).standard_normal(shape)


def expected(x, weight, bias, groups, grad, eps=1e-5):
    """(result, gradients of x, weight, bias) in float64."""
    n, channels = x.shape[:2]
    blocks = x.reshape(n, groups, -1)
    centred = blocks - blocks.mean(2, keepdims=True)
    rstd = 1 / numpy.sqrt((centred**2).mean(2, keepdims=True) + eps)
    normal = centred * rstd
    each = (1, channels, 1)
    result = normal.reshape(x.shape) * weight.reshape(each) + bias.reshape(each)
    scaled = (grad * weight.reshape(each)).reshape(blocks.shape)
    mean, slope = scaled.mean(2, keepdims=True), (scaled * normal).mean(2, keepdims=True)
    grad_x = (rstd * (scaled - mean - normal * slope)).reshape(x.shape)
    return result, grad_x, (grad * normal.reshape(x.shape)).sum((0, 2)), grad.sum((0, 2))


@pytest.mark.parametrize("affine", ["both", "weight", "bias", "none"])
def test_group_norm_and_its_gradients(affine):
    for (n, channels, space, groups), shift in itertools.product(SHAPES, (0, 100)):
        x, grad = numbers(n, channels, space) + shift, numbers(n, channels, space + 1)[..., 1:]
        weight, bias = numbers(channels) + 2, numbers(channels, 2)[:, 0]
        if affine in ("bias", "none"):
            weight = numpy.ones(channels)
        if affine in ("weight", "none"):
            bias = numpy.zeros(channels)
        for dtype, unit in ((flambeau.float64, 2.0**-50), (flambeau.float32, 2.0**-21)):
            given = [flambeau.from_numpy(a).to(dtype).requires_grad_() for a in (x, weight, bias)]
            wanted = [t.detach().double().numpy() for t in given]
            g = flambeau.from_numpy(grad.copy()).to(dtype)
            answer = expected(*wanted, groups, g.double().numpy())
            vectors = [
                t if affine in ("both", kind) else None
                for t, kind in zip(given[1:], ("weight", "bias"), strict=True)
            ]
            result = F.group_norm(given[0], groups, *vectors)
            result.backward(g)
            got = [result.detach(), given[0].grad, given[1].grad, given[2].grad]
            for value, target in zip(got, answer, strict=True):
                if value is None:
                    continue
                scale = max(1.0, numpy.abs(target).max()) * (1 + shift)
                assert numpy.abs(value.double().numpy() - target).max() <= 16 * unit * scale


@pytest.mark.parametrize(
    "rows, length", [(1, 1), (1, 65), (257, 3), (70, 65), (4, 1025), (300, 64)]
)
def test_gradients_of_layer_norm(rows, length):
    x, grad, weight, bias = (
        numbers(rows, length),
        numbers(rows, length),
        numbers(length),
        numbers(length),
    )
    # A row is an image of one group whose elements are channels.
    answer = expected(x[..., None], weight, bias, 1, grad[..., None])
    for dtype, unit in ((flambeau.float64, 2.0**-50), (flambeau.float32, 2.0**-21)):
        given = [flambeau.from_numpy(a).to(dtype).requires_grad_() for a in (x, weight, bias)]
        for needed in itertools.product((False, True), repeat=3):
            if not any(needed):
                continue
            leaves = [t.detach().requires_grad_(n) for t, n in zip(given, needed, strict=True)]
            F.layer_norm(leaves[0], (length,), *leaves[1:]).backward(
                flambeau.from_numpy(grad).to(dtype)
            )
            for leaf, target, n in zip(leaves, answer[1:], needed, strict=True):
                assert (leaf.grad is not None) == n
                if n and length > 1:  # of one element only rounding is left
                    target = target.reshape(leaf.shape)
                    limit = 256 * unit * max(1.0, numpy.abs(target).max())
                    assert numpy.abs(leaf.grad.double().numpy() - target).max() <= limit


def test_derivatives_of_group_norm():
    x = flambeau.rand(2, 4, 33, dtype=flambeau.float64, requires_grad=True)
    weight, bias = (flambeau.rand(4, dtype=flambeau.float64, requires_grad=True) for _ in range(2))

    def norm(x, weight, bias):
        return F.group_norm(x, 2, weight, bias)

    assert gradcheck(norm, (x, weight, bias), fast_mode=True)
    assert gradgradcheck(norm, (x, weight, bias), fast_mode=True)


def test_rows_without_a_mean_and_constant_rows():
    x = flambeau.rand(2, 4, 40)
    x[0, 1, 3] = float("inf")
    x[1, 2] = 5.0
    x[1, 3] = 5.0
    result = F.group_norm(x, 2)
    assert result[0, :2].isnan().all() and not result[0, 2:].isnan().any()
    assert (result[1, 2:] == 0).all()


def test_layouts_of_group_norm():
    x = flambeau.rand(3, 8, 9, 10)
    weight, bias = flambeau.rand(8), flambeau.rand(8)
    plain = F.group_norm(x, 4, weight, bias)
    last = F.group_norm(x.contiguous(memory_format=flambeau.channels_last), 4, weight, bias)
    assert last.is_contiguous(memory_format=flambeau.channels_last)
    assert (last - plain).abs().max() < 1e-5  # sums in another order
    turned = x.transpose(2, 3).contiguous().transpose(2, 3)
    assert (F.group_norm(turned, 4, weight, bias) == plain).all()
    mapped = flambeau.vmap(lambda x: F.group_norm(x, 4, weight, bias))(flambeau.stack([x, x + 1]))
    assert flambeau.allclose(mapped[0], plain, atol=1e-6)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("shape", [(3, 5, 4, 4), (2, 3, 7, 5), (70, 3, 40), (1, 2, 300), (33, 17, 32)])  # fmt: skip
def test_gradients_of_batch_norm(shape, training):
    random = numpy.random.default_rng(1)
    x, grad = (random.standard_normal(shape) + 3 for _ in range(2))
    weight, mean, var = (random.random(shape[1]) + 0.5 for _ in range(3))
    each = (1, -1, *[1] * (len(shape) - 2))
    others = (0, *range(2, len(shape)))
    m, v = (x.mean(others), x.var(others)) if training else (mean, var)
    rstd = 1 / numpy.sqrt(v + 1e-5)
    normal = (x - m.reshape(each)) * rstd.reshape(each)
    to_weight, to_bias = (grad * normal).sum(others), grad.sum(others)
    n = x.size / shape[1]
    away = (to_bias.reshape(each) + normal * to_weight.reshape(each)) / n if training else 0
    to_x = (weight * rstd).reshape(each) * (grad - away)
    before, results = flambeau.get_num_threads(), []
    for dtype, tolerance in ((flambeau.float64, 1e-10), (flambeau.float32, 2e-4)):
        try:
            for threads in (1, 2, 16):
                flambeau.set_num_threads(threads)
                leaves = [flambeau.from_numpy(a).to(dtype).requires_grad_() for a in (x, weight)]
                bias = flambeau.zeros(shape[1], dtype=dtype, requires_grad=True)
                given = [flambeau.from_numpy(a).to(dtype) for a in (mean, var)]
                out = F.batch_norm(leaves[0], *given, leaves[1], bias, training)
                results.append(
                    flambeau.autograd.grad(
                        out, (*leaves, bias), flambeau.from_numpy(grad).to(dtype)
                    )
                )
        finally:
            flambeau.set_num_threads(before)
        for got in results[1:]:
            assert all(flambeau.equal(a, b) for a, b in zip(results[0], got, strict=True))
        for got, want in zip(results[0], (to_x, to_weight, to_bias), strict=True):
            numpy.testing.assert_allclose(got.numpy(), want, rtol=tolerance, atol=tolerance * 10)
        results.clear()


def test_norms_are_the_same_for_any_number_of_threads():
    x, grad = flambeau.rand(5, 16, 999), flambeau.rand(5, 16, 999)
    rows, rows_grad = flambeau.rand(1000, 65), flambeau.rand(1000, 65)
    before, made = flambeau.get_num_threads(), []
    try:
        for n in (1, 2, 3, 16):
            flambeau.set_num_threads(n)
            leaves = [t.clone().requires_grad_() for t in (x, flambeau.ones(16), flambeau.ones(16))]
            result = F.group_norm(leaves[0], 4, *leaves[1:])
            result.backward(grad)
            more = [
                t.clone().requires_grad_() for t in (rows, flambeau.ones(65), flambeau.ones(65))
            ]
            F.layer_norm(more[0], (65,), *more[1:]).backward(rows_grad)
            made.append([result.detach()] + [t.grad for t in leaves + more])
    finally:
        flambeau.set_num_threads(before)
    for result in made[1:]:
        assert all((a == b).all() for a, b in zip(result, made[0], strict=True))


PROGRAM = """
import test_norm_kernels as t
t.test_group_norm_and_its_gradients("both")
t.test_gradients_of_layer_norm(70, 65)
"""


@at_lower_levels
def test_norms_at_lower_instruction_sets(level):
    run_at_level(level, PROGRAM, os.path.dirname(__file__))


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16", "float16"])
@pytest.mark.parametrize(
    ("sizes", "groups"),
    [
        ((2, 6, 3, 4), 3), ((1, 64, 20, 20), 8), ((3, 40, 1, 5), 4), ((2, 70, 9, 9), 7), ((1, 8, 50, 60), 2),
        ((2, 16, 3, 4, 5), 4), ((1, 300, 12, 12), 1),
    ],
)  # fmt: skip
def test_group_norm_of_channels_last_images(sizes, groups, dtype):
    """Far from 0, where squares would cancel; the same bits for any number of threads."""
    kind = getattr(flambeau, dtype)
    order = flambeau.channels_last if len(sizes) == 4 else flambeau.channels_last_3d
    exact = {"float64": 1e-11, "float32": 2e-5, "float16": 4e-3, "bfloat16": 3e-2}[dtype]
    given = [flambeau.randn(sizes) + (3 if kind.itemsize == 2 else 100)]
    given += [flambeau.rand(sizes[1]) + 0.5, flambeau.randn(sizes[1])]
    given = [t.to(kind) for t in given]
    slope = flambeau.randn(sizes).to(kind)
    wide = [t.double().requires_grad_() for t in given]
    want = F.group_norm(wide[0], groups, *wide[1:])
    wanted = [want.detach(), *flambeau.autograd.grad(want, wide, slope.double())]
    before, results = flambeau.get_num_threads(), []
    try:
        for n in (1, 2, 3, 16):
            flambeau.set_num_threads(n)
            x = given[0].contiguous(memory_format=order)
            with flambeau.no_grad():
                alone = F.group_norm(x, groups, *given[1:])
            leaves = [t.detach().requires_grad_() for t in (x, *given[1:])]
            made = F.group_norm(leaves[0], groups, *leaves[1:])
            assert made.is_contiguous(memory_format=order)
            grads = flambeau.autograd.grad(made, leaves, slope.contiguous(memory_format=order))
            results.append([alone, made.detach(), *grads])
    finally:
        flambeau.set_num_threads(before)
    for got, expected in zip(results[0], [wanted[0], *wanted], strict=True):
        scale = 1 + expected.abs().max()
        assert (got.double() - expected).abs().max() <= exact * scale
    assert all(a.equal(b) for r in results for a, b in zip(r, results[0], strict=True))


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16", "float16"])
@pytest.mark.parametrize(
    "sizes",
    [
        (2, 8, 3, 4),
        (1, 64, 20, 20),
        (3, 40, 1, 5),
        (2, 3, 9, 11),
        (2, 16, 3, 4, 5),
        (300, 33),
        (5, 1030),
    ],
)
def test_batch_norm_of_channels_last_images(sizes, dtype, training):
    """Far from 0, running moments too; the same bits for any number of threads."""
    kind, channels = getattr(flambeau, dtype), sizes[1]
    order = {4: flambeau.channels_last, 5: flambeau.channels_last_3d}.get(len(sizes))
    order = order or flambeau.contiguous_format
    exact = {"float64": 1e-11, "float32": 2e-5, "float16": 4e-3, "bfloat16": 3e-2}[dtype]
    given = [flambeau.randn(sizes) + (3 if kind.itemsize == 2 else 100)]
    given += [flambeau.rand(channels) + 0.5, flambeau.randn(channels)]
    given = [t.to(kind) for t in given]
    moments = [flambeau.randn(channels).to(kind), (flambeau.rand(channels) + 1).to(kind)]
    slope = flambeau.randn(sizes).to(kind)

    def run(leaves, moments, slope):
        made = F.batch_norm(leaves[0], *moments, *leaves[1:], training)
        return [made.detach(), *flambeau.autograd.grad(made, leaves, slope), *moments]

    wide = [t.double().requires_grad_() for t in given]
    wanted = run(wide, [t.double().clone() for t in moments], slope.double())
    before, results = flambeau.get_num_threads(), []
    try:
        for n in (1, 2, 3, 16):
            flambeau.set_num_threads(n)
            x = given[0].contiguous(memory_format=order)
            with flambeau.no_grad():
                alone = F.batch_norm(x, *(t.clone() for t in moments), *given[1:], training)
            leaves = [t.detach().requires_grad_() for t in (x, *given[1:])]
            slopes = slope.contiguous(memory_format=order)
            results.append([alone, *run(leaves, [t.clone() for t in moments], slopes)])
            assert all(t.is_contiguous(memory_format=order) for t in results[-1][:3])
    finally:
        flambeau.set_num_threads(before)
    for got, expected in zip(results[0], [wanted[0], *wanted], strict=True):
        scale = 1 + expected.abs().max()
        assert (got.double() - expected).abs().max() <= exact * scale
    assert all(a.equal(b) for r in results for a, b in zip(r, results[0], strict=True))
