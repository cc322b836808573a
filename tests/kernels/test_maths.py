"""Accuracy and special values of the scalar maths, as compiled for this CPU.

float32 is held against NumPy and SciPy in float64, over random bit patterns and where each function is
interesting; float64 against mpmath in 50 digits. The bounds are in units in the last place of the exact result.
"""

import mpmath
import numpy as np
import pytest
import scipy.special as special

from flambeau.kernels import Map, maths
from flambeau.kernels.expression import node
from tests.kernels.harness import run

INF, NAN = np.inf, np.nan


def compute(name, *arrays):
    """The maths function `name` of arrays of one dtype, through a compiled map."""
    dtype = str(arrays[0].dtype)
    kernel = Map(lambda *args: node("call", *args, attr=name), name, n_in=len(arrays))
    return run(kernel, list(arrays), [dtype])[0]


def errors(got, exact, dtype):
    """abs(got - exact) in ulp of `exact` (wider than dtype); infinite where NaN or an infinity differs."""
    info = np.finfo(dtype)
    with np.errstate(all="ignore"):
        rounded = exact.astype(dtype)
        exponent = np.frexp(exact)[1]
        unit = np.ldexp(exact.dtype.type(1), np.maximum(exponent, info.minexp + 1) - info.nmant - 1)
        result = np.abs(got.astype(exact.dtype) - exact) / unit
        same = (got == rounded) | (np.isnan(got) & np.isnan(rounded))
        return np.where(np.isfinite(rounded) & np.isfinite(got), result, np.where(same, 0.0, INF))


def spread(low, high, n, seed=0):
    return np.random.default_rng(seed).uniform(low, high, n)


def around(center, n=300):
    """Numbers ever nearer to `center` from both sides."""
    rng = np.random.default_rng(1)
    return center + rng.choice([-1, 1], n) * 10.0 ** rng.uniform(-15, -1, n)


def powers(low, high, n=600, signs=(1,)):
    """Numbers of all sizes between 10**low and 10**high."""
    rng = np.random.default_rng(2)
    return rng.choice(signs, n) * 10.0 ** rng.uniform(low, high, n)


def bit_patterns(step):
    return np.arange(0, 1 << 32, step, dtype=np.uint64).astype(np.uint32).view(np.float32)


SPECIAL = np.array([0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, INF, -INF, NAN, 1e-45, -1e-45, 1e-39, 88.7, 89.0, -87.4,
                    -103.9, -104.1, 127.9, 128.0, -149.0, -150.0, 3.4e38, -3.4e38, 1.5707964, 3.1415927])  # fmt: skip

