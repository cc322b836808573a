"""Products of integers, which wrap around, and of bfloat16: every path of csrc/kernels/gemm/words.cpp."""

import itertools

import numpy
import pytest

import flambeau
from tests.at_level import at_lower_levels, run_at_level
from tests.ops.layouts import MATRICES, matrix_in

DTYPES = ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"]
SHAPES = [
    (1, 1, 1), (1, 65, 1), (0, 3, 2), (3, 0, 2), (2, 3, 0), (1, 257, 65), (65, 257, 1), (3, 5, 300),
    (300, 7, 2), (4, 1, 4), (17, 16, 15), (33, 65, 31), (65, 257, 49), (130, 3, 97), (8, 1025, 24),
    (70, 1, 300), (31, 2, 1030), (9, 5, 4100), (200, 8, 65), (40, 7, 301), (64, 4, 256),
]  # fmt: skip


def matrix(layout, rows, columns, dtype):
    """Numbers over the whole range, in a layout."""
    info = numpy.iinfo(dtype)

    def numbers(*shape):
        generator = numpy.random.default_rng(rows * 1000 + columns)
        return flambeau.from_numpy(
            generator.integers(info.min, info.max, shape, dtype=dtype, endpoint=True)
        )

    return matrix_in(layout, rows, columns, numbers)


@pytest.mark.parametrize("dtype", DTYPES)
def test_products_of_integers_wrap_around(dtype):
    for number, (M, K, N) in enumerate(SHAPES):
        for left, right in itertools.product(MATRICES[:2], MATRICES[:2]):
            a, b = matrix(left, M, K, dtype), matrix(right, K, N, dtype)
            assert ((a @ b).numpy() == a.numpy() @ b.numpy()).all(), (M, K, N, left, right)
        left, right = MATRICES[2 + number % 4], MATRICES[2 + number // 4 % 4]
        a, b = matrix(left, M, K, dtype), matrix(right, K, N, dtype)
        assert ((a @ b).numpy() == a.numpy() @ b.numpy()).all(), (M, K, N, left, right)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "int32", "int64"])
def test_sums_vectors_and_stacks_of_integers(dtype):
    a, b, c = (matrix("plain", *s, dtype) for s in ((33, 65), (65, 40), (33, 40)))
    product = a.numpy() @ b.numpy()
    got = flambeau.addmm(c, a, b, beta=3, alpha=-2 if dtype != "uint8" else 2)
    factor = numpy.array(-2 if dtype != "uint8" else 2).astype(dtype)
    assert (got.numpy() == c.numpy() * numpy.array(3).astype(dtype) + product * factor).all()
    assert (flambeau.addmm(c[0], a, b).numpy() == c.numpy()[0] + product).all()
    assert (flambeau.mv(a, b[:, 0]).numpy() == product[:, 0]).all()
    assert flambeau.dot(a[0], b[:, 0]).item() == product[0, 0]
    stack, other = a.expand(5, 33, 65), flambeau.stack([b, b + 1, b + 2, b + 3, b + 4])
    assert (flambeau.bmm(stack, other).numpy() == stack.numpy() @ other.numpy()).all()
    a, b, c = (matrix("plain", *s, dtype) for s in ((30, 3), (3, 1500), (30, 1500)))
    product = a.numpy() @ b.numpy()
    got = flambeau.addmm(c, a, b, beta=3)
    assert (got.numpy() == c.numpy() * numpy.array(3).astype(dtype) + product).all()
    few = stack[:, :2]
    assert (flambeau.bmm(few, other).numpy() == few.numpy() @ other.numpy()).all()
    got = flambeau.einsum("ij,kj->ik", a, b.t().contiguous())
    assert (got.numpy() == product).all()


def test_a_long_dot_product_of_integers_is_cut():
    a = matrix("plain", 1, 300_001, "int64")[0]
    assert flambeau.dot(a, a).item() == numpy.dot(a.numpy(), a.numpy())


def test_products_are_the_same_for_any_number_of_threads():
    a, b = matrix("plain", 257, 300, "int32"), matrix("transposed", 300, 129, "int32")
    x, y = (t.to(flambeau.bfloat16) / 2**31 for t in (a, b))
    long = matrix("plain", 1, 300_001, "int64")
    before, results = flambeau.get_num_threads(), []
    try:
        for n in (1, 2, 3, 16):
            flambeau.set_num_threads(n)
            results.append([(a @ b).numpy(), (x @ y).float().numpy(), (long @ long.t()).numpy()])
    finally:
        flambeau.set_num_threads(before)
    for result in results[1:]:
        assert all((r == s).all() for r, s in zip(result, results[0], strict=True))


PROGRAM = """
import numpy, flambeau
rng = numpy.random.default_rng(0)
for dtype in ("int8", "uint8", "int16", "int32", "int64"):
    info = numpy.iinfo(dtype)
    for M, K, N in ((2, 65, 33), (17, 65, 33), (40, 257, 70), (9, 4, 200)):
        a, b = (rng.integers(info.min, info.max, s, dtype=dtype) for s in ((M, K), (K, N)))
        for x, y in ((a, b), (a.T.copy().T, b.T.copy().T)):
            got = flambeau.from_numpy(x.copy()) if x is a else flambeau.from_numpy(a.T.copy()).t()
            other = flambeau.from_numpy(b) if y is b else flambeau.from_numpy(b.T.copy()).t()
            assert ((got @ other).numpy() == a @ b).all(), (dtype, M, K, N)
"""


@at_lower_levels
def test_integers_at_lower_instruction_sets(level):
    run_at_level(level, PROGRAM)
