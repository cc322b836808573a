"""Samples of the gamma and the Dirichlet distribution, with their implicit derivatives by the shapes.

Implicit: of the sample x with its distribution function held, dx / da = -(dP / da) / (dP / dx).
Source: Figurnov, Mohamed, Mnih, "Implicit reparameterization gradients", 2018, arXiv:1805.08498.
"""

import math

from .core import operators as fl
from .core.arguments import some
from .core.declare import composite, primitive

__all__ = ["log_gamma_slope", "log_gamma_samples"]


@primitive(method=False, function=False)
def log_gamma_samples(ctx, concentration, generator=None):
    """log(x), x of the density x**(a - 1) exp(-x) / gamma(a), for positive a. dtype: that of a.

    A logarithm has the range that x itself lacks: for a = 0.001 half of all x are below 1e-301. For a < 1,
    x = y * u**(1 / a) with y of the shape a + 1.
    Source: Marsaglia, Tsang, ACM Trans. Math. Softw. 26 (2000) 363.
    """
    a = concentration.double()
    log_x = _drawn(a, generator)
    ctx.save_for_backward(a, log_x)
    ctx.dtype = concentration.dtype
    return log_x.to(concentration.dtype)


def _drawn(a, generator):
    """Logarithms of gamma samples in float64."""
    boost = (a > 0) & (a < 1)
    y = _marsaglia_tsang(fl.where(boost, a + 1, a), generator)
    lift = -fl.empty_like(a).exponential_(generator=generator) / a  # log(u) / a
    return y.log() + fl.where(boost, lift, 0.0)


def _marsaglia_tsang(shape, generator):
    d = shape - 1 / 3
    c = 1 / (9 * d).sqrt()
    result = fl.full_like(shape, math.nan)
    open_places = (shape > 0) & shape.isfinite()
    while some(open_places):  # one in twenty stays open, at most
        x = fl.empty_like(shape).normal_(generator=generator)
        v = (1 + c * x) ** 3
        level = 0.5 * x * x + d - d * v + d * v.clamp_min(0).log()
        log_u = -fl.empty_like(x).exponential_(generator=generator)
        taken = open_places & (v > 0) & (log_u < level)
        result = fl.where(taken, d * v, result)
        open_places = open_places & ~taken
    return result


def _first_only(name):
    if fl.is_grad_enabled():
        raise NotImplementedError(f"{name} samples have a first derivative only.")


@log_gamma_samples.derivative
def _(ctx, grad_output):
    _first_only("gamma")
    a, log_x = ctx.saved
    return grad_output * log_gamma_slope(a, log_x).to(ctx.dtype), None


def log_gamma_slope(a, log_x):
    """d log(x) / da with the distribution function P(a, x) held. float64."""
    large = a > _SERIES_ENDS
    small = fl.where(large, 1.0, a)
    few = _by_series(small, fl.where(large, 0.0, log_x))
    if not some(large):
        return few
    x = log_x.exp()
    return fl.where(large, _by_expansion(a, x) / x, few)


# Beyond, some 10 sqrt(a) terms are more work than four of the expansion in 1 / sqrt(a).
_SERIES_ENDS = 500.0
_MOST_TERMS = 100_000


def _by_series(a, log_x):
    """P(a, x) is density * x * sum of r_n, r_n = x**n / (a ... (a + n)); log(x) - psi(a + n + 1) times that, its derivative."""
    x, term, slope = log_x.exp(), 1 / a, fl.digamma(a + 1) - log_x
    result, divisor = term * slope, a.clone()
    for n in range(1, _MOST_TERMS):
        divisor.add_(1)
        slope.add_(divisor.reciprocal())
        term.mul_(x).div_(divisor)
        result.addcmul_(term, slope)
        if n % 4 == 0 and not some(term * slope.abs() > 1e-17 * result.abs()):
            break
    return result


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


def beta_slope(a, b, log_x, log_y):
    """dx / da / (1 - x) for x of Beta(a, b) with its distribution function I_x(a, b) held. float64.

    I_x(a, b) is density * x (1 - x) / a * sum of t_n, t_n = (a + b)_n / (a + 1)_n x**n, and likewise from
    the other end; each term's logarithm is differentiated. The end is taken where the terms fall.
    Source: NIST Digital Library of Mathematical Functions, 8.17.8.
    """
    x, total = log_x.exp(), a + b
    near = x * total <= a  # from x = 0; else from x = 1
    ratio = fl.where(near, x, log_y.exp())
    slope = log_x + total.digamma() - fl.where(near, (a + 1).digamma(), a.digamma())
    factor = x * fl.where(near, -1 / a, 1 / b)
    term, near, divisor = fl.ones_like(a), near.double(), fl.where(near, a, b)
    result = term * slope
    for n in range(_MOST_TERMS):
        divisor.add_(1)
        term.mul_(ratio).mul_(total).div_(divisor)
        slope.add_(total.reciprocal()).addcdiv_(near, divisor, value=-1)
        total.add_(1)
        result.addcmul_(term, slope)
        if n % 4 == 0 and not some(term * slope.abs() > 1e-17 * result.abs()):
            break
    return factor * result


@primitive(method=False, function=False)
def _dirichlet_samples(ctx, concentration, generator):
    a = concentration.double()
    limits = fl.finfo(concentration.dtype)
    x = _drawn(a, generator).softmax(-1).clamp(limits.tiny, 1 - limits.eps / 2)
    x = x.to(concentration.dtype)
    ctx.save_for_backward(a, x)  # as rounded: near 1, what is left of it counts
    return x


@_dirichlet_samples.derivative
def _(ctx, grad_output):
    _first_only("Dirichlet")
    a, x = ctx.saved
    return dirichlet_backward(x.double(), a, grad_output.double()).to(x.dtype), None


def dirichlet_backward(x, concentration, grad_output):
    """The gradient of samples x (*B, K) by their concentration.

    Each x_j moves as a beta number does; the others give or take in proportion to what they are.
    """
    slope = _dirichlet_grad(x, concentration, concentration.sum(-1, True))
    return slope * (grad_output - (x * grad_output).sum(-1, True))


# -- the names that distributions are built from


@composite(method=False)
def _standard_gamma(input, generator=None):
    """Samples of the gamma distribution with the shapes `input` and rate 1. Gradient: implicit, first order.

    Values that round to 0 become the dtype's smallest normal number.
    """
    drawn = log_gamma_samples(input, generator).exp()
    held = drawn.detach().clamp_min(fl.finfo(drawn.dtype).tiny)  # not their gradients
    return drawn + (held - drawn.detach())


@composite(method=False)
def _standard_gamma_grad(input, output):
    """dx / da of gamma samples x, `output`, of the shapes a, `input`, with their distribution function held."""
    a, x = fl.broadcast_tensors(input.double(), output.double())
    return (x * log_gamma_slope(a, x.log())).to(input.dtype)


@composite(method=False)
def _sample_dirichlet(input, generator=None):
    """Samples of the Dirichlet distribution of concentrations (*B, K). Gradient: implicit, first order."""
    return _dirichlet_samples(input, generator)


@composite(method=False)
def _dirichlet_grad(x, alpha, total):
    """dx / d alpha / (1 - x) for x of Beta(alpha, total - alpha), with its distribution function held."""
    dtype = x.dtype
    x, alpha, total = fl.broadcast_tensors(x.double(), alpha.double(), total.double())
    return beta_slope(alpha, total - alpha, x.log(), (-x).log1p()).to(dtype)
