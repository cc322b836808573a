"""Samples of the gamma distribution as logarithms, with their implicit derivative by the shape."""

import math

from . import public as fl
from .arguments import some
from .declare import primitive


@primitive(method=False, function=False)
def _log_gamma_samples(ctx, concentration):
    """log(x), x of the density x**(a - 1) exp(-x) / gamma(a), for positive a. dtype: that of a.

    A logarithm has the range that x itself lacks: for a = 0.001 half of all x are below 1e-301. For a < 1,
    x = y * u**(1 / a) with y of the shape a + 1.
    Source: Marsaglia, Tsang, ACM Trans. Math. Softw. 26 (2000) 363.
    """
    a = concentration.double()
    boost = (a > 0) & (a < 1)
    shape = fl.where(boost, a + 1, a)
    y = _marsaglia_tsang(shape)
    lift = fl.where(boost, -fl.empty_like(a).exponential_() / a, 0.0)  # log(u) / a
    ctx.save_for_backward(a, shape, y, lift)
    ctx.dtype = concentration.dtype
    return (y.log() + lift).to(concentration.dtype)


def _marsaglia_tsang(shape):
    d = shape - 1 / 3
    c = 1 / (9 * d).sqrt()
    result = fl.full_like(shape, math.nan)
    open_places = (shape > 0) & shape.isfinite()
    while some(open_places):  # one in twenty stays open, at most
        x = fl.randn_like(shape)
        v = (1 + c * x) ** 3
        level = 0.5 * x * x + d - d * v + d * v.clamp_min(0).log()
        taken = open_places & (v > 0) & (-fl.empty_like(x).exponential_() < level)
        result = fl.where(taken, d * v, result)
        open_places = open_places & ~taken
    return result


@_log_gamma_samples.derivative
def _(ctx, grad_output):
    if fl.is_grad_enabled():
        raise NotImplementedError("gamma samples have a first derivative only.")
    a, shape, y, lift = ctx.saved
    slope = gamma_slope(shape, y) / y - lift / a
    return grad_output * slope.to(ctx.dtype)


def gamma_slope(a, x):
    """dx / da with the distribution function P(a, x) held: -(dP / da) / (dP / dx). float64, a >= 1.

    Source: Figurnov, Mohamed, Mnih, "Implicit reparameterization gradients", 2018, arXiv:1805.08498.
    """
    large = a > _SERIES_ENDS
    few = _by_series(a.clamp_max(_SERIES_ENDS), fl.where(large, a.clamp_max(_SERIES_ENDS), x))
    return fl.where(large, _by_expansion(a, x), few) if some(large) else few


_SERIES_ENDS = (
    500.0  # beyond, some 10 sqrt(a) terms are more work than four of the expansion in 1 / sqrt(a)
)


def _by_series(a, x):
    """P(a, x) is density * sum of r_n, r_n = x**(n + 1) / (a ... (a + n)); log(x) - psi(a + n + 1) times that, its derivative."""
    term, psi, log_x = x / a, fl.digamma(a + 1), x.log()
    total, n = term * (psi - log_x), 1
    while some(term > 1e-17 * total.abs()):
        psi = psi + 1 / (a + n)
        term = term * x / (a + n)
        total = total + term * (psi - log_x)
        n += 1
        if n > 5000:
            break
    return total


def _by_expansion(a, x):
    """From x = a + s sqrt(a) + (s**2 - 1) / 3 + (s**3 - 7 s) / (36 sqrt(a)) + ..., s normal and held.

    Source: Cornish, Fisher, "Moments and cumulants in the specification of distributions", 1938.
    """
    root = a.sqrt()
    s = 3 * root * ((x / a) ** (1 / 3) - 1 + 1 / (9 * a))  # Wilson and Hilferty
    for _ in range(3):
        value = a + s * root + (s * s - 1) / 3 + (s**3 - 7 * s) / (36 * root)
        value = value + (16 - 7 * s * s - 3 * s**4) / (810 * a)
        slope = root + 2 * s / 3 + (3 * s * s - 7) / (36 * root)
        s = s - (value - x) / slope
    return (
        1 + s / (2 * root) - (s**3 - 7 * s) / (72 * a * root)
        - (16 - 7 * s * s - 3 * s**4) / (810 * a * a)
    )  # fmt: skip


def log_gamma_samples(concentration):
    """Logarithms of gamma samples of the given shapes. Gradient: implicit, of first order."""
    return _log_gamma_samples(concentration)


__all__ = ["gamma_slope", "log_gamma_samples"]
