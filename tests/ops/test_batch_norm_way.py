"""batch_norm in training by the loops of csrc/kernels/norm: the numbers of the implementation in Python."""

import numpy as np
import pytest

import flambeau as torch
from tests.at_level import at_lower_levels, run_at_level

F = torch.nn.functional
SIZES = [
    (2, 1), (128, 64), (7, 5, 1), (4, 3, 31), (4, 3, 32), (3, 2, 65), (2, 3, 9, 9), (5, 4097),
    (70, 5000), (3, 700, 2, 3), (2, 2, 3, 4, 5), (1, 1, 1025), (1, 3, 257), (300, 2, 4, 4),
]  # fmt: skip


def arguments(sizes, dtype, affine=True):
    """(x, running mean, running variance, weight, bias)"""
    generator = torch.Generator().manual_seed(sum(sizes))
    channels = sizes[1]
    made = [torch.randn(n, dtype=dtype, generator=generator) for n in [sizes] + 4 * [channels]]
    x, mean, var, weight, bias = made
    x = (x * 2 + 3).requires_grad_()
    vectors = (weight.requires_grad_(), bias.requires_grad_()) if affine else (None, None)
    return x, mean, var.abs(), *vectors


def across(x):
    """x with other strides, which the loops leave to Python."""
    return x.transpose(0, 1).contiguous().transpose(0, 1)


def outcome(sizes, dtype, affine, as_laid):
    x, mean, var, *vectors = arguments(sizes, dtype, affine)
    out = F.batch_norm(as_laid(x), mean, var, *vectors, True, 0.3, 1e-4)
    wanted = [t for t in (x, *vectors) if t is not None]
    weights = torch.arange(out.numel(), dtype=dtype).view(out.shape).cos()
    return [out, *torch.autograd.grad(out, wanted, weights), mean, var]


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("affine", [False, True])
def test_the_loops_agree_with_the_implementation(sizes, dtype, affine):
    found = outcome(sizes, dtype, affine, lambda x: x)
    expected = outcome(sizes, dtype, affine, across)
    tolerance = 2e-4 if dtype is torch.float32 else 1e-10
    for a, b in zip(found, expected, strict=True):
        assert a.shape == b.shape
        scale = max(1.0, b.abs().max().item())
        assert torch.allclose(a, b, rtol=tolerance, atol=tolerance * scale)


@pytest.mark.parametrize("sizes", [(64, 300), (20, 16, 33, 31), (40, 600, 3, 3)])
def test_any_number_of_threads_gives_the_same_bits(sizes):
    threads, found = torch.get_num_threads(), []
    try:
        for count in (1, 2, 3, 16):
            torch.set_num_threads(count)
            found.append(outcome(sizes, torch.float32, True, lambda x: x))
    finally:
        torch.set_num_threads(threads)
    assert all(torch.equal(a, b) for other in found[1:] for a, b in zip(other, found[0]))


def test_a_large_mean_costs_no_digits():
    x = torch.randn(50, 3, 20, 20, dtype=torch.float64) + 1e4
    narrow = x.float()
    mean, var = narrow.double().mean((0, 2, 3)), narrow.double().var((0, 2, 3), correction=0)
    running = torch.zeros(3), torch.zeros(3)
    F.batch_norm(narrow, *running, None, None, True, 1.0)
    count = x.numel() // 3
    np.testing.assert_allclose(running[0].double(), mean, rtol=1e-7)
    np.testing.assert_allclose(running[1].double(), var * count / (count - 1), rtol=1e-5)


def test_running_statistics_are_written_in_place():
    x, mean, var, weight, bias = arguments((4, 3, 5), torch.float32)
    kept = var * 1
    before = mean._version
    with torch.no_grad():
        F.batch_norm(x, mean, var, weight, bias, True)
    assert mean._version > before and not torch.equal(var, kept)
    recorded = kept.clone().requires_grad_()
    F.batch_norm(x, None, recorded, weight, bias, True)
    assert torch.allclose(recorded, var)


def test_infinite_weights_and_values_stay_in_their_channel():
    for space in (4, 64):
        x = torch.randn(3, 4, space).requires_grad_()
        weight = torch.tensor([1.0, float("inf"), 1.0, 2.0])
        out = F.batch_norm(x, None, None, weight, torch.zeros(4), True)
        assert out[:, [0, 2, 3]].isfinite().all() and not out[:, 1].isfinite().any()
        y = x.detach().clone()
        y[0, 2, 1] = float("inf")
        out = F.batch_norm(y, None, None, None, None, True)
        assert out[:, [0, 1, 3]].isfinite().all() and out[:, 2].isnan().all()


def test_second_derivatives():
    x, mean, var, weight, bias = arguments((3, 2, 4), torch.float64)
    torch.autograd.gradcheck(
        lambda *t: F.batch_norm(t[0], None, None, *t[1:], True), (x, weight, bias)
    )
    torch.autograd.gradgradcheck(
        lambda *t: F.batch_norm(t[0], None, None, *t[1:], True), (x, weight, bias)
    )


@at_lower_levels
def test_lower_instruction_sets(level):
    run_at_level(
        level,
        "import flambeau as torch\n"
        "from tests.ops.test_batch_norm_way import SIZES, test_the_loops_agree_with_the_implementation as test\n"
        "for sizes in SIZES: test(sizes, torch.float32, True)\n",
    )
