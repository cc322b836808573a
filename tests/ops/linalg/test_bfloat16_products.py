"""Products of bfloat16: sums in float32, rounded once, of every shape and layout."""

import itertools

import numpy as np
import pytest

import flambeau as torch
from tests.at_level import at_lower_levels, run_at_level

SHAPES = [
    (1, 1, 1),
    (3, 17, 5),
    (8, 48, 32),
    (9, 49, 33),
    (64, 96, 256),
    (65, 100, 257),
    (70, 16, 1025),
    (5, 4, 4096),
    (130, 5, 129),
    # Few rows or columns, which no packed panel is made for.
    (1, 65, 33),
    (2, 300, 1025),
    (300, 1, 70),
    (130, 3, 31),
    (1, 1100, 300),
    (3, 2, 140_000),
    # Not deep: no sums leave the registers.
    (521, 70, 2),
    (201, 130, 3),
    (70, 300, 7),
    (1030, 64, 8),
    (300, 300, 1),
    (65, 33, 9),
    (131, 95, 63),
    (40, 128, 96),
    (67, 65, 95),
    # Many rows or columns, few terms.
    (300, 2, 3),
    (1, 500, 16),
    # Rows side by side, read beyond their ends; or pairs of them.
    *(
        (1, 301, 17),
        (2, 300, 24),
        (3, 203, 31),
        (400, 1, 5),
        (333, 1, 33),
        (1, 260, 64),
        (3, 100, 90),
    ),
    *((3, 1024, 20), (2, 1100, 257), (1, 33, 270)),
    # A right operand whose rows are paired in registers, or columns met by dots.
    *((32, 7, 259), (6, 6, 64), (4, 13, 95)),
    *((4, 64, 300), (7, 97, 501), (17, 31, 333), (40, 129, 65), (41, 160, 65), (13, 1030, 100)),
    # The right operand comes from afar.
    (5, 4801, 300),
    (70, 1000, 1101),
]


def operands(m, n, k, left, right):
    torch.manual_seed(m + n + k)
    a = torch.randn(*((k, m) if left else (m, k))).bfloat16()
    b = torch.randn(*((n, k) if right else (k, n))).bfloat16()
    return a.T if left else a, b.T if right else b


def check(ours, exact, size):
    """`exact` in float64, `size` the product of absolute values."""
    # Half a unit of bfloat16, and what float32 sums lose.
    bound = 2.0**-8 * np.abs(exact) + 2.0**-20 * size
    assert (np.abs(ours.double().numpy() - exact) <= bound).all()


@pytest.mark.parametrize("left, right", [*itertools.product([False, True], repeat=2)])
@pytest.mark.parametrize("m, n, k", SHAPES)
def test_every_layout(m, n, k, left, right):
    a, b = operands(m, n, k, left, right)
    x, y = a.double().numpy(), b.double().numpy()
    size = abs(x) @ abs(y)
    check(a @ b, x @ y, size)
    c = torch.randn(m, n).bfloat16()
    check(torch.addmm(c, a, b, alpha=0.5, beta=2), 2 * c.double().numpy() + 0.5 * (x @ y), 2 + size)
    check(torch.addmm(c, a, b), c.double().numpy() + x @ y, 1 + size)
    check(c.clone().addmm_(a, b), c.double().numpy() + x @ y, 1 + size)
    bias = torch.randn(n).bfloat16()
    linear = torch.nn.functional.linear(a, b.T, bias)
    check(linear, x @ y + bias.double().numpy(), 1 + size)


def test_stacks_and_gradients():
    torch.manual_seed(0)
    a, b = torch.randn(3, 40, 65).bfloat16(), torch.randn(3, 65, 50).bfloat16()
    for left, right in ((a, b), (a, b[:1].expand(3, -1, -1)), (a[:1].expand(3, -1, -1), b)):
        stacked = torch.bmm(left, right)
        assert torch.equal(stacked, torch.stack([x @ y for x, y in zip(left, right, strict=True)]))
    a.requires_grad_()
    slope = torch.randn(3, 40, 50).bfloat16()
    (grad,) = torch.autograd.grad(torch.bmm(a, b), a, slope)
    exact = slope.double() @ b.double().mT
    check(grad, exact.numpy(), (slope.double().abs() @ b.double().abs().mT).numpy())


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_sums_with_products_are_those_of_float32_rounded_once(dtype):
    torch.manual_seed(0)
    a, b = torch.randn(3, 40, 65, dtype=dtype), torch.randn(3, 65, 50, dtype=dtype)
    for c in (
        torch.randn(50, dtype=dtype),
        torch.randn(40, 1, dtype=dtype),
        torch.ones((), dtype=dtype),
    ):
        for beta in (0, 1):
            wide = torch.addmm(c.float(), a[0].float(), b[0].float(), beta=beta).to(dtype)
            assert torch.allclose(torch.addmm(c, a[0], b[0], beta=beta), wide, 0.008, 1e-5)
            wide = torch.baddbmm(c.float(), a.float(), b.float(), beta=beta).to(dtype)
            assert torch.allclose(torch.baddbmm(c, a, b, beta=beta), wide, 0.008, 1e-5)
    # What is rounded once keeps what the product alone would lose.
    one, small = torch.full((64, 1), 256.0, dtype=dtype), torch.full((1, 64), 1.0, dtype=dtype)
    less = torch.full((64, 64), 2.0**-6 if dtype == torch.float16 else 0.5, dtype=dtype)
    assert (
        torch.addmm(
            -256 * torch.ones(64, 64, dtype=dtype),
            torch.cat([one, less[:, :1]], 1),
            torch.cat([small, small]),
        )
        == less
    ).all()
    vector, sums = a[0, 0], torch.randn(40, dtype=dtype)
    wide = torch.addmv(sums.float(), a[0].float(), vector.float()).to(dtype)
    assert torch.allclose(torch.addmv(sums, a[0], vector), wide, 0.008, 1e-5)
    nan = torch.full((40, 50), torch.nan, dtype=dtype)
    assert torch.addmm(nan, a[0], b[0], beta=0).isfinite().all()
    x, y, z = (t.clone().requires_grad_() for t in (c.expand(40, 50), a[0], b[0]))
    grads = torch.autograd.grad(torch.addmm(x, y, z), (x, y, z), torch.ones(40, 50, dtype=dtype))
    assert [g.dtype for g in grads] == [dtype] * 3
    assert torch.allclose(grads[1], z.sum(1).expand(40, -1), 0.02, 0.05)


