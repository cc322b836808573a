"""Fourier transforms on GPUs, as products with small matrices of roots of unity.

Of n = a b points, j = b j1 + j2 and k = k1 + a k2, with w = exp(-+2 pi i / n):

    X[k1 + a k2] = sum_j2 (w^(j2 k1) sum_j1 x[b j1 + j2] (w^b)^(j1 k1)) (w^a)^(j2 k2)

so a transform is a product of a by a, a factor for each point, and transforms of b (Cooley and Tukey, 1965). A prime
n that is large becomes a convolution, whose transforms have a power of two of points (Bluestein, 1970).
"""

import functools
import math

from ... import _core
from ..core import operators as fl
from .launch import made_like, on_meta
from .rules import rule

_WIDEST = 64  # points that one product transforms


def _roots(numbers, n, sign, dtype, device):
    """exp(sign 2 pi i k / n) for a matrix of whole k, rounded once from float64."""
    angles = (numbers % n).double() * (sign * 2 * math.pi / n)
    return fl.complex(angles.cos(), angles.sin()).to(device, dtype)


@functools.lru_cache(256)
def _matrix(n, sign, dtype, device):
    k = fl.arange(n, device="cpu")
    return _roots(k[:, None] * k, n, sign, dtype, device)


@functools.lru_cache(256)
def _factors(a, b, sign, dtype, device):
    """(a, b): w^(k1 j2)"""
    return _roots(
        fl.arange(a, device="cpu")[:, None] * fl.arange(b, device="cpu"), a * b, sign, dtype, device
    )


def _divisor(n):
    """The largest divisor up to _WIDEST; 1 for a prime beyond."""
    return next(d for d in range(min(n, _WIDEST), 0, -1) if n % d == 0)


def transform(x, sign):
    """Of the rows of x (rows, n)."""
    rows, n = x.shape
    if n == 1:
        return x
    a = _divisor(n)
    if a == n:
        return x @ _matrix(n, sign, x.dtype, x.device)
    if a == 1:
        return _by_convolution(x, sign)
    b = n // a
    inner = _matrix(a, sign, x.dtype, x.device) @ x.reshape(rows, a, b)  # (rows, k1, j2)
    inner = inner * _factors(a, b, sign, x.dtype, x.device)
    made = transform(inner.reshape(rows * a, b), sign)  # (rows k1, k2)
    return made.view(rows, a, b).transpose(1, 2).reshape(rows, n)


@functools.lru_cache(256)
def _chirp(n, size, sign, dtype, device):
    """exp(sign pi i j^2 / n) for j < n, and the transform of its inverse around 0, of `size` points."""
    j = fl.arange(n, device="cpu")
    chirp = _roots(j * j, 2 * n, sign, _core.complex128, "cpu")
    around = _core.zeros(size, dtype=_core.complex128, device="cpu")
    around[:n] = chirp.conj()
    around[size - n + 1 :] = chirp[1:].flip(0).conj()
    spectrum = _core._fourier(around, [0], 1.0, False)
    return chirp.to(device, dtype), spectrum.to(device, dtype)


def _by_convolution(x, sign):
    rows, n = x.shape
    size = 1 << (2 * n - 2).bit_length()
    chirp, spectrum = _chirp(n, size, sign, x.dtype, x.device)
    padded = _core.zeros(rows, size, dtype=x.dtype, device=x.device)
    padded[:, :n].copy_(x * chirp)
    joined = transform(transform(padded, -1) * spectrum, 1)[:, :n]
    return joined * chirp * (1 / size)


def _along(input, dim, sign):
    """The transform along a dim, with that dim last."""
    moved = input.movedim(dim, -1)
    rows = moved.reshape(-1, moved.shape[-1]).contiguous()
    return transform(rows, sign).view(moved.shape)


@rule("_fourier")
def fourier(input, dims, scale, inverse):
    out = made_like(on_meta(_core._fourier, input, dims, scale, inverse), input.device)
    if input.numel() == 0:
        return out
    for dim in dims:
        input = _along(input, dim, 1 if inverse else -1).movedim(-1, dim)
    return out.copy_(input).mul_(scale)


@rule("_fourier_real")
def fourier_real(input, dim, scale, inverse):
    out = made_like(on_meta(_core._fourier_real, input, dim, scale, inverse), input.device)
    if input.numel() == 0:
        return out
    wide = input.to(out.dtype)
    made = _along(wide, dim, 1 if inverse else -1)[..., : out.shape[dim]]
    return out.copy_(made.movedim(-1, dim)).mul_(scale)


@rule("_fourier_to_real")
def fourier_to_real(input, dim, size, scale, inverse):
    out = made_like(on_meta(_core._fourier_to_real, input, dim, size, scale, inverse), input.device)
    if input.numel() == 0:
        return out
    half = input.movedim(dim, -1)
    mirrored = half[..., 1 : (size + 1) // 2].flip(-1).conj()
    whole = _core.cat([half, mirrored.resolve_conj()], -1)
    made = _along(whole, -1, 1 if inverse else -1).real
    return out.copy_(made.movedim(-1, dim)).mul_(scale)