# name: (bound in ulp of float32, reference in float64, range worth a closer look)
FLOAT32 = {
    "exp": (1, np.exp, (-104, 89)),
    "exp2": (1, np.exp2, (-150, 128)),
    "expm1": (2, np.expm1, (-2, 2)),
    "log": (1, np.log, (0, 3)),
    "log2": (2, np.log2, (0, 3)),
    "log10": (2, np.log10, (0, 3)),
    "log1p": (2, np.log1p, (-1, 2)),
    "sin": (1, np.sin, (-10, 10)),
    "cos": (1, np.cos, (-10, 10)),
    "tan": (2, np.tan, (-10, 10)),
    "asin": (2, np.arcsin, (-1, 1)),
    "acos": (2, np.arccos, (-1, 1)),
    "atan": (2, np.arctan, (-3, 3)),
    "sinh": (2, np.sinh, (-3, 3)),
    "cosh": (2, np.cosh, (-3, 3)),
    "tanh": (1, np.tanh, (-10, 10)),
    "asinh": (2, np.arcsinh, (-3, 3)),
    "acosh": (2, np.arccosh, (1, 3)),
    "atanh": (2, np.arctanh, (-1, 1)),
    "erf": (1, special.erf, (-4, 4)),
    "erfc": (2, special.erfc, (-4, 10.1)),
    "erfcx": (1, special.erfcx, (-9, 30)),
    "erfinv": (2, special.erfinv, (-1, 1)),
    "ndtri": (1, special.ndtri, (0, 1)),
    "log_ndtr": (1, special.log_ndtr, (-20, 5)),
    "lgamma": (1, special.gammaln, (0, 40)),
    "digamma": (1, special.psi, (0, 40)),
    "trigamma": (1, lambda x: special.zeta(2.0, x), (0.01, 40)),
    "i0": (1, lambda x: np.where(np.isinf(x), NAN, special.i0(x)), (-20, 20)),
    "i0e": (2, special.i0e, (-20, 20)),
    "i1": (1, lambda x: np.where(np.isinf(x), NAN, special.i1(x)), (-20, 20)),
    "i1e": (2, special.i1e, (-20, 20)),
    "k0": (1, special.k0, (0, 20)),
    "k0e": (1, special.k0e, (0, 20)),
    "k1": (1, special.k1, (0, 20)),
    "k1e": (1, special.k1e, (0, 20)),
    "cbrt": (1, np.cbrt, (-3, 3)),
}
# Near their poles and zeros on the negative axis these are only as good as their reflection formulas.
POSITIVE_ONLY = {"lgamma", "digamma", "trigamma", "k0", "k0e", "k1", "k1e"}


@pytest.mark.parametrize("name", FLOAT32)
def test_float32_stays_within_its_ulp(name):
    bound, reference, (low, high) = FLOAT32[name]
    with np.errstate(all="ignore"):
        x = np.concatenate([SPECIAL, spread(low, high, 60000), bit_patterns(65521)]).astype(
            np.float32
        )
    if name in POSITIVE_ONLY:
        x = np.abs(x[x != 0])
    if name in (
        "sin",
        "cos",
        "tan",
    ):  # NumPy's own reduction ends somewhere; mpmath has the others below
        x = x[~(np.abs(x) > 1e6)]
    with np.errstate(all="ignore"):
        exact = reference(x.astype(np.float64))
    error = errors(compute(name, x), exact, np.float32)
    worst = error.argmax()
    assert error[worst] <= bound, (x[worst], exact[worst])


@pytest.mark.parametrize("name", ["sin", "cos", "tan"])
def test_float32_angles_of_any_size(name):
    quarter_turns = np.arange(1, 60000) * (np.pi / 2)
    huge = powers(5, 38.4, 3000, (-1, 1))
    near = np.concatenate(
        [
            quarter_turns.astype(np.float32),
            np.nextafter(quarter_turns.astype(np.float32), np.float32(0)),
        ]
    )
    x = near[::7]
    exact = getattr(np, name)(x.astype(np.longdouble)).astype(np.float64)
    assert errors(compute(name, x), exact, np.float32).max() <= FLOAT32[name][0]
    x = huge.astype(np.float32)
    assert (
        errors(
            compute(name, x), by_mpmath(getattr(mpmath, name), x).astype(np.float64), np.float32
        ).max()
        <= 1
    )


def by_mpmath(function, *arrays, digits=50):
    """The exact values in the widest NumPy float."""
    result = []
    with mpmath.workdps(
        digits + 310 if any(np.abs(a[np.isfinite(a)]).max() > 1e6 for a in arrays) else digits
    ):
        for args in zip(*arrays):
            value = function(*[mpmath.mpf(float(a)) for a in args])
            result.append(np.longdouble(mpmath.nstr(mpmath.re(value), 25)))
    return np.array(result)


def erfcx(x):
    return mpmath.exp(x * x) * mpmath.erfc(x)


def quantile(p):
    return mpmath.sqrt(2) * mpmath.erfinv(2 * p - 1)


