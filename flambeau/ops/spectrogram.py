"""Short-time Fourier transforms: the spectrum of a signal as it changes with time."""

from .. import _core
from .core import operators as fl
from .core.arguments import every
from .core.attach import of_constant_slope
from .core.declare import composite
from .padding import add_border


def _framing(operator, n_fft, hop_length, win_length, window):
    """(hop_length, win_length) after the checks that both directions share."""
    hop_length = n_fft // 4 if hop_length is None else hop_length
    win_length = n_fft if win_length is None else win_length
    if n_fft <= 0:
        raise RuntimeError(f"{operator}: n_fft is {n_fft}; it must be 1 or more.")
    if hop_length <= 0:
        raise RuntimeError(f"{operator}: hop_length is {hop_length}; it must be 1 or more.")
    if not 0 < win_length <= n_fft:
        raise RuntimeError(
            f"{operator}: win_length is {win_length}; it must be from 1 to n_fft, {n_fft}."
        )
    if window is not None and (window.dim() != 1 or window.size(0) != win_length):
        raise RuntimeError(
            f"{operator}: window {tuple(window.shape)} must be a vector of win_length, "
            f"{win_length}."
        )
    return hop_length, win_length


def _filled(window, win_length, n_fft, like):
    """The window, of ones unless given, filled up to n_fft samples: made once n_fft is known to fit."""
    if window is None:
        real = like.real.dtype if like.dtype.is_complex else like.dtype
        window = fl.ones(win_length, dtype=real, device=like.device)
    if win_length < n_fft:
        left = (n_fft - win_length) // 2
        window = fl.constant_pad_nd(window, (left, n_fft - win_length - left))
    return window


def _is_complex(window):
    return window is not None and window.dtype.is_complex


