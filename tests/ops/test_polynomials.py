"""Orthogonal polynomials against scipy.special, and against their recurrences in exact fractions."""

from fractions import Fraction

import numpy as np
import pytest

import flambeau as torch

special = pytest.importorskip("scipy.special")

SCIPY = {
    "chebyshev_polynomial_t": special.eval_chebyt,
    "chebyshev_polynomial_u": special.eval_chebyu,
    "shifted_chebyshev_polynomial_t": special.eval_sh_chebyt,
    "shifted_chebyshev_polynomial_u": special.eval_sh_chebyu,
    "hermite_polynomial_h": special.eval_hermite,
    "hermite_polynomial_he": special.eval_hermitenorm,
    "laguerre_polynomial_l": special.eval_laguerre,
    "legendre_polynomial_p": special.eval_legendre,
}
X = np.array([-1.5, -1.0, -0.3, 0.0, 0.7, 1.0, 2.5])


@pytest.mark.parametrize("name", SCIPY)
def test_values_are_scipys(name):
    degrees = np.arange(0, 13)[:, None]
    ours = getattr(torch.special, name)(torch.from_numpy(X), torch.from_numpy(degrees))
    assert ours.dtype is torch.float64
    np.testing.assert_allclose(ours.numpy(), SCIPY[name](degrees, X), rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("letter, sign", [("v", -1), ("w", 1)])
def test_third_and_fourth_kind_by_the_second(letter, sign):
    for n in (1, 2, 5, 12):
        ours = getattr(torch.special, f"chebyshev_polynomial_{letter}")(torch.from_numpy(X), n)
        want = special.eval_chebyu(n, X) + sign * special.eval_chebyu(n - 1, X)
        np.testing.assert_allclose(ours.numpy(), want, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("name", SCIPY)
def test_negative_degrees_give_zero_and_fractions_are_dropped(name):
    x = torch.from_numpy(X)
    function = getattr(torch.special, name)
    assert (function(x, -3) == 0).all()
    np.testing.assert_array_equal(function(x, 2.9).numpy(), function(x, 2).numpy())


def test_integers_give_the_default_dtype():
    assert torch.special.legendre_polynomial_p(torch.arange(3), 2).dtype is torch.float32


def exact(name, x, n):
    """The polynomial at a float, by its recurrence in fractions."""
    x, kind = Fraction(x), name.removeprefix("shifted_")
    if n < 0:
        return 0.0
    if kind != name:
        x = 2 * x - 1
    letter = kind.rsplit("_", 1)[1]
    chebyshev = kind.startswith("chebyshev")
    first = {"u": 2 * x, "v": 2 * x - 1, "w": 2 * x + 1, "h": 2 * x, "l": 1 - x}.get(letter, x)
    before, value = Fraction(1), first
    for k in range(1, n):
        if chebyshev:
            following = 2 * x * value - before
        elif letter in ("h", "he"):
            times = 2 if letter == "h" else 1
            following = times * (x * value - k * before)
        elif letter == "l":
            following = ((2 * k + 1 - x) * value - k * before) / (k + 1)
        else:
            following = ((2 * k + 1) * x * value - k * before) / (k + 1)
        before, value = value, following
    return float(value if n else Fraction(1))


NAMES = sorted(name for name in dir(torch.special) if "polynomial" in name)
DEGREES = [-2, 0, 1, 2, 3, 7, 8, 9, 20, 33, 63, 64, 65, 80]
POINTS = [
    -1.125, -1.0, -1 + 2.0**-20, -0.75, -0.3, -(2.0**-12), 0.0, 2.0**-30, 0.25, 0.5, 0.5 + 2.0**-18, 0.9, 0.999,
    1 - 2.0**-22, 1.0, 1 + 2.0**-18, 1.0625,
]  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", NAMES)
def test_errors_grow_with_the_degree_at_most(name, dtype):
    assert len(NAMES) == 12
    points = np.array(POINTS, dtype).repeat(len(DEGREES))
    degrees = np.tile(DEGREES, len(POINTS))
    want = np.array([exact(name, float(x), int(n)) for x, n in zip(points, degrees, strict=True)])
    function, x = getattr(torch.special, name), torch.from_numpy(points)
    ours = function(x, torch.from_numpy(degrees)).numpy()
    # Hermite's and Laguerre's are measured by what is added up in them: their values oscillate with it.
    size = np.maximum(np.abs(want), 1)
    plain = name[:3] in ("her", "lag")
    for n in DEGREES:
        at = degrees == n
        one = function(x[torch.from_numpy(at)], n).numpy()
        np.testing.assert_array_equal(one, ours[at])  # one degree for all gives the same bits
        largest = np.abs(want[at]).max() if plain else 0
        unit = 2.0**-24 if dtype == "float32" else (16 + 4 * max(n, 0)) * 2.0**-53
        with np.errstate(over="ignore"):
            rounded = want[at].astype(dtype)
        fits = np.isfinite(rounded)
        error = np.abs(ours[at].astype("float64") - want[at])[fits]
        limit = (
            1.01
            * unit
            * np.maximum(size[at], largest * 2.0**-10 if dtype == "float32" else largest)[fits]
        )
        assert (error <= limit).all(), (n, points[at][fits][error > limit], error, limit)
        np.testing.assert_array_equal(ours[at][~fits], rounded[~fits])


@pytest.mark.parametrize("name", NAMES)
def test_where_gradients_are_wanted_the_values_are_the_same(name):
    function, x = getattr(torch.special, name), torch.linspace(-1.5, 1.5, 37, dtype=torch.float64)
    degrees = torch.arange(37) % 9 - 1
    for n in (0, 1, 5, degrees):
        composed = function(x.clone().requires_grad_(), n)
        assert composed.requires_grad or isinstance(n, int)
        torch.testing.assert_close(composed.detach(), function(x, n), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 65, 257, 4099])
def test_every_size_and_layout_is_one_element_at_a_time(size):
    x = torch.linspace(-1.25, 1.25, 2 * size).reshape(size, 2)[:, 0]
    degrees = torch.arange(size) % 70 - 1
    for name in (
        "chebyshev_polynomial_w",
        "shifted_chebyshev_polynomial_v",
        "laguerre_polynomial_l",
    ):
        function = getattr(torch.special, name)
        whole = function(x, degrees)
        assert whole.is_contiguous()
        for i in range(0, size, max(1, size // 7)):
            assert function(x[i], degrees[i]).item() == whole[i].item()
            assert function(x[i : i + 1], int(degrees[i])).item() == whole[i].item()


def test_strides_are_those_of_the_input():
    x = torch.rand(3, 4).t()
    for n in (3, torch.arange(12).reshape(4, 3), torch.tensor(2), 2.5):
        got = torch.special.legendre_polynomial_p(x, n)
        assert got.stride() == x.stride()
        torch.testing.assert_close(got, torch.special.legendre_polynomial_p(x.contiguous(), n))


@pytest.mark.parametrize("name", NAMES)
def test_what_is_no_number(name):
    function = getattr(torch.special, name)
    x = torch.tensor([np.nan, np.inf, -np.inf, 0.5])
    assert torch.equal(function(x, 0), torch.ones(4))
    assert function(x, 1).isnan().tolist() == [True, False, False, False]
    assert function(x, 70)[0].isnan()
    for degree in (np.nan, np.inf, -np.inf, 2.0**63, -0.5 - 1):
        assert torch.equal(function(x, degree), torch.zeros(4))
        assert torch.equal(function(x, torch.full((4,), degree)), torch.zeros(4))
    if "chebyshev" in name or "legendre" in name:
        assert function(x, 4)[1:3].isinf().all() and function(x, 5)[2] == -np.inf
