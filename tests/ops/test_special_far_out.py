"""Special functions at infinity, at their poles, and of arguments and orders beyond tables."""

import math

import numpy
import pytest

import flambeau as torch
from tests.at_level import run_at_level

inf, nan = math.inf, math.nan


def test_special_functions_are_nan_at_infinity():
    x = torch.tensor([inf, -inf], dtype=torch.float64)
    for name in (
        "i0 i1 modified_bessel_i0 modified_bessel_i1 bessel_j0 bessel_j1 bessel_y0 bessel_y1 airy_ai"
    ).split():
        for dtype in (torch.float32, torch.float64):
            assert getattr(torch.special, name)(x.to(dtype)).isnan().all(), name
    for n in (2, 3, 12, 65):
        assert torch.polygamma(n, x[0]).isnan()
    assert torch.special.zeta(torch.tensor([1.5, 2.0, 30.0]), inf).isnan().all()
    x.requires_grad_()
    (slope,) = torch.autograd.grad(torch.special.log_ndtr(x).sum(), x)
    assert slope[0] == 0 and slope[1].isnan()


def test_airy_ai_far_to_the_left():
    special = pytest.importorskip("scipy.special")
    x = numpy.array([-1e5, -1e4, -33.3, -2.0, 2.0, 50.0])
    got = torch.special.airy_ai(torch.from_numpy(x)).numpy()
    numpy.testing.assert_allclose(got, special.airy(x)[0], rtol=1e-7)
    for value in (-1e18, -3e38, -1e100):  # its size, whatever rounding leaves of the angle
        got = torch.special.airy_ai(torch.tensor(value, dtype=torch.float64)).abs()
        assert got <= 1.01 * abs(value) ** -0.25 / math.sqrt(math.pi)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "low, high", [(-2000, -10), (-10.2, -9.8), (-10, 0), (0, 10), (9.8, 10.2), (10, 100)]
)
def test_airy_ai_has_the_digits_of_its_dtype(low, high, dtype):
    mpmath = pytest.importorskip("mpmath")
    x = numpy.linspace(low, high, 101).astype(dtype)
    x = numpy.concatenate([x, (numpy.linspace(low, high, 7) // 0.25 * 0.25 + 0.125).astype(dtype)])
    got = torch.special.airy_ai(torch.from_numpy(x)).numpy()
    unit = float(numpy.finfo(dtype).eps)
    for point, value in zip(x, got, strict=True):
        z = mpmath.mpf(float(point))
        want, slope = mpmath.airyai(z), mpmath.airyai(z, derivative=1)
        # Left of 0 beside the waves' height; and what the last bit of x changes.
        size = abs(want) if z > 0 else 0.6 / max(1, -z) ** 0.25
        limit = unit * (size + abs(z * slope)) + float(numpy.finfo(dtype).tiny)
        assert abs(want - float(value)) <= limit, (point, value, want)


def test_airy_ai_of_every_size_and_layout():
    x = torch.linspace(-12, 12, 4099)
    whole = torch.special.airy_ai(x)
    for n in (0, 1, 2, 2047, 2049, 4099):
        assert torch.equal(torch.special.airy_ai(x[:n]), whole[:n])
    assert torch.equal(torch.special.airy_ai(x[::3]), whole[::3])
    turned = x[:12].reshape(3, 4).t()
    assert torch.special.airy_ai(turned).stride() == turned.stride()
    assert torch.equal(torch.special.airy_ai(turned), whole[:12].reshape(3, 4).t())
    assert torch.special.airy_ai(torch.arange(3)).dtype is torch.float32


@pytest.mark.parametrize("n", [1, 3, 11, 12, 40, 65, 100])
def test_polygamma_of_any_order(n):
    mpmath = pytest.importorskip("mpmath")
    x = [0.3, 1.0, 2.5, 50.0, -0.3, -2.75, -7.2]
    with mpmath.workdps(60):
        expected = [float(mpmath.psi(n, mpmath.mpf(v))) for v in x]
    got = torch.polygamma(n, torch.tensor(x, dtype=torch.float64)).numpy()
    numpy.testing.assert_allclose(got, expected, rtol=2e-13)


def test_polygamma_beyond_factorials():
    x = torch.tensor([1.0, 70.0, 1e30, -0.3, -0.7], dtype=torch.float64)
    assert torch.polygamma(2**40, x).tolist() == [-inf, -inf, 0, inf, -inf]
    # No dtype holds 2**62 + 1: an even exponent, whose powers are positive.
    assert torch.polygamma(2**62, x).tolist() == [-inf, -inf, 0, -inf, -inf]
    # 200! / 199 * 75**-199 and what follows, by mpmath
    assert torch.polygamma(200, torch.tensor(75.0, dtype=torch.float64)).item() == pytest.approx(
        -0.010992, rel=1e-4
    )


def test_incomplete_gamma_functions_of_great_arguments():
    special = pytest.importorskip("scipy.special")
    a = numpy.array([2e7, 1e8, 1e8, 1e12, 1e20, 3e38])
    x = numpy.array([2.0001e7, 1.00005e8, 9.9999e7, 1e12, 1e20, 3e38])
    for ours, theirs in ((torch.igamma, special.gammainc), (torch.igammac, special.gammaincc)):
        got = ours(torch.from_numpy(a), torch.from_numpy(x)).numpy()
        numpy.testing.assert_allclose(got, theirs(a, x), rtol=1e-6)


def test_ndtri_of_small_tails():
    special = pytest.importorskip("scipy.special")
    p = numpy.array([1e-300, 1e-40, 1e-20, 1e-5, 0.3, 1 - 1e-7])
    got = torch.special.ndtri(torch.from_numpy(p)).numpy()
    numpy.testing.assert_allclose(got, special.ndtri(p), rtol=1e-13)
    assert torch.special.ndtri(torch.tensor(1e-42)).item() == pytest.approx(-13.6506, abs=1e-3)


def test_slopes_far_out_and_near_zero():
    x = torch.tensor([29.0, 31.0, 1e10, 1e20], dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(torch.special.erfcx(x).sum(), x)
    t = x.detach() ** -2
    series = -t / math.sqrt(math.pi) * (1 - 1.5 * t + 3.75 * t * t - 13.125 * t**3)
    assert torch.allclose(slope, series, rtol=1e-9, atol=0)
    x = torch.tensor([1e-42, -1e-42, 0.0], requires_grad=True)
    (slope,) = torch.autograd.grad(torch.special.i1e(x).sum(), x)
    assert slope.tolist() == [0.5, 0.5, 0.5]


def test_polygamma_of_orders_that_float32_rounds():
    x = torch.tensor([0.5, 2.5, 0.0], requires_grad=True)
    odd = torch.polygamma(2**30 + 1, x)
    assert odd.tolist() == [inf, inf, inf]
    odd[0].backward()
    assert x.grad[0] == -inf
    assert torch.polygamma(2**30, x).tolist() == [-inf, -inf, -inf]
    assert torch.polygamma(2**31 - 1, x).isnan().all()


def test_polygamma_keeps_no_kernel_for_each_order():
    from flambeau.ops import maths

    x = torch.tensor([0.5, 2.5])
    for n in range(40, 60):
        torch.polygamma(n, x)
    assert len(maths._polygammas) <= maths._LOW_ORDERS


def test_trigamma_at_minus_infinity():
    assert torch.polygamma(1, torch.tensor([-inf])).isnan().all()


@pytest.mark.parametrize("degree", [nan, inf, 1e30, -1.0])
def test_polynomials_of_no_degree_are_zero(degree):
    x = torch.tensor([-1.0, 0.0, 0.5, 1.0, 3.0, nan])
    for letter in "tuvw":
        assert getattr(torch.special, f"chebyshev_polynomial_{letter}")(x, degree).equal(
            0 * x[:1].expand(6)
        )
    for name in ("hermite_polynomial_h", "hermite_polynomial_he", "legendre_polynomial_p"):
        assert getattr(torch.special, name)(x, degree).equal(torch.zeros(6))


def test_hermite_polynomials_stop_where_they_leave_the_dtype():
    x, n = torch.full((500, 500), 0.0), torch.tensor(1e5)
    assert torch.special.hermite_polynomial_he(x, n).isnan().all()


def test_trigamma_at_its_poles():
    """As PyTorch's: of the sine of an angle that the dtype rounds, so great rather than infinite."""
    x = torch.tensor([-1.0, -8.0, 0.0], requires_grad=True)
    expected = [1.2913697e15, 2.0177651e13, inf]
    assert torch.polygamma(1, x).tolist() == pytest.approx(expected, rel=1e-6)
    assert torch.autograd.grad(torch.digamma(x).sum(), x)[0].tolist() == pytest.approx(expected)
    assert torch.polygamma(1, torch.tensor([-3e38, -inf])).isnan().all()
    assert torch.polygamma(1, x.double()[0]).item() == pytest.approx(6.5808e32, rel=1e-4)


BESSEL = ("j0", "j1", "y0", "y1")


def of_mpmath(mpmath, name, x):
    function = mpmath.besselj if name[0] == "j" else mpmath.bessely
    return function(int(name[1]), x)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", BESSEL)
def test_bessel_functions_have_the_digits_of_their_dtype(name, dtype):
    mpmath = pytest.importorskip("mpmath")
    x = [
        numpy.geomspace(1e-30, 1, 40),
        numpy.linspace(0.01, 40, 400),
        numpy.geomspace(40, 1e12, 60),
    ]
    x = numpy.concatenate([*x, [1, 7.9999999, 8, 8.0000001, 2.404825557695773]]).astype(dtype)
    if name[0] == "j":
        x = numpy.concatenate([x, -x])
    got = getattr(torch.special, f"bessel_{name}")(torch.from_numpy(x)).numpy()
    unit = float(numpy.finfo(dtype).eps)
    for point, value in zip(x, got, strict=True):
        z = mpmath.mpf(float(point))
        want = of_mpmath(mpmath, name, z)
        # Beside the height of the waves beyond 0.5; float32 is rounded from float64.
        height = mpmath.sqrt(2 / (mpmath.pi * abs(z))) if abs(z) > 0.5 else abs(want)
        if dtype == "float32":
            limit = 0.5001 * unit * abs(want) + 1e-15 * height
        else:
            limit = 5 * unit * max(abs(want), height)
        assert abs(want - float(value)) <= limit, (point, value, want)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_bessel_functions_at_their_edges(dtype):
    tiny = torch.finfo(dtype).tiny
    x = torch.tensor([0.0, -0.0, tiny, -tiny, inf, -inf, nan, -20.0, -3.0], dtype=dtype)
    j0, j1, y0, y1 = [getattr(torch.special, f"bessel_{name}")(x) for name in BESSEL]
    assert j0[:4].tolist() == [1, 1, 1, 1]
    assert j1[:4].tolist() == [0, 0, tiny / 2, -tiny / 2]
    assert j1[:2].signbit().tolist() == [False, True]
    assert y0[:2].tolist() == y1[:2].tolist() == [-inf, -inf]
    for value in (j0, j1, y0, y1):
        assert value[4:7].isnan().all()
    assert torch.equal(j0[7:], torch.special.bessel_j0(-x[7:]))
    assert torch.equal(j1[7:], -torch.special.bessel_j1(-x[7:]))
    for value in (y0, y1):
        assert value[[3, 5, 7, 8]].isnan().all()
    far = torch.tensor([1e30, 3e38], dtype=dtype)
    for name in BESSEL:  # with the digits of the angle, and alone as beside nearer ones
        alone = getattr(torch.special, f"bessel_{name}")(far)
        beside = getattr(torch.special, f"bessel_{name}")(torch.cat([x[:1], far, x[2:3]]))
        assert torch.equal(alone, beside[1:3])
        assert (alone.abs() <= (2 / math.pi / far.double()).sqrt() * 1.0001).all()


@pytest.mark.parametrize("level", ["portable", "avx2"])
def test_bessel_functions_of_lower_instruction_sets(level):
    special = pytest.importorskip("scipy.special")
    x = numpy.linspace(0.1, 60, 1003)
    expected = {name: getattr(special, name)(x).tolist() for name in BESSEL}
    program = f"""
import flambeau as torch
x = torch.tensor({x.tolist()}, dtype=torch.float64)
for name, expected in {expected}.items():
    got = getattr(torch.special, "bessel_" + name)(x)
    torch.testing.assert_close(got, torch.tensor(expected, dtype=x.dtype), rtol=1e-12, atol=1e-14)
    for n in (0, 1, 3, 65):
        few = getattr(torch.special, "bessel_" + name)(x[:n])
        assert torch.equal(few, got[:n])
"""
    run_at_level(level, program)
