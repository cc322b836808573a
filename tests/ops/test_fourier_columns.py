"""Transforms along a dim with few columns behind it: those of several matrices go together."""

import numpy as np
import pytest

import flambeau as fl
from tests.on_threads import on_threads

RANDOM = np.random.default_rng(2)
SIZES = [(outer, n, inner) for outer in (1, 2, 7, 33) for n in (1, 2, 7, 16, 97, 100) for inner in (2, 3, 4, 5, 7, 8, 9, 17)] + [(5, 1024, 3), (5, 1025, 3)]  # fmt: skip


def _close(found, expected, dtype):
    tolerance = 200 * np.finfo(dtype).eps * max(1.0, np.abs(expected).max(initial=0))
    np.testing.assert_allclose(found.numpy(), expected, atol=tolerance, rtol=0)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_transforms_of_columns(dtype):
    for outer, n, inner in SIZES:
        x = RANDOM.standard_normal((outer, n, inner))
        z = x + 1j * RANDOM.standard_normal(x.shape)
        real, points = fl.tensor(x).to(getattr(fl, dtype)), fl.tensor(z)
        points = points.to(fl.complex64 if dtype == "float32" else fl.complex128)
        _close(fl.fft.fft(points, dim=1), np.fft.fft(z, axis=1), dtype)
        _close(fl.fft.ifft(points, dim=1), np.fft.ifft(z, axis=1), dtype)
        _close(fl.fft.rfft(real, dim=1), np.fft.rfft(x, axis=1), dtype)
        _close(fl.fft.ihfft(real, dim=1), np.fft.ihfft(x, axis=1), dtype)
        for length in {n, max(1, 2 * (n - 1)), 2 * n - 1}:
            _close(fl.fft.irfft(points, length, dim=1), np.fft.irfft(z, length, axis=1), dtype)


def test_infinities_of_a_column_stay_in_it():
    x = RANDOM.standard_normal((6, 16, 3))
    expected = np.fft.fft(x, axis=1)
    x[2, 5, 1] = np.inf
    found = fl.fft.fft(fl.tensor(x), dim=1).numpy()
    assert not np.isfinite(found[2, :, 1]).any()
    found[2, :, 1] = expected[2, :, 1]
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_columns_with_any_number_of_threads():
    x = fl.randn(2000, 24, 5)
    found = on_threads(lambda: fl.fft.rfft(x, dim=1).numpy().tobytes())
    assert found == [found[0]] * 4