# name: (bound in ulp of float64, reference in mpmath, arguments)
FLOAT64 = {
    "exp": (2, mpmath.exp, [spread(-745, 709.7, 600), powers(-18, 0, signs=(-1, 1))]),
    "exp2": (1, lambda x: mpmath.mpf(2) ** x, [spread(-1074, 1023.9, 600)]),
    "expm1": (
        2,
        mpmath.expm1,
        [spread(-40, 709.7, 500), spread(-2, 2, 500), powers(-18, 0, signs=(-1, 1))],
    ),
    "log": (2, mpmath.log, [powers(-320, 308), around(1), spread(0, 3, 500)]),
    "log2": (1, lambda x: mpmath.log(x, 2), [powers(-320, 308), around(1), spread(0, 3, 500)]),
    "log10": (1, mpmath.log10, [powers(-320, 308), around(1), spread(0, 3, 500)]),
    "log1p": (2, mpmath.log1p, [spread(-1, 3, 500), powers(-18, 300), -powers(-18, -0.01)]),
    "sin": (
        1,
        mpmath.sin,
        [spread(-10, 10, 500), spread(-1e9, 1e9, 300), powers(9, 308, 200), powers(-18, 0)],
    ),
    "cos": (1, mpmath.cos, [spread(-10, 10, 500), spread(-1e9, 1e9, 300), powers(9, 308, 200)]),
    "tan": (
        2,
        mpmath.tan,
        [spread(-10, 10, 500), spread(-1e9, 1e9, 300), powers(9, 308, 200), powers(-18, 0)],
    ),
    "asin": (2, mpmath.asin, [spread(-1, 1, 600), powers(-18, 0, signs=(-1, 1))]),
    "acos": (2, mpmath.acos, [spread(-1, 1, 600), 1 - powers(-15, 0)]),
    "atan": (2, mpmath.atan, [spread(-4, 4, 600), powers(-18, 18, signs=(-1, 1))]),
    "sinh": (2, mpmath.sinh, [spread(-3, 3, 500), spread(-710, 710, 300), powers(-18, 0)]),
    "cosh": (2, mpmath.cosh, [spread(-3, 3, 500), spread(-710, 710, 300)]),
    "tanh": (2, mpmath.tanh, [spread(-3, 3, 500), spread(-20, 20, 300), powers(-18, 0)]),
    "asinh": (2, mpmath.asinh, [spread(-3, 3, 500), powers(-18, 300, signs=(-1, 1))]),
    "acosh": (2, mpmath.acosh, [1 + powers(-15, 300), spread(1, 5, 300)]),
    "atanh": (2, mpmath.atanh, [spread(-1, 1, 500), powers(-18, -0.01, signs=(-1, 1))]),
    "erf": (2, mpmath.erf, [spread(-3, 3, 500), spread(-6, 6, 300), powers(-18, 0)]),
    # One polynomial for the whole axis and a product of three rounded factors cost more than 2.
    "erfc": (4, mpmath.erfc, [spread(-3, 3, 300), spread(-6, 26.5, 500)]),
    "erfcx": (4, erfcx, [spread(-3, 3, 300), spread(-26, 40, 300)]),
    "erfinv": (5, mpmath.erfinv, [spread(-1, 1, 150), 1 - powers(-12, -1, 100)]),
    "ndtri": (5, quantile, [spread(0.01, 0.45, 100), spread(0.55, 0.99, 100)]),
    "lgamma": (
        5,
        mpmath.loggamma,
        [spread(0, 12, 500), powers(-300, 300, 300), around(1), around(2)],
    ),
    "digamma": (
        5,
        mpmath.digamma,
        [spread(0.01, 12, 200), powers(-15, 300, 60), around(1.4616321449683622, 60)],
    ),
    "trigamma": (4, lambda x: mpmath.psi(1, x), [spread(0.01, 12, 100), powers(-15, 30, 50)]),
    # exp, a polynomial of 20 terms and a square root are multiplied.
    "i0": (10, lambda x: mpmath.besseli(0, x), [spread(-15, 15, 200), spread(-700, 700, 100)]),
    "i0e": (
        10,
        lambda x: mpmath.besseli(0, x) * mpmath.exp(-abs(x)),
        [spread(-15, 15, 200), spread(-700, 700, 100)],
    ),
    "i1": (10, lambda x: mpmath.besseli(1, x), [spread(-15, 15, 200), spread(-700, 700, 100)]),
    "i1e": (
        10,
        lambda x: mpmath.besseli(1, x) * mpmath.exp(-abs(x)),
        [spread(-15, 15, 200), spread(-700, 700, 100)],
    ),
    "k0": (12, lambda x: mpmath.besselk(0, x), [spread(0, 5, 100), spread(0, 600, 50)]),
    "k0e": (
        12,
        lambda x: mpmath.besselk(0, x) * mpmath.exp(x),
        [spread(0, 5, 100), spread(0, 600, 50)],
    ),
    "k1": (10, lambda x: mpmath.besselk(1, x), [spread(0, 5, 100), spread(0, 600, 50)]),
    "k1e": (
        10,
        lambda x: mpmath.besselk(1, x) * mpmath.exp(x),
        [spread(0, 5, 100), spread(0, 600, 50)],
    ),
    "cbrt": (1, mpmath.cbrt, [powers(-320, 308)]),
}


