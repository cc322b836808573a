"""Fourier transforms of every kind of size, layout, precision, instruction set and number of threads."""

import numpy as np
import pytest

import flambeau as torch
from tests.at_level import at_lower_levels, run_at_level

# Powers of 2, 3, 5 and 7, primes with steps (up to 31) and without, products of both; in lanes form and cut.
SIZES = [
    *range(1, 40),
    *(48, 53, 60, 64, 65, 77, 97, 100, 121, 127, 128, 169, 243, 256, 257, 343, 400, 509, 512, 625),
    *(961, 1000, 1009, 1024, 1025, 1200, 1331, 2003, 2048, 4096, 4099, 6561, 8192, 10007, 30030),
]
LAYOUTS = [((None,), 0), ((3, None), 1), ((None, 3), 0), ((40, None), 1), ((None, 21), 0)]
BEFORE = torch.get_num_threads()


def signals(n, sizes, dtype):
    rng = np.random.default_rng(n)
    shape = [n if size is None else size for size in sizes]
    return (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)).astype(dtype)


def check(ours, theirs, n):
    """Within some units in the last place of the largest coefficient, more for more steps."""
    ours = ours.numpy()
    precision = np.finfo(ours.dtype).eps
    assert ours.shape == theirs.shape
    worst = np.abs(ours - theirs).max() / np.abs(theirs).max()
    assert worst < 4 * precision * (np.log2(n) + 1)


def compare(n, sizes, dim, dtype):
    z = signals(n, sizes, dtype)
    exact = z.astype(np.complex128)
    # A view with gaps.
    spread = np.repeat(z, 2, axis=dim)
    ours = torch.from_numpy(spread)[(slice(None),) * dim + (slice(None, None, 2),)]
    check(torch.fft.fft(ours, dim=dim), np.fft.fft(exact, axis=dim), n)
    check(torch.fft.ifft(ours, dim=dim), np.fft.ifft(exact, axis=dim), n)
    check(torch.fft.rfft(ours.real, dim=dim), np.fft.rfft(exact.real, axis=dim), n)
    check(torch.fft.ihfft(ours.real, dim=dim), np.fft.ihfft(exact.real, axis=dim), n)
    for size in {max(1, 2 * n - 2), 2 * n - 1}:
        check(torch.fft.irfft(ours, size, dim), np.fft.irfft(exact, size, dim), size)
        check(torch.fft.hfft(ours, size, dim), np.fft.hfft(exact, size, dim), size)


@pytest.mark.parametrize("n", SIZES)
def test_every_kind_of_size(n):
    for sizes, dim in LAYOUTS if n < 2100 else LAYOUTS[:2]:
        for dtype in (np.complex64, np.complex128):
            compare(n, sizes, dim, dtype)


@pytest.mark.parametrize("columns", [*range(2, 20), 31, 33, 65])
def test_any_number_of_columns(columns):
    for n in (8, 24, 37, 131, 1000, 2003):
        for dtype in (np.complex64, np.complex128):
            compare(n, (3, None, columns), 1, dtype)
            compare(n, (None, columns), 0, dtype)


@pytest.mark.parametrize("n", [100_000, 100_003, 1 << 17])
def test_long_signals(n):
    z = signals(n, (None,), np.complex64)
    exact = z.astype(np.complex128)
    check(torch.fft.fft(torch.from_numpy(z)), np.fft.fft(exact), n)
    check(torch.fft.rfft(torch.from_numpy(z.real.copy())), np.fft.rfft(exact.real), n)
    back = torch.fft.irfft(torch.fft.rfft(torch.from_numpy(z.real.copy())), n)
    check(back, exact.real, n)


@at_lower_levels
def test_lower_instruction_sets(level):
    program = """
from tests.ops.test_fourier_sizes import LAYOUTS, compare, np
for n in (1, 2, 7, 12, 16, 30, 37, 64, 77, 361, 1009, 2048):
    for sizes, dim in LAYOUTS:
        for dtype in (np.complex64, np.complex128):
            compare(n, sizes, dim, dtype)
for columns in range(2, 20):
    for dtype in (np.complex64, np.complex128):
        compare(24, (3, None, columns), 1, dtype)
"""
    run_at_level(level, program)


def test_any_number_of_threads_gives_the_same_bits():
    inputs = [((1 << 16,), 0), ((300, 128), 1), ((128, 300), 0), ((3, 8192), 1), ((50, 1009), 1)]
    results = []
    try:
        for threads in (1, 2, 3, 16):
            torch.set_num_threads(threads)
            bits = []
            for shape, dim in inputs:
                z = torch.from_numpy(signals(0, shape, np.complex64))
                bits.append(torch.fft.fft(z, dim=dim).numpy().tobytes())
                bits.append(torch.fft.rfft(z.real, dim=dim).numpy().tobytes())
            results.append(bits)
    finally:
        torch.set_num_threads(BEFORE)
    assert all(bits == results[0] for bits in results)


def test_a_signal_that_is_not_finite_stays_alone():
    for value in (float("inf"), float("nan")):
        x = torch.ones(40, 60)
        x[7, 3] = value
        for result in (torch.fft.fft(x), torch.fft.rfft(x), torch.fft.irfft(x)):
            finite = torch.view_as_real(result.to(torch.complex64)).isfinite().flatten(1)
            assert finite.all(1).sum() == 39
            assert not finite[7].all()


