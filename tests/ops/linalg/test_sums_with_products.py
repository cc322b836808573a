"""Sums with products by factors, and dots of vectors with gaps, in every dtype."""

import numpy
import pytest

import flambeau

rng = numpy.random.default_rng(8)

WHOLE = ("int64", "int32", "int16", "int8", "uint8")


def numbers_of(dtype, *sizes):
    """Small random numbers as a tensor, and as an array in which their products are exact or nearly so."""
    array = rng.integers(0, 6, sizes) - (0 if dtype == "uint8" else 3)
    array = array if dtype in WHOLE else array + rng.standard_normal(sizes).astype("float32")
    if dtype.startswith("complex"):
        array = array + 1j * rng.standard_normal(sizes).astype("float32")
    tensor = flambeau.from_numpy(numpy.asarray(array)).to(getattr(flambeau, dtype))
    wide = tensor.to(flambeau.complex128 if tensor.is_complex() else flambeau.float64)
    return tensor, tensor.numpy() if dtype in WHOLE else wide.numpy()


def assert_near(found, expected, dtype):
    if dtype in WHOLE:
        numpy.testing.assert_array_equal(found.numpy(), expected.astype(dtype))
        return
    wide = found.to(flambeau.complex128 if found.is_complex() else flambeau.float64).numpy()
    tolerance = {"float16": 2e-3, "bfloat16": 2e-2}.get(dtype, 1e-5)
    numpy.testing.assert_allclose(wide, expected, rtol=tolerance, atol=tolerance * 50)


@pytest.mark.parametrize(
    "dtype", ["float32", "float64", "float16", "bfloat16", "complex64", *WHOLE]
)
@pytest.mark.parametrize(
    "beta, alpha", [(1, 1), (3, 2), (0, 1), (1, -2), (0, 3), (1, 0), (0.5, 1), (1, 0.25)]
)
def test_scaled_sums_with_products_of_any_dtype(dtype, beta, alpha):
    if dtype in WHOLE and (isinstance(beta, float) or isinstance(alpha, float)):
        return
    if dtype == "uint8":
        alpha = abs(alpha)
    for M, K, N in ((1, 1, 1), (1, 5, 1), (5, 1, 7), (2, 0, 3), (17, 9, 33)):
        for name, front in (("addmm", ()), ("baddbmm", (3,))):
            c, exact_c = numbers_of(dtype, *front, M, N)
            a, exact_a = numbers_of(dtype, *front, M, K)
            b, exact_b = numbers_of(dtype, *front, K, N)
            expected = beta * exact_c + alpha * (exact_a @ exact_b)
            assert_near(getattr(flambeau, name)(c, a, b, beta=beta, alpha=alpha), expected, dtype)
            assert_near(getattr(c, name + "_")(a, b, beta=beta, alpha=alpha), expected, dtype)
        c, exact_c = numbers_of(dtype, M, N)
        x, exact_x = numbers_of(dtype, M)
        y, exact_y = numbers_of(dtype, N)
        outer = exact_x[:, None] * exact_y
        assert_near(
            flambeau.addr(c, x, y, beta=beta, alpha=alpha), beta * exact_c + alpha * outer, dtype
        )
        sums = beta * exact_x + alpha * (exact_c @ exact_y)
        assert_near(flambeau.addmv(x, c, y, beta=beta, alpha=alpha), sums, dtype)


@pytest.mark.parametrize(
    "dtype", ["float32", "float64", "float16", "bfloat16", "complex64", *WHOLE]
)
def test_dots_of_vectors_with_gaps(dtype):
    for n in (0, 1, 2, 17, 1024, 1025, 20_000):
        for left, right in ((2, 1), (1, 3), (2, 2), (0, 1)):
            x, exact_x = numbers_of(dtype, n * left + 1)
            y, exact_y = numbers_of(dtype, n * right + 1)
            x, y = x.as_strided((n,), (left,)), y.as_strided((n,), (right,))
            at = numpy.arange(n)
            expected = (exact_x[at * left] * exact_y[at * right]).sum()
            found = flambeau.dot(x, y)
            if dtype in WHOLE:
                assert found.item() == numpy.asarray(expected).astype(dtype).item()
            else:
                tolerance = {"float16": 2e-3, "bfloat16": 1e-2}.get(dtype, 1e-5)
                assert abs(found.item() - expected) <= tolerance * (abs(expected) + 10 * n**0.5)


@pytest.mark.parametrize("dtype", ("float32", "complex64", "int64"))
def test_inner_of_vectors_and_addr_of_a_row(dtype):
    u, wide_u = numbers_of(dtype, 5)
    v, wide_v = numbers_of(dtype, 5)
    matrix, wide_matrix = numbers_of(dtype, 3, 5)
    assert_near(flambeau.inner(u, v), numpy.inner(wide_u, wide_v), dtype)
    assert_near(flambeau.inner(matrix, v), numpy.inner(wide_matrix, wide_v), dtype)
    assert_near(flambeau.addr(u, v, v), wide_u + numpy.outer(wide_v, wide_v), dtype)
    with pytest.raises(RuntimeError):
        flambeau.inner(u, v.to(flambeau.complex128))


@pytest.mark.parametrize("dtype", ("float16", "bfloat16"))
@pytest.mark.parametrize("rows, columns", ((0, 3), (1, 1), (5, 7), (65, 257)))
def test_addr_of_halves_rounds_the_product_first(dtype, rows, columns):
    u, v = numbers_of(dtype, rows)[0], numbers_of(dtype, columns)[0]
    for c in (numbers_of(dtype, rows, columns)[0], v):
        result = flambeau.addr(c, u, v)
        assert result.dtype == c.dtype and result.shape == (rows, columns)
        rounded = (u.float().unsqueeze(1) * v.float()).to(c.dtype)
        assert flambeau.equal(result, (c.float() + rounded.float()).to(c.dtype))
