"""Fourier transforms against numpy.fft, their derivatives by finite differences."""

import numpy as np
import pytest

import flambeau as torch
from flambeau.autograd import gradcheck, gradgradcheck

rng = np.random.default_rng(0)
REAL = rng.standard_normal((3, 4, 5))
COMPLEX = REAL + 1j * rng.standard_normal((3, 4, 5))
NORMS = [None, "backward", "ortho", "forward"]


def check(ours, theirs, dtype):
    assert ours.dtype is dtype
    np.testing.assert_allclose(ours.numpy(), theirs, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("n", [None, 3, 8])
@pytest.mark.parametrize("name", ["fft", "ifft", "rfft", "irfft", "hfft", "ihfft"])
def test_one_dim_is_numpys(name, n, norm):
    values = REAL if name in ("rfft", "ihfft") else COMPLEX
    for dim in (-1, 1):
        dtype = torch.float64 if name in ("irfft", "hfft") else torch.complex128
        ours = getattr(torch.fft, name)(torch.from_numpy(values), n, dim, norm)
        check(ours, getattr(np.fft, name)(values, n, dim, norm), dtype)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("name", ["fftn", "ifftn", "rfftn", "irfftn"])
def test_several_dims_are_numpys(name, norm):
    values = REAL if name == "rfftn" else COMPLEX
    dtype = torch.float64 if name == "irfftn" else torch.complex128
    for s, axes in ((None, (0, 1, 2)), ((2, 6), (1, 2)), (None, (2, 0))):
        ours = getattr(torch.fft, name)(torch.from_numpy(values), s, axes, norm)
        check(ours, getattr(np.fft, name)(values, s, axes, norm), dtype)


def test_float32_gives_complex64():
    x = torch.from_numpy(REAL).float()
    assert torch.fft.fft(x).dtype is torch.complex64
    assert torch.fft.irfft(torch.fft.rfft(x)).dtype is torch.float32
    assert torch.fft.fft(torch.arange(4)).dtype is torch.complex64


def test_hermitian_transforms_undo_each_other():
    x = torch.from_numpy(REAL)
    there = torch.fft.ihfftn(x)
    np.testing.assert_allclose(torch.fft.hfftn(there, s=REAL.shape).numpy(), REAL, atol=1e-12)


@pytest.mark.parametrize(
    "name", ["fft", "ifft", "rfft", "irfft", "hfft", "ihfft", "rfft2", "irfft2"]
)
def test_gradients(name):
    values = REAL[0] if name in ("rfft", "ihfft", "rfft2") else COMPLEX[0]
    x = torch.from_numpy(values.copy()).requires_grad_()
    transform = getattr(torch.fft, name)
    assert gradcheck(transform, (x,))
    assert gradgradcheck(transform, (x,))


def test_frequencies_and_shifts():
    for n in (1, 4, 7):
        np.testing.assert_allclose(
            torch.fft.fftfreq(n, 0.5).numpy(), np.fft.fftfreq(n, 0.5), rtol=1e-6
        )
        np.testing.assert_allclose(
            torch.fft.rfftfreq(n, 0.5).numpy(), np.fft.rfftfreq(n, 0.5), rtol=1e-6
        )
    halves = torch.fft.fftfreq(5000, 1 / 5000, dtype=torch.float16)  # counted beyond their integers
    assert halves[-3:].tolist() == [-3, -2, -1]
    assert torch.fft.fftfreq(0).shape == (0,) and torch.fft.rfftfreq(0).isnan().tolist() == [True]
    x = torch.from_numpy(REAL)
    np.testing.assert_array_equal(torch.fft.fftshift(x).numpy(), np.fft.fftshift(REAL))
    np.testing.assert_array_equal(torch.fft.ifftshift(x, 1).numpy(), np.fft.ifftshift(REAL, 1))


def test_wrong_calls_say_so():
    x = torch.from_numpy(REAL)
    with pytest.raises(RuntimeError, match=r"fft\.fft: 0 points cannot be transformed"):
        torch.fft.fft(x, 0)
    with pytest.raises(RuntimeError, match=r"fft\.fftn: dims \(0, 0\) name a dim more than once"):
        torch.fft.fftn(x, dim=(0, 0))
    with pytest.raises(
        RuntimeError, match=r"fft\.fft: norm is 'loud'; it must be 'forward', 'backward' or 'ortho'"
    ):
        torch.fft.fft(x, norm="loud")
    with pytest.raises(
        RuntimeError, match=r"fft\.rfft: input is torch\.complex128, but it must be real"
    ):
        torch.fft.rfft(torch.from_numpy(COMPLEX))