@composite(out=False, autocast="float32")
def stft(
    input, n_fft, hop_length=None, win_length=None, window=None, center: object = True,
    pad_mode="reflect", normalized=False, onesided=None, return_complex=None, align_to_window=None,
):  # fmt: skip
    """The Fourier transforms of overlapping frames of a signal, each multiplied by a window.

    Shape: input (*B, L) with at most one dimension before the last gives (*B, N, T) complex, N frequencies
    of T frames; with return_complex=False (*B, N, T, 2) real.

    Args:
        n_fft (int): samples of a frame.
        hop_length (int): samples from one frame to the next; n_fft // 4 unless given.
        win_length (int): samples of the window, centred in the frame; n_fft unless given.
        center (bool): frame t is centred at t * hop_length, the signal padded at both ends as pad_mode says.
        normalized (bool): divide by sqrt(n_fft).
        onesided (bool): only the first n_fft // 2 + 1 frequencies; the default for real signals.
    """
    if input.dim() not in (1, 2) or not (input.dtype.is_floating_point or input.dtype.is_complex):
        raise RuntimeError(
            f"stft: input is {input.dtype} {tuple(input.shape)}; it must be floating or complex, a "
            "signal or a batch of them."
        )
    _advise_window("stft", window)
    hop_length, win_length = _framing("stft", n_fft, hop_length, win_length, window)
    if center and align_to_window is not None:
        raise RuntimeError("stft: align_to_window is for center=False only.")
    complex_result = input.dtype.is_complex or _is_complex(window)
    if return_complex is None:
        if not complex_result:
            raise RuntimeError(
                "stft: input is real, so say return_complex=True for a complex result, or False "
                "for (..., 2) real numbers."
            )
        return_complex = True
    onesided = not complex_result if onesided is None else onesided
    if onesided and complex_result:
        raise RuntimeError(
            "stft: onesided=True leaves out what only real signals repeat, but input or window is "
            "complex."
        )
    batch = input.dim() == 2
    signal = input if batch else input.unsqueeze(0)
    if center:
        signal = _padded(signal, n_fft // 2, pad_mode)
    if not n_fft <= signal.size(1):
        raise RuntimeError(
            f"stft: n_fft is {n_fft}, but the signal has {signal.size(1)} samples (after padding). "
            "It must not be longer."
        )
    window = _filled(window, win_length, n_fft, input)
    frames = signal.unfold(1, n_fft, hop_length) * window  # (B, T, n_fft)
    norm = "ortho" if normalized else None
    transform = fl.fft.rfft if onesided else fl.fft.fft
    result = transform(frames, norm=norm).transpose(1, 2)  # (B, N, T)
    result = result if batch else result.squeeze(0)
    if return_complex:
        return result
    _core._warn_once(
        "stft as reals",
        "stft: return_complex=False is deprecated. Write view_as_real(stft(..., return_complex=True)).",
    )
    return fl.view_as_real(result)


def _advise_window(name, window):
    if window is None:
        _core._warn_once(
            f"{name} without a window",
            f"{name}: without a window every frame is cut off at its ends, which leaks into all frequencies. "
            "Pass one, e.g. hann_window(n_fft), the same to stft and istft; ones(n_fft) for what is done now.",
        )


def _padded(signal, count, mode):
    """`signal` (B, L) with `count` samples more at both ends."""
    length = signal.size(1)
    if mode == "constant":
        return fl.constant_pad_nd(signal, (count, count))
    if mode == "reflect":
        if count >= length:
            raise RuntimeError(
                f"stft: center=True pads by {count} on both sides, which must be less than the "
                f"signal {tuple(signal.shape)} is long for this pad_mode."
            )
    elif mode not in ("replicate", "circular"):
        raise NotImplementedError(f"stft: Unrecognised padding mode {mode}")
    elif length == 0:
        raise RuntimeError(f"stft: an empty signal has no {mode} padding")
    if mode != "circular":
        signal = of_constant_slope(signal)
    return add_border(signal, mode, (count, count))


def _overlapped(frames, hop_length, length):
    """The sum (B, length) of frames (B, T, n_fft) that start hop_length apart."""
    count, size = frames.shape[1:]
    starts = fl.arange(count, device=frames.device).unsqueeze(1) * hop_length
    places = (starts + fl.arange(size, device=frames.device)).reshape(-1)
    total = fl.zeros((frames.size(0), length), dtype=frames.dtype, device=frames.device)
    return total.index_add(1, places, frames.reshape(frames.size(0), -1))


@composite(out=False)
def istft(
    input, n_fft, hop_length=None, win_length=None, window=None, center=True, normalized=False,
    onesided=None, length=None, return_complex=False,
):  # fmt: skip
    """The signal whose `stft` is nearest to `input`: the overlapped frames over the overlapped windows.

    Shape: input (*B, N, T) complex gives (*B, length).
    Source: Griffin, Lim, IEEE Trans. Acoust. Speech Signal Process. 32 (1984) 236.
    """
    if not input.dtype.is_complex:
        raise RuntimeError(
            "istft: input is not complex. Give it what stft(return_complex=True) gives."
        )
    if input.dim() not in (2, 3) or input.numel() == 0:
        raise RuntimeError(
            f"istft: input {tuple(input.shape)} must not be empty and have 2 or 3 dims, (..., "
            "frequencies, frames)."
        )
    _advise_window("istft", window)
    hop_length, win_length = _framing("istft", n_fft, hop_length, win_length, window)
    have = input.size(-2)
    onesided = have != n_fft if onesided is None else onesided
    want = n_fft // 2 + 1 if onesided else n_fft
    if have != want:
        raise RuntimeError(
            f"istft: input has {have} frequencies; n_fft={n_fft} with onesided={onesided} takes "
            f"{want}."
        )
    if return_complex and onesided:
        raise RuntimeError("istft: return_complex=True needs all frequencies. Pass onesided=False.")
    if _is_complex(window) and not return_complex:
        raise RuntimeError(
            "istft: window is complex, and so is the result. Pass return_complex=True."
        )
    window = _filled(window, win_length, n_fft, input)
    batch = input.dim() == 3
    spectra = (input if batch else input.unsqueeze(0)).transpose(1, 2)  # (B, T, N)
    norm = "ortho" if normalized else None
    if return_complex:
        frames = fl.fft.ifft(spectra, norm=norm)
    else:
        if not onesided:
            spectra = spectra[..., : n_fft // 2 + 1]
        frames = fl.fft.irfft(spectra, n_fft, norm=norm)
    count = frames.size(1)
    full = n_fft + hop_length * (count - 1)
    signal = _overlapped(frames * window, hop_length, full)
    weight = _overlapped((window * window).expand(1, count, n_fft).contiguous(), hop_length, full)
    start = n_fft // 2 if center else 0
    end = start + length if length is not None else full - (n_fft // 2 if center else 0)
    signal, weight = signal[:, start:end], weight[:, start:end]
    smallest = weight.detach().abs().min() if weight.numel() else None
    if smallest is not None and not every(smallest > 1e-11):
        raise RuntimeError(
            f"istft: the windows leave samples out: their squares sum to {float(smallest)} "
            "somewhere. Use a smaller hop_length or another window."
        )
    signal = signal / weight
    if end > full:
        _core._warn(
            "istft: the frames give fewer samples than length asks for; zeros fill the rest. "
            "center and hop_length may differ from stft's."
        )
        signal = fl.constant_pad_nd(signal, (0, end - full))
    return signal if batch else signal.squeeze(0)