@pytest.mark.parametrize("name", FLOAT64)
def test_float64_stays_within_its_ulp(name):
    bound, reference, arguments = FLOAT64[name]
    x = np.concatenate(arguments)
    error = errors(compute(name, x), by_mpmath(reference, x), np.float64)
    worst = error.argmax()
    assert error[worst] <= bound, x[worst]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_reduction_of_the_hardest_angles(dtype):
    """The float32 and float64 numbers nearest to a multiple of pi / 2 (Muller, Elementary Functions, 2006)."""
    hardest = {np.float32: 16367173.0 * 2.0**72, np.float64: 6381956970095103.0 * 2.0**797}[dtype]
    x = np.array([hardest], dtype)
    for name in ("sin", "cos", "tan"):
        assert errors(compute(name, x), by_mpmath(getattr(mpmath, name), x), dtype)[0] <= 2


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name, value, expected", [
    ("exp", -INF, 0.0), ("exp", INF, INF), ("exp2", -INF, 0.0), ("expm1", -INF, -1.0), ("expm1", INF, INF),
    ("log", 0.0, -INF), ("log", -0.0, -INF), ("log", -1.0, NAN), ("log", INF, INF), ("log2", 0.0, -INF), ("log10", 0.0, -INF), ("log2", INF, INF), ("log10", INF, INF), ("log10", -1.0, NAN),
    ("log1p", -1.0, -INF),
    ("log1p", -1.5, NAN), ("log1p", INF, INF), ("log2", 8.0, 3.0), ("log10", 1000.0, 3.0), ("exp2", 10.0, 1024.0),
    ("sin", INF, NAN), ("cos", -INF, NAN), ("tan", INF, NAN), ("asin", 1.1, NAN), ("acos", 1.0, 0.0),
    ("acos", -1.1, NAN), ("atan", INF, np.pi / 2), ("sinh", -INF, -INF), ("cosh", -INF, INF), ("tanh", INF, 1.0),
    ("tanh", -INF, -1.0), ("asinh", -INF, -INF), ("acosh", 0.9, NAN), ("acosh", -1e30, NAN), ("acosh", INF, INF),
    ("atanh", 1.0, INF), ("atanh", -1.0, -INF), ("atanh", 1.5, NAN), ("erf", INF, 1.0), ("erf", -INF, -1.0),
    ("erfc", INF, 0.0), ("erfc", -INF, 2.0), ("erfcx", INF, 0.0), ("erfcx", -INF, INF), ("erfinv", 1.0, INF),
    ("erfinv", -1.0, -INF), ("erfinv", 1.5, NAN), ("ndtri", 0.0, -INF), ("ndtri", 1.0, INF), ("ndtri", -0.1, NAN),
    ("log_ndtr", -INF, -INF), ("log_ndtr", INF, 0.0), ("lgamma", 0.0, INF), ("lgamma", -2.0, INF),
    ("lgamma", -INF, INF), ("lgamma", INF, INF), ("digamma", 0.0, -INF), ("digamma", -0.0, INF),
    ("digamma", -1.0, NAN), ("trigamma", 0.0, INF), ("i0", INF, NAN), ("i1", -INF, NAN), ("i0e", INF, 0.0),
    ("k0", 0.0, INF), ("k0", INF, 0.0), ("k1", -1.0, NAN), ("k0e", INF, 0.0), ("cbrt", -27.0, -3.0),
    ("cbrt", -INF, -INF),
])  # fmt: skip
def test_special_values(dtype, name, value, expected):
    got = compute(name, np.array([value], dtype))
    np.testing.assert_array_equal(got, np.array([expected], dtype))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", sorted(FLOAT32))
