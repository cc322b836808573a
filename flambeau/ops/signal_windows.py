"""Window functions: torch.signal.windows, and the older torch.hann_window and its relatives.

Each is a formula of the position k in 0, 1, ..., M - 1. A symmetric window (sym=True) reaches its end at
the last sample, a periodic one would reach it at the sample after.
"""

import math

from .core import operators as fl
from .core.declare import composite
from .creation import count_of

_signal = composite(namespaces=("signal.windows",), method=False, out=False)


def _positions(operator, M, sym, dtype, layout, device, requires_grad):
    """(k as a tensor, the length over which the window is spread); or the window itself if M < 2."""
    if not isinstance(M, int):
        raise TypeError(
            f"{operator}: M, the window's length, must be an int, not {type(M).__name__}."
        )
    if layout not in (None, fl.strided):
        raise ValueError(f"{operator}: layout={layout} is not available; windows are strided.")
    if M < 0:
        raise ValueError(f"{operator}: M is {M}; it must be 0 or more.")
    dtype = dtype or fl.get_default_dtype()
    if not dtype.is_floating_point or dtype in (fl.float16, fl.bfloat16):
        raise ValueError(f"{operator}: dtype is {dtype}; it must be float32 or float64.")
    if M < 2:
        return fl.ones(M, dtype=dtype, device=device, requires_grad=requires_grad), None
    return fl.arange(M, dtype=fl.float64, device=device), M - 1 if sym else M


def _made(window, dtype, requires_grad):
    return window.to(dtype or fl.get_default_dtype()).requires_grad_(requires_grad or False)


def _cosines(operator, M, coefficients, sym, dtype, layout, device, requires_grad):
    """The sum over i of (-1)**i * coefficients[i] * cos(2 pi i k / length)."""
    k, length = _positions(operator, M, sym, dtype, layout, device, requires_grad)
    if length is None:
        return k
    constant, *others = coefficients
    window = constant if others else fl.zeros_like(k) + constant
    for i, coefficient in enumerate(others, 1):
        term = (k * (2 * math.pi * i / length)).cos_() * ((-1) ** i * coefficient)
        window = term + window
    return _made(window, dtype, requires_grad)


@_signal
def general_cosine(M, *, a, sym=True, dtype=None, layout=None, device=None, requires_grad=False):
    """The sum over i of (-1)**i * a[i] * cos(2 pi i k / (M - 1))."""
    if not isinstance(a, (list, tuple)) and not hasattr(a, "__iter__"):
        raise TypeError(
            f"general_cosine: a must be a list or tuple of coefficients, not {type(a).__name__}."
        )
    if not a:
        raise ValueError("general_cosine: a is empty; it needs one coefficient or more.")
    return _cosines("general_cosine", M, a, sym, dtype, layout, device, requires_grad)


@_signal
def general_hamming(
    M, *, alpha=0.54, sym=True, dtype=None, layout=None, device=None, requires_grad=False
):
    """alpha - (1 - alpha) * cos(2 pi k / (M - 1))."""
    return _cosines(
        "general_hamming", M, (alpha, 1 - alpha), sym, dtype, layout, device, requires_grad
    )


@_signal
def hamming(M, *, sym=True, dtype=None, layout=None, device=None, requires_grad=False):
    """`general_hamming` with alpha 0.54."""
    return _cosines("hamming", M, (0.54, 0.46), sym, dtype, layout, device, requires_grad)


@_signal
def hann(M, *, sym=True, dtype=None, layout=None, device=None, requires_grad=False):
    """`general_hamming` with alpha 0.5."""
    return _cosines("hann", M, (0.5, 0.5), sym, dtype, layout, device, requires_grad)


@_signal
def blackman(M, *, sym=True, dtype=None, layout=None, device=None, requires_grad=False):
    """The cosine window with coefficients 0.42, 0.5, 0.08."""
    return _cosines("blackman", M, (0.42, 0.5, 0.08), sym, dtype, layout, device, requires_grad)


@_signal
def nuttall(M, *, sym=True, dtype=None, layout=None, device=None, requires_grad=False):
    """The cosine window with the four coefficients of the minimum four-term Blackman-Harris window.

    Source: Nuttall, IEEE Trans. Acoust. Speech Signal Process. 29 (1981) 84.
    """
    coefficients = (0.3635819, 0.4891775, 0.1365995, 0.0106411)
    return _cosines("nuttall", M, coefficients, sym, dtype, layout, device, requires_grad)


@_signal
def bartlett(M, *, sym=True, dtype=None, layout=None, device=None, requires_grad=False):
    """The triangle 1 - abs(2 k / (M - 1) - 1)."""
    k, length = _positions("bartlett", M, sym, dtype, layout, device, requires_grad)
    if length is None:
        return k
    return _made(1 - (k * (2 / length) - 1).abs(), dtype, requires_grad)


