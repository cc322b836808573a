"""Stacks of products of a few numbers each, in every layout."""

import itertools

import numpy as np
import pytest

import flambeau as fl
from tests.on_threads import on_threads

RANDOM = np.random.default_rng(8)


def _stack(count, m, n, dtype):
    A = RANDOM.standard_normal((count, m, n))
    return (A + 1j * RANDOM.standard_normal(A.shape) if "complex" in dtype else A).astype(dtype)


def _layouts(A):
    """The same stack by rows, by columns, with steps, and where it fits with one matrix for all."""
    t = fl.from_numpy(A)
    yield t
    yield fl.from_numpy(A.swapaxes(1, 2).copy()).mT
    yield t.repeat_interleave(2, -1)[..., ::2]
    yield t.repeat_interleave(3, 0)[::3]
    if len(A):
        yield fl.from_numpy(A[:1].copy()).expand(A.shape)


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128"])
def test_little_products(dtype):
    tolerance = 30 * np.finfo(dtype).eps
    wide = "complex128" if "complex" in dtype else "float64"
    sizes = [*itertools.product((1, 3, 4, 5), (1, 8, 9), (1, 2, 3, 4, 5)), (2, 0, 3)]
    for (m, k, n), count in itertools.product(sizes, (2, 5)):
        left, right = _stack(count, m, k, dtype), _stack(count, k, n, dtype)
        for a, b in itertools.product(_layouts(left), _layouts(right)):
            expected = a.numpy().astype(wide) @ b.numpy().astype(wide)
            np.testing.assert_allclose(fl.matmul(a, b).numpy(), expected, rtol=tolerance, atol=tolerance)  # fmt: skip


def test_little_products_with_any_number_of_threads():
    a, b = (fl.from_numpy(_stack(20000, 3, 3, "float32")) for _ in range(2))
    found = on_threads(lambda: (a @ b).numpy().tobytes())
    assert found == [found[0]] * 4


def test_little_products_meet_infinities_and_nan():
    a = fl.tensor([[[fl.inf, 1.0], [0.0, 2.0]], [[1.0, fl.nan], [0.0, 2.0]]])
    b = fl.tensor([[[1.0, 0.0], [1.0, 1.0]], [[1.0, 0.0], [1.0, 1.0]]])
    np.testing.assert_array_equal(
        (a @ b).numpy(),
        [[[np.inf, np.nan], [2, 2]], [[np.nan, np.nan], [2, 2]]],
    )


def test_baddbmm_of_little_products():
    a, b, c = (fl.randn(5, 3, 3, dtype=fl.float64) for _ in range(3))
    found = fl.baddbmm(c, a, b, beta=0.5, alpha=2)
    np.testing.assert_allclose(found.numpy(), 0.5 * c.numpy() + 2 * (a.numpy() @ b.numpy()))


@pytest.mark.parametrize("rows", [1, 2, 3, 4])
@pytest.mark.parametrize("depth", [0, 1, 31, 65, 257, 1025])
@pytest.mark.parametrize("columns", [1, 5, 300])
def test_few_rows_of_float16_by_a_transposed_matrix(rows, depth, columns):
    generator = np.random.default_rng(depth)
    make = lambda *sizes: generator.standard_normal(sizes).astype("float16")
    left, right, bias = make(rows, depth), make(columns, depth), make(columns)
    product = left.astype("float64") @ right.T.astype("float64")
    limit = 1e-3 * np.maximum(1, np.abs(product).max(initial=0))
    a, b, c = (fl.from_numpy(t) for t in (left, right, bias))
    for got, wanted in (
        (a @ b.t(), product),
        (fl.nn.functional.linear(a, b, c), product + bias),
        (fl.addmm(c, a, b.t(), alpha=0.5), 0.5 * product + bias),
        (a.t().contiguous().t() @ b.t(), product),
        ((a.expand(2, rows, depth) @ b.t().expand(2, depth, columns))[1], product),
    ):
        assert got.dtype is fl.float16
        assert np.abs(got.double().numpy() - wanted).max(initial=0) <= limit + 2e-3