def test_nan_gives_nan(dtype, name):
    assert np.isnan(compute(name, np.array([NAN], dtype)))[0]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "name", "expm1 log1p sin tan asin atan sinh tanh asinh atanh erf erfinv i1 cbrt".split()
)
def test_odd_functions_keep_the_sign_of_zero(dtype, name):
    got = compute(name, np.array([0.0, -0.0], dtype))
    assert (got == 0).all() and (np.signbit(got) == [False, True]).all()


def test_pow_float32_stays_within_one_ulp():
    rng = np.random.default_rng(0)
    x = np.exp(rng.uniform(-87, 88, 100000)).astype(np.float32)
    y = (rng.uniform(-103, 88, 100000) / np.log(x.astype(np.float64))).astype(np.float32)
    x[:30000] = 1 + rng.uniform(-1e-3, 1e-3, 30000)
    y[:30000] = rng.uniform(-8e4, 8e4, 30000)
    exact = np.power(x.astype(np.longdouble), y.astype(np.longdouble)).astype(np.float64)
    assert errors(compute("pow", x, y), exact, np.float32).max() <= 1


def test_pow_float64_stays_within_one_ulp():
    rng = np.random.default_rng(0)
    x = np.concatenate([np.exp(rng.uniform(-700, 700, 1000)), rng.uniform(0.9, 1.1, 1000)])
    y = rng.uniform(-700, 700, 2000) / np.log(x)
    assert errors(compute("pow", x, y), by_mpmath(mpmath.power, x, y), np.float64).max() <= 1


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_pow_has_the_special_cases_of_ieee_754(dtype):
    values = np.array([0.0, -0.0, 1.0, -1.0, 2.0, -2.0, 0.5, -0.5, 3.0, -3.0, INF, -INF, NAN, 1e-45, -1e-45, 1e-40, 3e38,
                       -3e38, 2.5, -2.5, 16777217.0, -16777215.0], dtype)  # fmt: skip
    x, y = (a.ravel() for a in np.meshgrid(values, values))
    got = compute("pow", x, y)
    with np.errstate(all="ignore"):
        expected = np.power(x.astype(np.float64), y.astype(np.float64)).astype(dtype)
    np.testing.assert_allclose(got, expected, rtol=4 * np.finfo(dtype).eps)
    numbers = ~np.isnan(expected)
    assert (np.signbit(got) == np.signbit(expected))[numbers].all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_atan2(dtype):
    rng = np.random.default_rng(0)
    y = rng.normal(size=2000).astype(dtype)
    x = (y * np.exp(rng.uniform(-6, 6, 2000)) * rng.choice([-1, 1], 2000)).astype(dtype)
    assert errors(compute("atan2", y, x), by_mpmath(mpmath.atan2, y, x), dtype).max() <= 2
    values = np.array([0.0, -0.0, 1.0, -1.0, INF, -INF, NAN, 1e-45, -1e-45, 3e38, -3e38], dtype)
    y, x = (a.ravel() for a in np.meshgrid(values, values))
    got, expected = compute("atan2", y, x), np.arctan2(y, x)
    np.testing.assert_allclose(got, expected, rtol=4 * np.finfo(dtype).eps)
    numbers = ~np.isnan(expected)
    assert (np.signbit(got) == np.signbit(expected))[numbers].all()


