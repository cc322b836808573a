"""Products of complex numbers, which are products of reals: every shape and layout."""

import itertools

import pytest

import flambeau as torch
from tests.at_level import at_lower_levels, run_at_level

SHAPES = [
    (4, 8, 1),
    (5, 9, 3),
    (17, 23, 19),
    (65, 66, 64),
    (257, 129, 33),
    (300, 37, 400),
    (33, 9, 5000),
    (260, 9, 8200),
    (8, 12, 20_000),
    (300, 1000, 70),
    (8, 8, 0),
    # A few columns, and a few rows.
    (64, 5, 9),
    (3, 70, 9),
    (1, 300, 70),
    (300, 1, 70),
    (2, 65, 33),
    (65, 2, 33),
    *((1, 1, 70_000), (1, 1, 1), (1, 1, 17), (1, 1, 16_385)),
]


def operands(m, n, k, left, right, dtype):
    torch.manual_seed(m + n + k)
    a = torch.randn(*((k, m) if left else (m, k)), dtype=dtype)
    b = torch.randn(*((n, k) if right else (k, n)), dtype=dtype)
    return a.T if left else a, b.T if right else b


def check(got, exact, size, dtype, k):
    """`size`: the product of absolute values."""
    bound = (2 * k + 8) * torch.finfo(dtype).eps * size
    assert (abs(got.numpy() - exact) <= bound).all()


@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128], ids=str)
@pytest.mark.parametrize("left, right", [*itertools.product([False, True], repeat=2)])
@pytest.mark.parametrize("m, n, k", SHAPES)
def test_every_layout(m, n, k, left, right, dtype):
    a, b = operands(m, n, k, left, right, dtype)
    x, y = a.numpy().astype("complex128"), b.numpy().astype("complex128")
    exact, size = x @ y, abs(x) @ abs(y)
    check(a @ b, exact, size, dtype, k)
    for c in (torch.randn(m, n, dtype=dtype), torch.randn(n, dtype=dtype)):
        z = c.numpy().astype("complex128")
        got = torch.addmm(c, a, b, alpha=0.5, beta=-2)
        check(got, 0.5 * exact - 2 * z, 0.5 * size + 2 * abs(z), dtype, k)
    result = torch.full((m, n + 3), float("nan"), dtype=dtype)
    torch.mm(a, b, out=result[:, 1 : n + 1])
    check(result[:, 1 : n + 1], exact, size, dtype, k)
    assert result[:, 0].isnan().all() and result[:, n + 1 :].isnan().all()


@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128], ids=str)
def test_batches_of_views(dtype):
    for batch, m, n, k in [
        (3, 17, 23, 9),
        (70, 4, 8, 8),
        (5, 1, 60, 33),
        (2, 70, 2, 300),
        (2, 100, 130, 90),
    ]:
        torch.manual_seed(m)
        a = torch.randn(batch, 2 * m, k + 1, dtype=dtype)[:, ::2, 1:]
        b = torch.randn(batch, n, k + 2, dtype=dtype)[:, :, :k].mT
        shared = b[:1].expand(batch, k, n)
        for right in (b, b.contiguous(), shared):
            x, y = a.numpy().astype("complex128"), right.numpy().astype("complex128")
            check(torch.bmm(a, right), x @ y, abs(x) @ abs(y), dtype, k)


@at_lower_levels
def test_lower_instruction_sets(level):
    program = """
import flambeau as torch
from tests.ops.linalg import test_complex_products as tests
for dtype in (torch.complex64, torch.complex128):
    for m, n, k in (s for s in tests.SHAPES if s[0] * s[1] * s[2] < 1 << 20):
        for left in (False, True):
            tests.test_every_layout(m, n, k, left, True, dtype)
            tests.test_every_layout(m, n, k, not left, False, dtype)
"""
    run_at_level(level, program)


def test_bits_do_not_depend_on_threads():
    operand = torch.randn(300, 300, dtype=torch.complex64)
    narrow = torch.randn(300, 1, dtype=torch.complex64)
    threads = torch.get_num_threads()
    try:
        for a, b in (
            (operand, operand),
            (operand.T, operand),
            (operand, narrow),
            (operand.T, narrow),
        ):
            results = []
            for n in (1, 2, 3, 16):
                torch.set_num_threads(n)
                results.append((a @ b).numpy().tobytes())
            assert len(set(results)) == 1
    finally:
        torch.set_num_threads(threads)


def test_a_nan_and_an_infinity_stay_in_their_rows():
    a = torch.ones(40, 40, dtype=torch.complex64)
    a[3, 5] = float("nan")
    a[7, 5] = float("inf")
    for b in (a.new_ones(40, 40), a.new_ones(40, 1)):
        result = a @ b
        assert result[3].isnan().all() and result[7].real.isinf().all()
        assert (result[[0, 1, 2, 4, 39]] == 40).all()
