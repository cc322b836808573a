"""softmax along a dim that is not the last: the loops of csrc/kernels/norm/columns.cpp."""

import os

import numpy
import pytest

import flambeau
from flambeau.autograd import gradcheck, gradgradcheck
from tests.at_level import at_lower_levels, run_at_level

SHAPES = [
    ((2, 3, 4, 4), 1),
    ((10, 100), 0),
    ((3, 5, 17), 1),
    ((2, 300, 130), 1),
    ((2, 3, 4, 5, 6), 2),
    ((70, 2, 16), 1),
    ((2, 3, 20001), 1),
    ((4, 15), 0),  # too few columns for these loops
]


def numbers(shape, seed=0):
    return numpy.random.default_rng(seed).standard_normal(shape) * 4


def expected(x, dim, grad, log):
    """(result, gradient of x) in float64."""
    shifted = x - x.max(dim, keepdims=True)
    logs = shifted - numpy.log(numpy.exp(shifted).sum(dim, keepdims=True))
    weights = numpy.exp(logs)
    if log:
        return logs, grad - weights * grad.sum(dim, keepdims=True)
    return weights, weights * (grad - (grad * weights).sum(dim, keepdims=True))


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("shape", "dim"), SHAPES)
def test_values_and_gradients(shape, dim, dtype, log):
    x, grad = numbers(shape).astype(dtype), numbers(shape, 1).astype(dtype)
    call = flambeau.log_softmax if log else flambeau.softmax
    leaf = flambeau.from_numpy(x).requires_grad_()
    result = call(leaf, dim)
    (got,) = flambeau.autograd.grad(result, leaf, flambeau.from_numpy(grad))
    want, slope = expected(x.astype("float64"), dim, grad.astype("float64"), log)
    tolerance = 1e-5 if dtype == "float32" else 1e-12
    numpy.testing.assert_allclose(result.detach().numpy(), want, tolerance, tolerance)
    numpy.testing.assert_allclose(got.numpy(), slope, tolerance, 10 * tolerance)


@pytest.mark.parametrize("call", [flambeau.softmax, flambeau.log_softmax])
@pytest.mark.parametrize("dtype", [flambeau.float16, flambeau.bfloat16])
@pytest.mark.parametrize(("shape", "dim"), SHAPES)
def test_halves_are_computed_in_float32_and_rounded_once(shape, dim, dtype, call):
    x = flambeau.from_numpy(numbers(shape)).to(dtype)
    slope = flambeau.from_numpy(numbers(shape, 1)).to(dtype)
    before, results = flambeau.get_num_threads(), []
    try:
        for n in (1, 2, 3, 16):
            flambeau.set_num_threads(n)
            leaf = x.detach().requires_grad_()
            made = call(leaf, dim)
            results.append((made.detach(), *flambeau.autograd.grad(made, leaf, slope)))
    finally:
        flambeau.set_num_threads(before)
    wide = x.float().requires_grad_()
    want = call(wide, dim)
    rounding = 2 * flambeau.finfo(dtype).eps
    assert (results[0][0].float() - want).abs().max() <= rounding * (1 + want.abs().max())
    # The gradient is taken from the rounded result, as in PyTorch.
    (grad,) = flambeau.autograd.grad(want, wide, slope.float())
    scale = 1 + slope.float().abs().sum(dim).max()
    assert (results[0][1].float() - grad).abs().max() <= rounding * scale
    assert all(a.equal(b) for r in results for a, b in zip(r, results[0], strict=True))


@pytest.mark.parametrize("call", [flambeau.softmax, flambeau.log_softmax])
def test_higher_derivatives(call):
    x = flambeau.from_numpy(numbers((2, 3, 16))).requires_grad_()
    assert gradcheck(lambda x: call(x, 1), (x,))
    assert gradgradcheck(lambda x: call(x, 1), (x,))


@pytest.mark.parametrize("call", [flambeau.softmax, flambeau.log_softmax])
def test_infinities_and_nan_stay_in_their_column(call):
    x = flambeau.ones(3, 20)
    x[1, 2], x[0, 3], x[:, 4], x[2, 5] = flambeau.nan, flambeau.inf, -flambeau.inf, -flambeau.inf
    result = call(x, 0)
    assert result[:, 2:5].isnan().all()
    assert not result[:, :2].isnan().any() and not result[:, 5:].isnan().any()
    assert flambeau.equal(result[2, 5], call(x[:, 5], 0)[2])


@pytest.mark.parametrize("call", [flambeau.softmax, flambeau.log_softmax])
def test_any_number_of_threads_and_any_layout_give_the_same_bits(call):
    x = flambeau.from_numpy(numbers((5, 9, 3001)).astype("float32"))
    strided = flambeau.from_numpy(numbers((5, 3001, 9)).astype("float32")).transpose(1, 2)
    strided.copy_(x)
    had, results = flambeau.get_num_threads(), set()
    try:
        for n in (1, 2, 3, 16):
            flambeau.set_num_threads(n)
            for layout in (x, strided):
                leaf = layout.detach().requires_grad_()
                result = call(leaf, 1)
                result.backward(x)
                results.add((result.detach().numpy().tobytes(), leaf.grad.numpy().tobytes()))
    finally:
        flambeau.set_num_threads(had)
    assert len(results) == 1


PROGRAM = """
import test_ctc, test_softmax_of_columns as columns
for dtype in "float32", "float64":
    for log in False, True:
        columns.test_values_and_gradients((3, 5, 17), 1, dtype, log)
test_ctc.test_loss_is_the_sum_over_alignments()
test_ctc.test_gradient_behind_log_softmax()
"""


@at_lower_levels
def test_at_lower_levels(level):
    run_at_level(level, PROGRAM, os.path.dirname(__file__))
