"""Reductions against NumPy in float64: every mode, stage, dtype and odd length."""

import numpy as np
import pytest

from flambeau.kernels.interpret.rows import interpret_reduce
from flambeau.kernels.schedules import reductions as R
from tests.kernels.calls import in_parts, reduce_call

LENGTHS = [1, 2, 3, 7, 15, 16, 17, 31, 63, 64, 65, 127, 129, 1000, 2047, 5001]
INTS = ["uint8", "int8", "int16", "int32", "int64", "uint16", "uint32"]
rng = np.random.default_rng(3)


def sample(dtype, shape):
    if dtype == "bool":
        return rng.random(shape) < 0.3
    if dtype.startswith("complex"):
        return (rng.normal(size=shape) + 1j * rng.normal(size=shape)).astype(dtype)
    if dtype.startswith("float"):
        return (rng.normal(size=shape) + 0.5).astype(dtype)
    info = np.iinfo(dtype)
    return rng.integers(
        max(info.min, -1000), min(info.max, 1000), size=shape, endpoint=True
    ).astype(dtype)


def layouts(dtype, n_out, n_red):
    """(mode, array of shape (n_out, 1, n_red)) with the strides that the mode allows."""
    whole = sample(dtype, (n_out, n_red))
    yield "r", whole[:, None, :]
    yield "o", np.ascontiguousarray(whole.T).T[:, None, :]
    wide = np.zeros((n_out * 2, n_red * 3), dtype)
    wide[::2, ::3] = whole
    yield "g", wide[::2, ::3][:, None, :]


def close(got, expected, dtype, n_red=1):
    """Equal but for rounding: the partial sums of n_red signed numbers grow with its square root."""
    eps = {"float16": 1e-3, "float32": 2e-7, "complex64": 3e-7}.get(dtype, 4e-15)
    np.testing.assert_allclose(got, expected, rtol=eps * 4, atol=eps * 4 * n_red**0.5)


def check(reduction, expected_of, dtype, out_dtypes, n_out, n_red, params=(), exact=False):
    for mode, a in layouts(dtype, n_out, n_red):
        flat = a[:, 0, :]
        expected = expected_of(flat)
        expected = expected if isinstance(expected, tuple) else (expected,)
        parts = min(n_red, 3)
        for outputs in (
            reduce_call(reduction, [a], out_dtypes, mode, params=params),
            in_parts(reduction, [a], out_dtypes, mode, parts, params),
        ):
            for got, want, out in zip(outputs, expected, out_dtypes):
                if exact:
                    np.testing.assert_array_equal(got, want, err_msg=f"{mode} {n_out} {n_red}")
                else:
                    close(got, want, out, n_red)


def wide(a):
    return a.astype("complex128" if a.dtype.kind == "c" else "float64")


@pytest.mark.parametrize("n_red", LENGTHS)
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "complex64", "complex128"])
def test_sum_of_floats(dtype, n_red):
    check(R.sum_, lambda a: wide(a).sum(1), dtype, (dtype,), 5, n_red)


@pytest.mark.parametrize("dtype", [*INTS, "bool"])
def test_sum_and_prod_of_integers_wrap_at_64_bits(dtype):
    for n_red in (1, 40, 3000):
        check(R.sum_, lambda a: a.astype("int64").sum(1), dtype, ("int64",), 3, n_red, exact=True)
        check(R.prod, lambda a: a.astype("int64").prod(1), dtype, ("int64",), 3, n_red, exact=True)


def test_sum_is_as_accurate_as_one_rounding():
    a = rng.random((1, 1, 1 << 20), dtype="float32")
    exact = a.astype("float64").sum()
    for mode in "rg":
        (got,) = reduce_call(R.sum_, [a], ("float32",), mode)
        assert abs(got[0] - exact) <= 1.0 * np.spacing(np.float32(exact))


