"""Fourier transforms: the standard's extension `fft`."""

import flambeau as fl

from .array import array


def _of_one_axis(name):
    operator = getattr(fl.fft, name)

    def function(x, /, *, n=None, axis=-1, norm="backward"):
        return operator(x, n, axis, norm)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"flambeau.fft.{name} along one axis."
    return function


def _of_axes(name):
    operator = getattr(fl.fft, name)

    def function(x, /, *, s=None, axes=None, norm="backward"):
        return operator(x, s, axes, norm)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"flambeau.fft.{name} along several axes, all by default."
    return function


fft, ifft = _of_one_axis("fft"), _of_one_axis("ifft")
rfft, irfft = _of_one_axis("rfft"), _of_one_axis("irfft")
hfft, ihfft = _of_one_axis("hfft"), _of_one_axis("ihfft")
fftn, ifftn = _of_axes("fftn"), _of_axes("ifftn")
rfftn, irfftn = _of_axes("rfftn"), _of_axes("irfftn")


def fftfreq(n, /, *, d=1.0, dtype=None, device=None):
    """The frequencies of an FFT of n samples, d apart."""
    return array(fl.fft.fftfreq(n, d, dtype=dtype, device=device))


def rfftfreq(n, /, *, d=1.0, dtype=None, device=None):
    """The frequencies of an FFT of n real samples, d apart."""
    return array(fl.fft.rfftfreq(n, d, dtype=dtype, device=device))


def fftshift(x, /, *, axes=None):
    """x with the frequency 0 in the middle."""
    return fl.fft.fftshift(x, axes)


def ifftshift(x, /, *, axes=None):
    """fftshift(), undone."""
    return fl.fft.ifftshift(x, axes)
