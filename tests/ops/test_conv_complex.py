"""Convolutions of complex numbers: the sums of their parts, and gradients that are their adjoints."""

import numpy as np
import pytest

import flambeau as torch

F = torch.nn.functional


def draw(*shape, dtype="complex64", seed=0):
    rng = np.random.default_rng(seed + sum(shape))
    return (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)).astype(dtype)


# Channels, targets, groups, kernel, stride, dilation
CASES = [
    (3, 5, 1, 3, 1, 1),
    (20, 18, 1, 3, 1, 1),
    (8, 12, 4, 3, 2, 1),
    (40, 40, 40, 5, 1, 1),
    (17, 34, 17, 3, 2, 2),
    (9, 2, 1, 1, 2, 1),
]


def by_parts(function, x, weight, bias, **window):
    def real(a, b):
        return function(torch.from_numpy(a.copy()), torch.from_numpy(b.copy()), **window).numpy()

    sums = real(x.real, weight.real) - real(x.imag, weight.imag)
    sums = sums + 1j * (real(x.real, weight.imag) + real(x.imag, weight.real))
    return sums + bias.reshape(-1, 1, 1)


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_complex_convolution_is_that_of_its_parts(case, dtype, transposed):
    channels, targets, groups, kernel, stride, dilation = case
    function = F.conv_transpose2d if transposed else F.conv2d
    x = draw(3, channels, 11, 12, dtype=dtype)
    shape = (channels, targets // groups) if transposed else (targets, channels // groups)
    weight, bias = draw(*shape, kernel, kernel, dtype=dtype), draw(targets, dtype=dtype, seed=1)
    window = dict(stride=stride, padding=kernel // 2, dilation=dilation, groups=groups)
    output = function(*map(torch.from_numpy, (x, weight, bias)), **window).numpy()
    assert output.dtype == x.dtype
    wide = [a.astype(np.complex128) for a in (x, weight, bias)]
    expected = by_parts(function, *wide, **window)
    tolerance = (4e-6 if dtype == "complex64" else 1e-14) * np.abs(expected).max()
    np.testing.assert_allclose(output, expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_gradients_of_complex_convolutions_are_adjoints(case, transposed):
    channels, targets, groups, kernel, stride, dilation = case
    function = F.conv_transpose2d if transposed else F.conv2d
    shape = (channels, targets // groups) if transposed else (targets, channels // groups)
    x, weight = draw(2, channels, 11, 12), draw(*shape, kernel, kernel)
    window = dict(stride=stride, padding=kernel // 2, dilation=dilation, groups=groups)
    leaves = [torch.from_numpy(a).requires_grad_() for a in (x, weight)]
    output = function(*leaves, **window)
    g = draw(*output.shape, seed=2)
    gradients = torch.autograd.grad(output, leaves, torch.from_numpy(g))
    moved = draw(*x.shape, seed=3), draw(*weight.shape, seed=4)
    for i, (grad, step) in enumerate(zip(gradients, moved, strict=True)):
        operands = [x, weight]
        operands[i] = step
        change = function(*map(torch.from_numpy, operands), **window).numpy()
        got, expected = np.vdot(grad.numpy(), step), np.vdot(g, change)
        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-3 * np.sqrt(g.size))