def test_zeta_and_polygamma():
    s, q = spread(1.01, 20, 200), spread(0.05, 20, 200, seed=1)
    np.testing.assert_allclose(compute("zeta", s, q), special.zeta(s, q), rtol=2e-14)
    np.testing.assert_array_equal(
        compute("zeta", np.array([1.0, 0.5, 2.0]), np.array([2.0, 2.0, 0.0])), [INF, NAN, INF]
    )
    n = np.random.default_rng(0).integers(0, 8, 200).astype(np.float64)
    exact = by_mpmath(lambda n, x: mpmath.psi(int(n), x), n, q).astype(np.float64)
    np.testing.assert_allclose(compute("polygamma", n, q), exact, rtol=1e-13, atol=1e-15)


def test_polygamma_left_of_zero():
    x = np.linspace(-9.3, -0.05, 60)
    for n in (2, 3, 4, 7, 10):
        exact = [float(mpmath.polygamma(n, mpmath.mpf(v))) for v in x]
        np.testing.assert_allclose(compute("polygamma", np.full_like(x, n), x), exact, rtol=1e-13)
        poles = compute("polygamma", np.full(3, float(n)), np.array([0.0, -1.0, -4.0]))
        np.testing.assert_array_equal(poles, np.inf if n % 2 else -np.inf)


def test_ndtr_centered_stays_within_a_rounding_of_one_half():
    with np.errstate(all="ignore"):
        x = np.concatenate([SPECIAL, spread(-6, 6, 60000), bit_patterns(65521)]).astype(np.float32)
    for dtype, bound in ((np.float32, 2.0**-25), (np.float64, 2.0**-52)):
        got = compute("ndtr_centered", x.astype(dtype)).astype(np.float64)
        exact = special.erf(x.astype(np.float64) * np.sqrt(0.5)) / 2
        finite = ~np.isnan(x)
        assert np.abs(got - exact)[finite].max() <= bound
        assert (np.abs(got[np.abs(x) > 9]) == 0.5).all() and np.isnan(got[~finite]).all()


def test_gamma_functions_left_of_zero():
    x = spread(-9.9, 0, 300)
    np.testing.assert_allclose(compute("lgamma", x), special.gammaln(x), rtol=1e-13, atol=1e-14)
    np.testing.assert_allclose(compute("digamma", x), special.psi(x), rtol=1e-12, atol=1e-12)


def test_every_size_of_tail_takes_the_same_values():
    """Masked lanes of the last vector must not disturb the others, nor the rare paths."""
    x = np.concatenate([spread(-3, 3, 40), [0.0, INF, -INF, 1e30, 1e-42]]).astype(np.float32)
    for name in ("exp", "log", "sin", "tanh"):
        whole = compute(name, x)
        for n in (1, 3, 15, 16, 17, 33):
            np.testing.assert_array_equal(compute(name, x[-n:]), whole[-n:])


@pytest.mark.parametrize("name", sorted(FLOAT32))
def test_every_function_has_ptx(name):
    kernel = Map(lambda x: node("call", x, attr=name), name, n_in=1)
    for dtype in ("float32", "float64"):
        assert ".visible .entry" in kernel.ptx([dtype], [dtype], [dtype], "cc")


def test_expand_refuses_what_it_does_not_know():
    with pytest.raises(KeyError):
        maths.expand("no_such_function", [1.0], "float32")