@pytest.mark.parametrize("n_out", [1, 4, 15, 16, 17, 63, 64, 65, 200])
def test_across_outputs_of_any_number(n_out):
    check(R.sum_, lambda a: wide(a).sum(1), "float32", ("float32",), n_out, 70)
    check(R.argmax, lambda a: a.argmax(1), "float32", ("int64",), n_out, 70, exact=True)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_mean_prod_nansum_and_dot(dtype):
    for n_red in (1, 17, 300):
        check(R.mean, lambda a: wide(a).mean(1), dtype, (dtype,), 4, n_red)
        check(R.prod, lambda a: wide(a).prod(1), dtype, (dtype,), 4, min(n_red, 20))
    a = sample(dtype, (3, 1, 100))
    b = sample(dtype, (3, 1, 100))
    (got,) = reduce_call(R.dot, [a, b], (dtype,), "r")
    close(got, (wide(a) * wide(b)).sum((1, 2)), dtype)
    a[0, 0, 5] = a[2, 0, 99] = np.nan
    (got,) = reduce_call(R.nansum, [a], (dtype,), "r")
    close(got, np.nansum(wide(a), (1, 2)), dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", *INTS, "bool"])
def test_extrema_and_their_positions(dtype):
    for n_red in (1, 5, 16, 130, 700):
        check(R.amax, lambda a: a.max(1), dtype, (dtype,), 5, n_red, exact=True)
        check(R.amin, lambda a: a.min(1), dtype, (dtype,), 5, n_red, exact=True)
        check(R.argmax, lambda a: a.argmax(1), dtype, ("int64",), 5, n_red, exact=True)
        check(
            R.min_with_index,
            lambda a: (a.min(1), a.argmin(1)),
            dtype,
            (dtype, "int64"),
            5,
            n_red,
            exact=True,
        )


@pytest.mark.parametrize("mode", "rg")
def test_extrema_with_nan_infinities_and_ties(mode):
    a = np.zeros((4, 1, 100), "float32")
    a[0] = -np.inf
    a[1, 0, [40, 70]] = np.nan
    a[2, 0, [33, 34, 90]] = np.inf
    a[3] = np.nan
    for call in (reduce_call, lambda *x: in_parts(*x, 4)):
        values, at = call(R.max_with_index, [a], ("float32", "int64"), mode)
        np.testing.assert_array_equal(values, [-np.inf, np.nan, np.inf, np.nan])
        np.testing.assert_array_equal(at, [0, 40, 33, 0])
        (low,) = call(R.amin, [a], ("float32",), mode)
        np.testing.assert_array_equal(low, [-np.inf, np.nan, 0, np.nan])
        (low,) = call(R.amin_of_floats, [a], ("float32",), mode)
        np.testing.assert_array_equal(low, [-np.inf, np.nan, 0, np.nan])
        (high,) = call(R.amax_of_floats, [a], ("float32",), mode)
        np.testing.assert_array_equal(high, [-np.inf, np.nan, np.inf, np.nan])
        low, high = call(R.aminmax_of_floats, [a], ("float32",) * 2, mode)
        np.testing.assert_array_equal(low, [-np.inf, np.nan, 0, np.nan])
        np.testing.assert_array_equal(high, [-np.inf, np.nan, np.inf, np.nan])


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
def test_extrema_of_floats_are_those_of_any_dtype(dtype):
    for n_red in (1, 5, 16, 17, 130, 700):
        a = sample(dtype, (11, 1, n_red))
        for row, at in enumerate((0, n_red // 2, n_red - 1)):
            a[row, 0, at] = np.nan
        a[3], a[4] = -np.inf, np.inf
        for name in ("amax", "amin", "aminmax"):
            out = (dtype,) * (2 if name == "aminmax" else 1)
            one, other = (
                reduce_call(getattr(R, name + end), [a], out, "r") for end in ("", "_of_floats")
            )
            for x, y in zip(one, other):
                np.testing.assert_array_equal(x, y)


def test_any_all_count():
    for n_red in (1, 63, 500):
        for dtype in ("bool", "float32", "int8"):
            check(R.any_, lambda a: (a != 0).any(1), dtype, ("bool",), 4, n_red, exact=True)
            check(R.all_, lambda a: (a != 0).all(1), dtype, ("bool",), 4, n_red, exact=True)
            check(
                R.count_nonzero, lambda a: (a != 0).sum(1), dtype, ("int64",), 4, n_red, exact=True
            )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_variance_far_from_zero(dtype):
    for n_red in (2, 33, 1000):
        shifted = R.var_mean.of(lambda x: x + 1000, "shifted")
        for mode, a in layouts(dtype, 3, n_red):
            there = (a + a.dtype.type(1000)).astype("float64")
            expected = there.var(2, ddof=1)[:, 0], there.mean(2)[:, 0]
            for got in (
                reduce_call(shifted, [a], (dtype,) * 2, mode, params=[1.0]),
                in_parts(shifted, [a], (dtype,) * 2, mode, 2, [1.0]),
            ):
                tolerance = 2e-6 if dtype == "float32" else 1e-13
                np.testing.assert_allclose(got[0], expected[0], rtol=tolerance)
                np.testing.assert_allclose(got[1], expected[1], rtol=1e-6)


def test_variance_of_too_few_elements():
    a = np.ones((2, 1, 1), "float32")
    for correction, expected in ((1.0, np.nan), (0.0, 0.0)):
        (got,) = reduce_call(R.var, [a], ("float32",), "r", params=[correction])
        np.testing.assert_array_equal(got, [expected] * 2)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_logsumexp(dtype):
    from scipy.special import logsumexp

    for n_red in (1, 20, 333):
        check(R.logsumexp, lambda a: logsumexp(wide(a), axis=1), dtype, (dtype,), 3, n_red)
    a = np.full((3, 1, 50), -np.inf, dtype)
    a[1, 0, 7], a[2, 0, 9] = np.inf, 1000
    (got,) = reduce_call(R.logsumexp, [a], (dtype,), "r")
    np.testing.assert_array_equal(got, [-np.inf, np.inf, 1000])


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64"])
def test_norms(dtype):
    real = "float64" if dtype == "float64" else "float32"
    for n_red in (1, 100):
        for reduction, p, params in (
            (R.norm2, 2, ()),
            (R.norm1, 1, ()),
            (R.norm_inf, np.inf, ()),
            (R.norm_minus_inf, -np.inf, ()),
            (R.norm0, 0, ()),
            (R.norm, 3, (3.0,)),
        ):
            check(
                reduction,
                lambda a, p=p: np.linalg.norm(wide(a), p, axis=1),
                dtype,
                (real,),
                3,
                n_red,
                params,
            )


def test_empty_reductions_give_what_finish_makes_of_the_start():
    a = np.zeros((3, 1, 0), "float32")
    for reduction, out, expected in (
        (R.sum_, "float32", 0),
        (R.prod, "float32", 1),
        (R.mean, "float32", np.nan),
        (R.amax, "float32", -np.inf),
        (R.all_, "bool", True),
        (R.norm2, "float32", 0),
        (R.logsumexp, "float32", -np.inf),
    ):
        for mode in "rog":
            (got,) = reduce_call(reduction, [a], (out,), mode)
            np.testing.assert_array_equal(got, [expected] * 3)
    (none,) = reduce_call(R.sum_, [np.zeros((0, 1, 5), "float32")], ("float32",), "r")
    assert none.shape == (0,)


def test_two_reduced_dims_and_positions_across_them():
    a = sample("float32", (6, 5, 40))
    for b, mode in (
        (a, "r"),
        (a.transpose(1, 0, 2), "r"),
        (a.transpose(2, 0, 1), "o"),
        (a.transpose(2, 1, 0), "o"),
        (a.transpose(1, 2, 0), "g"),
    ):
        (got,) = reduce_call(R.sum_, [b], ("float32",), mode)
        close(got, b.sum((1, 2), dtype="float64"), "float32")
        (at,) = reduce_call(R.argmin, [b], ("int64",), mode)
        np.testing.assert_array_equal(at, b.reshape(len(b), -1).argmin(1))


def test_bfloat16_is_summed_in_wider_numbers():
    bits = (np.full((2, 1, 3000), 1.0, "float32").view("uint32") >> 16).astype("uint16")
    (got,) = reduce_call(R.sum_, [bits], ("float32",), "r", in_dtypes=("bfloat16",))
    np.testing.assert_array_equal(got, [3000, 3000])


def test_an_operand_may_be_one_value_along_the_lanes():
    a = sample("float32", (4, 1, 50))
    mean = np.broadcast_to(a.mean(2, keepdims=True), a.shape)
    spread = R.sum_.of(lambda x, m: (x - m) * (x - m), "spread", n_in=2)
    (got,) = reduce_call(spread, [a, mean], ("float32",), "rcs")
    close(got, ((a - mean).astype("float64") ** 2).sum((1, 2)), "float32")


@pytest.mark.parametrize(
    "name",
    [
        "sum_",
        "mean",
        "nanmean",
        "prod",
        "amax",
        "argmin",
        "any_",
        "norm2",
        "max_with_index",
        "logsumexp",
        "count_nonzero",
        "aminmax",
    ],
)
@pytest.mark.parametrize("dtype", ["float32", "int32", "float16"])
def test_agrees_with_the_interpreter(name, dtype):
    reduction = getattr(R, name)
    a = sample(dtype, (3, 1, 9))
    out = {
        "argmin": ("int64",),
        "any_": ("bool",),
        "max_with_index": (dtype, "int64"),
        "aminmax": (dtype,) * 2,
        "count_nonzero": ("int64",),
        "sum_": ("float32",),
    }.get(name, ("float64",))
    expected = interpret_reduce(reduction, [a[:, 0]], (dtype,), None, out)
    for got, want in zip(reduce_call(reduction, [a], out, "r"), expected):
        np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-6)


def test_interpreted_variance_and_bound_parameters():
    a = sample("float32", (3, 1, 9))
    expected = interpret_reduce(
        R.var_mean, [a[:, 0], 1.0], ("float32", "float64"), None, ("float32",) * 2
    )
    bound = R.var_mean.bind(1)
    assert bound is R.var_mean.bind(1) and bound.n_params == 0
    for got, want in zip(reduce_call(bound, [a], ("float32",) * 2, "r"), expected):
        np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    "name", ["sum_", "amax", "amax_of_floats", "argmax", "any_", "logsumexp", "norm2", "mean"]
)
def test_ptx_assembles(name):
    reduction = getattr(R, name)
    out = {"argmax": "int64", "any_": "bool"}.get(name, "float32")
    if name == "logsumexp":
        pytest.importorskip("flambeau.kernels.maths")
    for stage in ("full", "partial", "combine"):
        assert ".entry" in reduction.ptx(("float32",), None, (out,), "g", stage)


@pytest.mark.parametrize("n_red", [1, 2, 4, 7, 8])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "float16"])
def test_lanes_across_gathered_outputs_agree_with_rows(n_red, dtype):
    x = (8 * rng.normal(size=(37, 1, 2 * n_red))).astype(dtype)[:, :, ::2]
    for reduction in (R.sum_, R.amax, R.argmax):
        out = ("int64",) if reduction is R.argmax else (dtype,)
        across = reduce_call(reduction, [x], out, "t")
        along = reduce_call(reduction, [np.ascontiguousarray(x)], out, "r")
        close(across[0], along[0], dtype, 64 * n_red)


@pytest.mark.parametrize("n_out", [1, 7, 8, 9, 50])
@pytest.mark.parametrize("n_red", [1, 15, 16, 17, 63, 64, 65, 130, 511, 512, 513])
def test_short_rows_in_groups(n_out, n_red):
    x = rng.normal(size=(n_out, 1, n_red)).astype("float32")
    wide = x.astype("float64")[:, 0]
    (got,) = reduce_call(R.sum_, [x], ("float32",), "r")
    close(got, wide.sum(1), "float32", 4 * n_red)
    values, places = reduce_call(R.max_with_index, [x], ("float32", "int64"), "r")
    np.testing.assert_array_equal(places, x[:, 0].argmax(1))
    np.testing.assert_array_equal(values, x[:, 0].max(1))
    (got,) = reduce_call(R.var, [x], ("float32",), "r", params=(0.0,))
    np.testing.assert_allclose(got, wide.var(1), rtol=1e-5, atol=1e-7)
