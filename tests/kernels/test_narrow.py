"""The narrow dtypes in kernels: every code of float8 and what rounds to it, complex32."""

import numpy as np
import pytest

from flambeau.kernels import Map
from flambeau.kernels.interpret.pointwise import float8_codes, float8_values, interpret_map
from flambeau.kernels.types import FLOAT8
from tests.kernels.harness import call

SAME = Map(lambda x: x, "same")
PRODUCT = Map(lambda x, y: x * y, "mul")
CODES = np.arange(256, dtype=np.uint8)


def convert(x, source, target, out):
    result = np.empty((1, len(x)), out)
    address = SAME.compile([source], [source], [target], "cc")
    call(address, [result], [np.ascontiguousarray(x).reshape(1, -1)])
    return result[0]


def numbers(seed=0):
    rng = np.random.default_rng(seed)
    spread = rng.standard_normal(20000) * np.exp2(rng.uniform(-140, 130, 20000))
    near = rng.standard_normal(20000) * np.exp2(rng.uniform(-20, 18, 20000))
    with np.errstate(over="ignore"):
        return np.concatenate([spread, near, [0.0, -0.0, np.inf, -np.inf, np.nan]]).astype(
            np.float32
        )


@pytest.mark.parametrize("dtype", sorted(FLOAT8))
def test_every_float8_code_is_its_number(dtype):
    got = convert(CODES, dtype, "float32", np.float32)
    np.testing.assert_array_equal(got, float8_values(dtype))
    zeros = float8_values(dtype) == 0
    np.testing.assert_array_equal(np.signbit(got[zeros]), np.signbit(float8_values(dtype)[zeros]))


@pytest.mark.parametrize("dtype", sorted(FLOAT8))
def test_floats_round_to_the_nearest_float8(dtype):
    # Beside random numbers: each number that has a code, and what lies halfway between two.
    exact = float8_values(dtype)
    known = np.sort(exact[np.isfinite(exact)]).astype(np.float64)
    halfway = ((known[:-1] + known[1:]) / 2).astype(np.float32)
    for x in (exact, halfway, np.nextafter(halfway, np.float32(np.inf)), numbers()):
        np.testing.assert_array_equal(
            convert(x, "float32", dtype, np.uint8), float8_codes(x, dtype)
        )


@pytest.mark.parametrize("dtype", sorted(FLOAT8))
def test_float8_survives_being_read_and_written(dtype):
    nan = np.isnan(float8_values(dtype))
    np.testing.assert_array_equal(convert(CODES, dtype, dtype, np.uint8)[~nan], CODES[~nan])


def test_complex32_is_two_float16():
    rng = np.random.default_rng(0)
    for n in (1, 7, 16, 257):
        x = (rng.standard_normal(n) + 1j * rng.standard_normal(n)).astype(np.complex64)
        halves = x.view(np.float32).astype(np.float16)
        got = convert(x, "complex64", "complex32", np.uint32)
        np.testing.assert_array_equal(got.view(np.float16), halves)
        back = convert(got, "complex32", "complex64", np.complex64)
        np.testing.assert_array_equal(back.view(np.float32), halves.astype(np.float32))
        product = np.empty((1, n), np.uint32)
        dtypes = ["complex32", "complex32"]
        address = PRODUCT.compile(dtypes, dtypes, dtypes[:1], "ccc")
        call(address, [product], [got.reshape(1, -1)] * 2)
        product = product[0]
        (expected,) = interpret_map(PRODUCT, [got, got], dtypes, dtypes, dtypes[:1])
        np.testing.assert_allclose(
            product.view(np.float16).astype(np.float32),
            expected.view(np.float16).astype(np.float32),
            rtol=2e-3,
            atol=2e-3,
        )