def test_what_is_not_finite_stays_in_its_row():
    a, b = operands(64, 96, 129, False, False)
    a[3, 128], a[5, 0] = float("inf"), float("nan")
    result = a @ b
    assert result[5].isnan().all()
    assert torch.equal(result[3], b[128].sign() * float("inf"))
    assert result[[0, 1, 2, 4, *range(6, 64)]].isfinite().all()


def test_any_number_of_threads_gives_the_same_bits():
    before = torch.get_num_threads()
    pairs = [
        operands(200, 300, 500, False, True),
        operands(1, 2000, 700, False, False),
        operands(3, 2, 300_000, False, True),
        operands(20, 4800, 300, False, False),
        operands(5, 150, 8001, False, False),
        operands(9, 1000, 1200, False, False),
    ]
    results = []
    try:
        for threads in (1, 2, 3, 16):
            torch.set_num_threads(threads)
            results.append([a @ b for a, b in pairs])
    finally:
        torch.set_num_threads(before)
    for result in results:
        assert all(torch.equal(x, y) for x, y in zip(result, results[0], strict=True))


def test_few_rows_overflow_as_a_sum_of_numbers_does():
    big = torch.full((1, 40), 2.0**100).bfloat16()
    signs = torch.ones(40, 1)
    signs[20:] = -1
    assert (big @ (signs * 2.0**100).bfloat16()).isnan().all()
    x = torch.ones(1, 40).bfloat16()
    x[0, 7] = float("inf")
    assert (x @ torch.ones(40, 2).bfloat16() == float("inf")).all()


@pytest.mark.parametrize("dtype, unit", [(torch.bfloat16, 2.0**-8), (torch.float16, 2.0**-11)])
def test_scaled_sums_are_rounded_once(dtype, unit):
    torch.manual_seed(0)
    c, a, b = (torch.randn(*s).to(dtype) for s in ((40, 50), (40, 70), (70, 50)))
    product = a.double() @ b.double()
    for alpha, beta in itertools.product((1, 2, -1, 3, 0.5, 1.1, 300), (0, 1, 0.5, -2, 0.3)):
        exact = beta * c.double() + alpha * product
        stacks = [t.expand(3, *t.shape) for t in (c, a, b)]
        for got in (
            torch.addmm(c, a, b, beta=beta, alpha=alpha),
            torch.baddbmm(*stacks, beta=beta, alpha=alpha)[1],
        ):
            error = (got.double() - exact).abs()
            assert (error <= 1.01 * unit * exact.abs() + 1e-4 * (1 + abs(alpha))).all()


def test_what_lies_behind_a_row_is_not_summed():
    """Rows of a wider matrix, among numbers that would show."""
    torch.manual_seed(0)
    for m, n, k in ((1, 70, 17), (2, 130, 40), (3, 90, 31), (1, 64, 7)):
        wide = torch.full((n, k + 13), float("nan")).bfloat16()
        wide[:, 4 : 4 + k] = torch.randn(n, k)
        b, a = wide[:, 4 : 4 + k], torch.randn(m, k).bfloat16()
        x, y = a.double().numpy(), b.double().numpy().T
        check(a @ b.T, x @ y, abs(x) @ abs(y))
        check((b @ a.T).T, x @ y, abs(x) @ abs(y))


PROGRAM = """
import itertools
from tests.ops.linalg import test_bfloat16_products as t
for shape in t.SHAPES:
    for left, right in itertools.product([False, True], repeat=2):
        t.test_every_layout(*shape, left, right)
t.test_few_rows_overflow_as_a_sum_of_numbers_does()
t.test_what_lies_behind_a_row_is_not_summed()
"""


@at_lower_levels
def test_lower_instruction_sets(level):
    run_at_level(level, PROGRAM)