@_signal
def cosine(M, *, sym=True, dtype=None, layout=None, device=None, requires_grad=False):
    """sin(pi (k + 0.5) / M)."""
    k, length = _positions("cosine", M, sym, dtype, layout, device, requires_grad)
    if length is None:
        return k
    return _made(((k + 0.5) * (math.pi / (length + 1))).sin(), dtype, requires_grad)


@_signal
def exponential(
    M, *, center=None, tau=1.0, sym=True, dtype=None, layout=None, device=None, requires_grad=False
):
    """exp(-abs(k - center) / tau); the center is the middle unless given, for which sym must be False."""
    if tau <= 0:
        raise ValueError(f"exponential: tau is {tau}; it must be above 0.")
    if sym and center is not None:
        raise ValueError(
            "exponential: center is given, but a symmetric window (sym=True) has its own. Leave "
            "one of them away."
        )
    k, length = _positions("exponential", M, sym, dtype, layout, device, requires_grad)
    if length is None:
        return k
    center = length / 2 if center is None else center
    return _made((-(k - center).abs() / tau).exp(), dtype, requires_grad)


@_signal
def gaussian(M, *, std=1.0, sym=True, dtype=None, layout=None, device=None, requires_grad=False):
    """exp(-((k - middle) / std)**2 / 2)."""
    if std <= 0:
        raise ValueError(f"gaussian: std is {std}; it must be above 0.")
    k, length = _positions("gaussian", M, sym, dtype, layout, device, requires_grad)
    if length is None:
        return k
    return _made((-(((k - length / 2) / std) ** 2) / 2).exp(), dtype, requires_grad)


@_signal
def kaiser(M, *, beta=12.0, sym=True, dtype=None, layout=None, device=None, requires_grad=False):
    """i0(beta * sqrt(1 - (2 k / (M - 1) - 1)**2)) / i0(beta)."""
    if beta < 0:
        raise ValueError(f"kaiser: beta is {beta}; it must be 0 or more.")
    k, length = _positions("kaiser", M, sym, dtype, layout, device, requires_grad)
    if length is None:
        return k
    inside = (1 - (k * (2 / length) - 1) ** 2).clamp_min(0)
    scale = fl.i0(fl.full((), float(beta), dtype=k.dtype, device=device))
    return _made(fl.i0(beta * inside.sqrt()) / scale, dtype, requires_grad)


def _wide(name, window_length, dtype):
    """The dtype to compute an older window in; RuntimeError where signal.windows raises ValueError."""
    if count_of(window_length, name, "window_length") < 0:
        raise RuntimeError(f"{name}: window_length is {window_length}, but cannot be negative.")
    dtype = dtype or fl.get_default_dtype()
    if not dtype.is_floating_point:
        raise RuntimeError(f"{name}: dtype is {dtype}, but a window is floating.")
    return dtype if dtype in (fl.float32, fl.float64) else fl.float32


def _older(name, window):
    """torch.<name>_window(window_length, periodic=True, ...) in terms of the window of that name."""
    name = f"{name}_window"

    def older(
        window_length, periodic=True, *, dtype=None, layout=None, device=None, requires_grad=False
    ):
        wide = _wide(name, window_length, dtype)
        made = window(window_length, sym=not periodic, dtype=wide, layout=layout, device=device)
        return _made(made, dtype, requires_grad)

    older.__name__ = older.__qualname__ = name
    older.__doc__ = f"The {name}, periodic unless told otherwise; see signal.windows."
    return composite(method=False, out=False)(older)


hann_window = _older("hann", hann)
bartlett_window = _older("bartlett", bartlett)
blackman_window = _older("blackman", blackman)


@composite(method=False, out=False)
def hamming_window(
    window_length, periodic=True, alpha=0.54, beta=0.46, *, dtype=None, layout=None, device=None,
    requires_grad=False,
):  # fmt: skip
    """alpha - beta * cos(2 pi k / length).

    Example:
        >>> torch.hamming_window(3)
        tensor([0.0800, 0.7700, 0.7700])
    """
    name, sym = "hamming_window", not periodic
    wide = _wide(name, window_length, dtype)
    made = _cosines(name, window_length, (alpha, beta), sym, wide, layout, device, False)
    return _made(made, dtype, requires_grad)


@composite(method=False, out=False)
def kaiser_window(
    window_length, periodic=True, beta=12.0, *, dtype=None, layout=None, device=None,
    requires_grad=False,
):  # fmt: skip
    """The Kaiser window, periodic unless told otherwise.

    Example:
        >>> torch.kaiser_window(3)
        tensor([5.2773e-05, 5.1884e-01, 5.1884e-01])
    """
    wide = _wide("kaiser_window", window_length, dtype)
    options = {"dtype": wide, "layout": layout, "device": device}
    made = kaiser(window_length, beta=beta, sym=not periodic, **options)
    return _made(made, dtype, requires_grad)
