"""Row kernels against NumPy in float64, over short, long and odd rows."""

from importlib.util import find_spec

import numpy as np
import pytest

from flambeau.kernels.expression import input as symbol
from flambeau.kernels.expression import inputs_of
from flambeau.kernels.interpret.rows import interpret_rows
from flambeau.kernels.language import cast, exp
from flambeau.kernels.schedules import row_functions as F
from flambeau.kernels.schedules.row_language import (
    length,
    pick,
    position,
    rall,
    rany,
    rargmax,
    rargmin,
    rlogsumexp,
    rmax,
    rmean,
    rmin,
    rmoments,
    row,
    rprod,
    rsum,
)
from flambeau.kernels.schedules.row_plan import KEPT
from flambeau.kernels.schedules.rows import Rows
from tests.kernels.calls import rows_call

LENGTHS = [1, 3, 10, 16, 17, 31, 64, 65, 200, 1000]
TOLERANCE = {"float16": 2e-3, "float32": 1e-6, "float64": 1e-14}
rng = np.random.default_rng(5)


def normal(shape, dtype="float32"):
    return (2 * rng.normal(size=shape) + 0.5).astype(dtype)


def softmax(x):
    e = np.exp(x - x.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def close(got, expected, dtype):
    np.testing.assert_allclose(got, expected, rtol=TOLERANCE[dtype] * 4, atol=TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
@pytest.mark.parametrize("n", LENGTHS)
def test_softmax_and_log_softmax_and_their_backwards(dtype, n):
    x, grad = normal((4, n), dtype), normal((4, n), dtype)
    x64, g64 = x.astype("float64"), grad.astype("float64")
    s = softmax(x64)
    (y,) = rows_call(F.softmax, [x], "v", "v", (dtype,))
    close(y, s, dtype)
    (log_y,) = rows_call(F.log_softmax, [x], "v", "v", (dtype,))
    close(log_y, np.log(s), dtype)
    y64, log64 = y.astype("float64"), log_y.astype("float64")
    (d,) = rows_call(F.softmax_backward, [grad, y], "vv", "v", (dtype,))
    close(d, (g64 - (g64 * y64).sum(1, keepdims=True)) * y64, dtype)
    (d,) = rows_call(F.log_softmax_backward, [grad, log_y], "vv", "v", (dtype,))
    expected = g64 - np.exp(log64) * g64.sum(1, keepdims=True)
    np.testing.assert_allclose(d, expected, rtol=4 * TOLERANCE[dtype], atol=20 * TOLERANCE[dtype])


IN_TURNS = {  # costly parts that several passes read
    "softmax": F.softmax_of,
    "softmax of exp": lambda x: F.softmax_of(exp(x)),
    "log_softmax of exp": lambda x: F.log_softmax_of(exp(x)),
    "softmax twice": lambda x: F.softmax_of(F.softmax_of(x)),
    "exp less its mean, normed": lambda x: (
        (exp(x) - rmean(exp(x))) / rsum((exp(x) - rmean(exp(x))) * (exp(x) - rmean(exp(x))))
    ),
    "two sums of one pass": lambda x: exp(exp(x) - rsum(exp(x))) / (rmax(exp(x)) + rsum(x)),
}


@pytest.mark.parametrize("name", IN_TURNS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_passes_read_what_earlier_ones_kept_also_over_their_input(name, dtype):
    rows = Rows(IN_TURNS[name], "turns", 1)
    for n in (5, 16, 100, 1000):
        x = rng.normal(size=(3, n)).astype(dtype)
        (expected,) = interpret_rows(rows, [x], (dtype,), "vv", (dtype,))
        (apart,) = rows_call(rows, [x], "v", "v", (dtype,))
        np.testing.assert_allclose(apart, expected, rtol=1e-4, atol=1e-6)
        written = rows_over(rows, x)
        np.testing.assert_array_equal(written, apart)


def rows_over(rows, x):
    """`x`, with the result of a kernel of one operand written over it."""
    import ctypes

    n, dtype, written = x.shape[1], str(x.dtype), x.copy()
    kernel = ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * 2, *[ctypes.c_void_p] * 2, ctypes.c_int64)(
        rows.compile((dtype,), "vv", (dtype,))
    )
    places = (ctypes.c_void_p * 2)(*[written.ctypes.data] * 2)
    kernel(len(x), n, places, (ctypes.c_int64 * 2)(*[n * x.itemsize] * 2), 0)
    return written


def test_each_pass_keeps_what_later_ones_would_compute_again():
    plan = Rows(lambda x: F.softmax_of(exp(x)), "turns", 1).plan("v")
    first = plan.kept(plan.roots, 1)
    assert first is exp(symbol(0))
    plan, last = plan.keeping(first, plan.roots, 1)
    assert 0 not in inputs_of([a for s in plan.specials if s.level == 2 for a in s.args])
    second = plan.kept(last, 2)
    assert second.op == "call" and KEPT in inputs_of([second])
    assert 0 not in inputs_of(plan.keeping(second, last, 2)[1])


def test_softmax_special_values():
    x = normal((4, 40))
    x[0, 3], x[1], x[2, 5], x[3, 7] = -np.inf, -np.inf, np.nan, np.inf
    (y,) = rows_call(F.softmax, [x], "v", "v", ("float32",))
    assert y[0, 3] == 0 and abs(y[0].sum() - 1) < 1e-6
    assert np.isnan(y[1:]).all()
    (z,) = rows_call(F.logsumexp, [x], "v", "x", ("float32",))
    assert np.isfinite(z[0]) and z[1] == -np.inf and np.isnan(z[2]) and z[3] == np.inf


@pytest.mark.parametrize("n", LENGTHS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_layer_norm(dtype, n):
    x, weight, bias, grad = (
        normal((4, n), dtype),
        normal(n, dtype),
        normal(n, dtype),
        normal((4, n), dtype),
    )
    eps = np.array(1e-5, "float64")
    x64 = x.astype("float64")
    mean = x64.mean(1, keepdims=True)
    rstd = 1 / np.sqrt(x64.var(1, keepdims=True) + 1e-5)
    normal64 = (x64 - mean) * rstd
    y, m, r = rows_call(
        F.layer_norm_affine, [x, weight, bias, eps], "vvvx", "vxx", (dtype,) * 3, as_dtype=dtype
    )
    slack = 4 * TOLERANCE[dtype]
    np.testing.assert_allclose(y, normal64 * weight + bias, rtol=slack, atol=slack * 4)
    np.testing.assert_allclose(m, mean[:, 0], rtol=slack, atol=slack)
    np.testing.assert_allclose(r, rstd[:, 0], rtol=slack)
    (d,) = rows_call(F.layer_norm_weight_backward, [grad, x, m, r, weight], "vvxxv", "v", (dtype,))
    g = grad.astype("float64") * weight
    expected = rstd * (
        g - g.mean(1, keepdims=True) - normal64 * (g * normal64).mean(1, keepdims=True)
    )
    np.testing.assert_allclose(d, expected, rtol=slack, atol=slack * 8 * np.abs(rstd).max())


@pytest.mark.parametrize("n", [1, 16, 33, 500])
def test_rms_norm_and_normalize(n):
    x, grad = normal((3, n)), normal((3, n))
    x64, g64 = x.astype("float64"), grad.astype("float64")
    eps = np.array(1e-6, "float32")
    r64 = 1 / np.sqrt((x64 * x64).mean(1, keepdims=True) + 1e-6)
    y, r = rows_call(F.rms_norm, [x, eps], "vx", "vx", ("float32",) * 2)
    close(y, x64 * r64, "float32")
    (d,) = rows_call(F.rms_norm_backward, [grad, x, r], "vvx", "v", ("float32",))
    expected = r64 * (g64 - x64 * r64 * (g64 * x64 * r64).mean(1, keepdims=True))
    np.testing.assert_allclose(d, expected, rtol=1e-5, atol=1e-5)
    x[1] = 0
    y, norm = rows_call(F.normalize, [x, eps], "vx", "vx", ("float32",) * 2)
    close(norm, np.maximum(np.linalg.norm(x.astype("float64"), axis=1), 1e-6), "float32")
    assert (y[1] == 0).all()


@pytest.mark.parametrize("n", [2, 10, 16, 100, 1000])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_cross_entropy(n, smoothing):
    x, grad = normal((6, n)), normal(6)
    target = rng.integers(0, n, 6)
    target[2] = -100
    share = np.array(smoothing, "float32")
    loss, top, log_total = rows_call(
        F.cross_entropy, [x, target, share], "vxx", "xxx", ("float32",) * 3
    )
    log_p = np.log(softmax(x.astype("float64")))
    hot = np.eye(n)[np.where(target < 0, 0, target)] * (target >= 0)[:, None]
    q = hot * (1 - smoothing) + smoothing / n
    valid = target >= 0
    np.testing.assert_allclose(loss[valid], -(q * log_p).sum(1)[valid], rtol=1e-5, atol=1e-5)
    (d,) = rows_call(
        F.cross_entropy_backward,
        [grad, x, top, log_total, target, share],
        "xvxxxx",
        "v",
        ("float32",),
    )
    np.testing.assert_allclose(d, (np.exp(log_p) - q) * grad[:, None], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("n", [1, 16, 50, 300])
def test_every_word(n):
    x = normal((5, n))

    def words(x):
        var, mean = rmoments(x, 1)
        return (
            rsum(x),
            rmax(x),
            rmin(x),
            rargmax(x),
            rargmin(x),
            rlogsumexp(x),
            rmean(x),
            var,
            mean,
            rany(x > 2),
            rall(x > -2),
            rprod(x * 0.1),
            length(),
            row(),
            pick(x * 2, rargmax(x)),
            x + cast(position(), "float32"),
        )

    out = (
        "float32 float32 float32 int64 int64 float32 float32 float32 float32 bool bool float32 int64 "
        "int64 float32 float32"
    ).split()
    got = rows_call(Rows(words, "words"), [x], "v", "x" * 15 + "v", tuple(out), row0=7)
    x64 = x.astype("float64")
    expected = [
        x64.sum(1),
        x.max(1),
        x.min(1),
        x.argmax(1),
        x.argmin(1),
        np.log(np.exp(x64).sum(1)),
        x64.mean(1),
        x64.var(1, ddof=1) if n > 1 else np.full(5, np.nan),
        x64.mean(1),
        (x > 2).any(1),
        (x > -2).all(1),
        (x64 * 0.1).prod(1),
        np.full(5, n),
        np.arange(7, 12),
        2 * x.max(1),
        x64 + np.arange(n),
    ]
    for g, e in zip(got, expected):
        np.testing.assert_allclose(g, e, rtol=2e-5, atol=2e-6)


def test_empty_rows_and_no_rows():
    (total,) = rows_call(
        Rows(lambda x: rsum(x), "total"), [np.zeros((3, 0), "float32")], "v", "x", ("float32",)
    )
    np.testing.assert_array_equal(total, [0, 0, 0])
    (y,) = rows_call(F.softmax, [np.zeros((0, 5), "float32")], "v", "v", ("float32",))
    assert y.shape == (0, 5)


def test_a_varying_output_cannot_be_one_value_per_row():
    with pytest.raises(ValueError, match="differs along the row"):
        Rows(lambda x: exp(x), "bad").compile(("float32",), "xv", ("float32",))


FUNCTIONS = {  # name: (kinds, dtypes of the inputs)
    "softmax": ("vv", "float32"),
    "log_softmax": ("vv", "float32"),
    "logsumexp": ("xv", "float32"),
    "softmax_backward": ("vvv", "float32 float32"),
    "log_softmax_backward": ("vvv", "float32 float32"),
    "layer_norm": ("vxxvx", "float32 float32"),
    "layer_norm_affine": ("vxxvvvx", "float32 " * 4),
    "layer_norm_weight": ("vxxvvx", "float32 " * 3),
    "layer_norm_backward": ("vvvxx", "float32 " * 4),
    "layer_norm_weight_backward": ("vvvxxv", "float32 " * 5),
    "rms_norm": ("vxvx", "float32 float32"),
    "rms_norm_weight": ("vxvvx", "float32 " * 3),
    "rms_norm_backward": ("vvvx", "float32 " * 3),
    "rms_norm_weight_backward": ("vvvxv", "float32 " * 4),
    "normalize": ("vxvx", "float32 float32"),
    "cross_entropy": ("xxxvxx", "float32 int64 float32"),
    "cross_entropy_backward": ("vxvxxxx", "float32 float32 float32 float32 int64 float32"),
}


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("n", [7, 70])
def test_agrees_with_the_interpreter_and_assembles_for_gpus(name, n):
    kinds, dtypes = FUNCTIONS[name]
    rows, dtypes = getattr(F, name), tuple(dtypes.split())
    n_out = rows.n_out
    inputs = [
        rng.integers(0, n, 3)
        if d == "int64"
        else np.abs(normal((3, n) if k == "v" else 3, d)) + 0.1
        for k, d in zip(kinds[n_out:], dtypes)
    ]
    out = ("float32",) * n_out
    expected = interpret_rows(rows, inputs, dtypes, kinds, out)
    got = rows_call(rows, inputs, kinds[n_out:], kinds[:n_out], out)
    for a, b in zip(got, expected):
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-5)
    if n == 7 and find_spec("flambeau.kernels.maths"):
        assert ".entry kernel" in rows.ptx(dtypes, kinds, out)
