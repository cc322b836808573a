"""Short-time Fourier transforms, against the definition and each other."""

import numpy as np
import pytest

import flambeau as torch
from flambeau.autograd import gradcheck

rng = np.random.default_rng(0)
SIGNAL = rng.standard_normal((2, 40))


def test_frames_are_transformed_one_by_one():
    window = np.hanning(9)[:-1]
    ours = torch.stft(
        torch.from_numpy(SIGNAL),
        8,
        3,
        window=torch.from_numpy(window),
        center=False,
        return_complex=True,
    )
    frames = np.stack([SIGNAL[:, s : s + 8] * window for s in range(0, 33, 3)], 1)
    np.testing.assert_allclose(ours.numpy(), np.fft.rfft(frames).swapaxes(1, 2), atol=1e-12)


@pytest.mark.parametrize("onesided", [True, False])
@pytest.mark.parametrize("normalized", [True, False])
@pytest.mark.parametrize("win_length", [None, 6])
def test_istft_undoes_stft(win_length, normalized, onesided):
    x = torch.from_numpy(SIGNAL)
    window = torch.hann_window(win_length or 8, dtype=torch.float64) + 0.1
    options = dict(window=window, normalized=normalized, onesided=onesided)
    spectra = torch.stft(x, 8, 2, win_length, return_complex=True, **options)
    assert spectra.shape == (2, 5 if onesided else 8, 21)
    back = torch.istft(spectra, 8, 2, win_length, length=40, **options)
    np.testing.assert_allclose(back.numpy(), SIGNAL, atol=1e-12)


def test_gradient():
    x = torch.from_numpy(SIGNAL[0, :12]).requires_grad_()
    assert gradcheck(lambda x: torch.stft(x, 4, return_complex=True), (x,))


def test_wrong_calls_say_so():
    x = torch.from_numpy(SIGNAL)
    with pytest.raises(RuntimeError, match="return_complex"):
        torch.stft(x, 8)
    with pytest.raises(RuntimeError, match="n_fft"):
        torch.stft(x, 100, center=False, return_complex=True)
    with pytest.raises(RuntimeError, match="win_length"):
        torch.stft(x, 8, win_length=9, return_complex=True)


@pytest.mark.parametrize("options", [{}, {"center": False}, {"win_length": 3}])
def test_frames_longer_than_the_signal_are_refused_before_windows_are_made(options):
    with pytest.raises(RuntimeError, match="pads by|n_fft is"):  # and not: out of memory
        torch.stft(torch.ones(10), 2**50, return_complex=True, **options)