def test_more_sizes_than_are_kept():
    for n in range(3000, 3200):
        x = torch.rand(n, dtype=torch.float64)
        assert torch.allclose(torch.fft.irfft(torch.fft.rfft(x), n), x)


@pytest.mark.parametrize("n", [6, 64, 65, 1024, 4096])
def test_sums_with_an_infinity_are_infinite(n):
    for count in (1, 40):
        x = torch.randn(count, n)
        x[:, 3] = float("inf")
        spectrum = torch.fft.fft(x)
        assert (spectrum[:, 0].real == float("inf")).all() and (spectrum[:, 0].imag == 0).all()
        assert (torch.fft.rfft(x)[:, 0].real == float("inf")).all()
        half = torch.fft.rfft(torch.randn(count, n))
        half[:, 2] = float("inf")
        assert (torch.fft.irfft(half, n)[:, 0] == float("inf")).all()


@pytest.mark.parametrize("count", [1, 40])
def test_infinities_a_quarter_of_the_circle_away(count):
    # exp(i pi j / 2) is 1, i, -1, -i: its parts of 0 make no NaN of an infinity.
    inf = float("inf")
    half = torch.tensor([0, inf, 0], dtype=torch.complex64).expand(count, 3)
    assert (torch.fft.irfft(half, 4) == torch.tensor([inf, 0, -inf, 0])).all()
    spectrum = torch.fft.rfft(torch.tensor([inf, 0, 0, 0]).expand(count, 4))
    assert (spectrum.real == inf).all() and (spectrum.imag == 0).all()


@pytest.mark.parametrize("count", [1, 40])
@pytest.mark.parametrize("n", [8, 12, 64, 4096])
def test_a_large_sample_overflows_nowhere(n, count):
    x = torch.zeros(count, n)
    x[:, 1] = 3e38
    spectrum = torch.fft.rfft(x)
    assert torch.isfinite(spectrum).all()
    assert torch.allclose(spectrum.abs(), torch.full_like(spectrum.abs(), 3e38))


def by_definition(signal, sign):
    """(real, imaginary) sums of the products of complex points, those with a part of 0 left out."""
    n = len(signal)
    quarter = 4 * (np.outer(np.arange(n), np.arange(n)) % n) / n
    cosine, sine = np.cos(quarter * np.pi / 2), sign * np.sin(quarter * np.pi / 2)
    cosine[quarter % 2 == 1] = 0
    sine[quarter % 2 == 0] = 0

    def times(parts, factors):
        return np.where(factors == 0, 0, parts * np.where(factors == 0, 1, factors)).sum(1)

    re, im = signal.real, signal.imag
    return times(re, cosine) + times(-im, sine), times(re, sine) + times(im, cosine)


@pytest.mark.parametrize("n", [*range(1, 14), 16, 31, 37, 64, 100])
def test_infinities_go_by_the_definition(n):
    rng = np.random.default_rng(n)
    same = np.testing.assert_allclose

    def equal(ours, *parts):
        ours = [ours.real, ours.imag] if np.iscomplexobj(ours) else [ours]
        for one, other in zip(ours, parts):
            same(one, other[: len(one)], rtol=1e-4, atol=1e-4)

    with np.errstate(invalid="ignore"):
        for odd in (float("inf"), -float("inf"), float("nan")):
            for count in (1, 2):
                points = rng.standard_normal((3, n)) + 1j * rng.standard_normal((3, n))
                points[1, rng.integers(0, n, count)] = complex(odd, 1)
                points[2, rng.integers(0, n, count)] = complex(2, odd)
                ours = torch.tensor(points.astype(np.complex64))
                forward, inverse = (
                    torch.fft.fft(ours).numpy(),
                    torch.fft.ifft(ours, norm="forward").numpy(),
                )
                real = torch.fft.rfft(ours.real).numpy()
                half = torch.fft.irfft(ours[:, : n // 2 + 1], n, norm="forward").numpy()
                for i, signal in enumerate(points):
                    equal(forward[i], *by_definition(signal, -1))
                    equal(inverse[i], *by_definition(signal, 1))
                    equal(real[i], *by_definition(signal.real.astype(complex), -1))
                    whole = signal.copy()
                    whole.imag[[0, n // 2] if n % 2 == 0 else [0]] = 0
                    mirrored = np.arange(n // 2 + 1, n)
                    whole[mirrored] = whole[n - mirrored].conj()
                    equal(half[i], by_definition(whole, 1)[0])


def test_a_signal_of_many_infinities_does_not_take_long():
    assert torch.fft.fft(torch.full((200_000,), float("nan"))).isnan().any()


@pytest.mark.parametrize("n", [4, 7, 10, 17])
def test_points_near_the_end_of_the_range_keep_double_precision(n):
    signal = np.random.default_rng(n).standard_normal(n).astype(np.float32)
    signal[:3] = 3e38, 2, -3e38
    want = np.fft.fft(signal.astype(np.float64))
    for ours in (torch.fft.fft(torch.tensor(signal)), torch.fft.rfft(torch.tensor(signal))):
        exact = want[: len(ours)]
        fits = np.abs(exact.real) < 3.3e38
        close = np.isclose(ours.numpy().real, exact.real, rtol=1e-7, atol=1e24)
        assert fits.any() and close[fits].all()


def test_an_infinity_leaves_real_coefficients_real():
    signal = torch.randn(6)
    signal[2] = float("inf")
    assert torch.fft.fft(signal)[[0, 3]].imag.tolist() == [0, 0]
