"""Samples of the gamma and the Dirichlet distribution, with their implicit derivatives by the shapes.

Implicit: of the sample x with its distribution function held, dx / da = -(dP / da) / (dP / dx).
Source: Figurnov, Mohamed, Mnih, "Implicit reparameterization gradients", 2018, arXiv:1805.08498.
"""

import math

from ..kernels import language as k
from .core import operators as fl
from .core.arguments import some
from .core.declare import composite, make_pointwise, primitive
from .fill_random import _draw
from .philox import philox, random_map, unit, unit64
from .series import TERMS, converge, flat, fused, run

__all__ = ["log_gamma_slope", "log_gamma_samples"]


@primitive(name="standard_gamma", method=False, function=False)
def log_gamma_samples(ctx, concentration, generator=None):
    """log(x), x of the density x**(a - 1) exp(-x) / gamma(a), for positive a. dtype: that of a.

    A logarithm has the range that x itself lacks: for a = 0.001 half of all x are below 1e-301. For a < 1,
    x = y * u**(1 / a) with y of the shape a + 1.
    Source: Marsaglia, Tsang, ACM Trans. Math. Softw. 26 (2000) 363.
    """
    wide = concentration.float() if concentration.dtype.itemsize < 4 else concentration
    log_x = _drawn(wide, generator)
    ctx.save_for_backward(wide, log_x)
    ctx.dtype = concentration.dtype
    return log_x.to(concentration.dtype)


def _drawn(a, generator):
    """Logarithms of gamma samples in the dtype of a; NaN where a is not positive and finite."""
    kernel = _ATTEMPT[64 if a.dtype is fl.float64 else 32]
    log_x = part = _attempt(kernel, a, generator)
    places, left = None, a.reshape(-1)
    while True:  # one in twenty is open after the first attempt, at most
        opened = (part.reshape(-1).isnan() & (left > 0) & left.isfinite()).nonzero().squeeze(1)
        if opened.numel() == 0:
            return log_x
        places, left = opened if places is None else places[opened], left[opened]
        part = _attempt(kernel, left, generator)
        log_x.view(-1).index_copy_(0, places, part)


def _attempt(kernel, a, generator):
    made = fl.empty(a.shape, dtype=a.dtype, device=a.device)
    return _draw(made, kernel, (a,), generator)


def _marsaglia_tsang(a, normal, log_u, log_lift):
    """log of a sample from two random numbers, NaN where they give none; log_lift: of another uniform number."""
    boost = a < 1
    d = k.where(boost, a + 1, a) - 1 / 3
    t = normal * k.rsqrt(9 * d)
    log_v = 3 * k.log1p(t)  # v = (1 + t)**3
    # Written so that large d cancel before they are multiplied: 1 - v = -(3 t + 3 t**2 + t**3).
    level = 0.5 * normal * normal + d * (log_v - t * (3 + t * (3 + t)))
    taken = (a > 0) & (t > -1) & (log_u < level)
    return k.where(taken, k.log(d) + log_v + k.where(boost, log_lift / a, 0), math.nan)


def _attempt32(seed, call, a):
    w = philox(seed, call)
    normal = k.sqrt(-2.0 * k.log(1.0 - unit(w[0]))) * k.cos(6.283185307179586 * unit(w[1]))
    log_u, log_lift = (k.log(1.0 - unit(word)) for word in w[2:])
    return _marsaglia_tsang(a, normal, log_u, log_lift)


def _attempt64(seed, call, a):
    w = (*philox(seed, call), *philox(k.cast(seed, "uint64") ^ 0x9E3779B97F4A7C15, call))
    u, angle, other, lift = (unit64(w[i], w[i + 1]) for i in range(0, 8, 2))
    normal = k.sqrt(-2.0 * k.log(1.0 - u)) * k.cos(6.283185307179586 * angle)
    return _marsaglia_tsang(a, normal, k.log(1.0 - other), k.log(1.0 - lift))


_ATTEMPT = {
    32: random_map(_attempt32, "gamma_samples"),
    64: random_map(_attempt64, "gamma_samples"),
}


def _first_only(name):
    if fl.is_grad_enabled():
        raise NotImplementedError(f"{name} samples have a first derivative only.")


@log_gamma_samples.derivative
def _(ctx, grad_output):
    _first_only("gamma")
    a, log_x = (one.double() for one in ctx.saved)
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


def _by_series(a, log_x):
    """P(a, x) is density * x * sum of r_n, r_n = x**n / (a ... (a + n)); log(x) - psi(a + n + 1) times that, its derivative."""
    divisor, log_x = flat(a, log_x)
    slope, term, total, x = (fl.empty_like(divisor) for _ in range(4))
    run(_GAMMA_START, (x, slope, term, total), (divisor, log_x))
    return converge(_GAMMA_TERMS, [divisor, slope, term, total], [x], _pending).reshape(a.shape)


def _gamma_start(a, log_x):
    slope, term = k.digamma(a + 1) - log_x, 1 / a
    return k.exp(log_x), slope, term, term * slope


def _gamma_terms(divisor, slope, term, total, x):
    for _ in range(TERMS):
        divisor = divisor + 1
        inverse = 1 / divisor
        slope, term = slope + inverse, term * (x * inverse)
        total = total + term * slope
    return divisor, slope, term, total


_GAMMA_START = fused(_gamma_start, 2, "gamma_slope_start")
_GAMMA_TERMS = fused(_gamma_terms, 5, "gamma_slope_terms")
_still = make_pointwise(
    lambda slope, term, total: term * (k.abs(slope) + 1) > 1e-16 * k.abs(total),
    name="series_pending",
    result="bool",
    differentiable=False,
)


def _pending(*state):
    return _still(*state[-3:])


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
    the other end; each term's logarithm is differentiated.
    Source: NIST Digital Library of Mathematical Functions, 8.17.8.
    """
    a, b, log_x, log_y = fl.broadcast_tensors(a, b, log_x, log_y)
    inputs = flat(a, b, log_x, log_y)
    divisor, total, slope, term, result, ratio, near, factor = (
        fl.empty_like(inputs[0]) for _ in range(8)
    )
    run(_BETA_START, (divisor, total, slope, term, result, ratio, near, factor), inputs)
    state = [divisor, total, slope, term, result]
    return (converge(_BETA_TERMS, state, [ratio, near], _pending) * factor).reshape(a.shape)


def _beta_start(a, b, log_x, log_y):
    x, y, total = k.exp(log_x), k.exp(log_y), a + b
    mean = a / total
    # Terms fall as x**n or y**n. Beyond the mean, where the sum is nearly one and its derivative nearly nothing,
    # digits cancel: exp(-tail) is left of it (Chernoff).
    tail = total * (mean * (k.log(mean) - log_x) + (1 - mean) * (k.log(1 - mean) - log_y))
    near = k.where(tail > 10, x <= mean, x <= 0.5)
    slope = log_x + k.digamma(total) - k.where(near, k.digamma(a + 1), k.digamma(a))
    factor = x * k.where(near, -1 / a, 1 / b)
    one = x * 0 + 1
    return (
        k.where(near, a, b), total, slope, one, slope, k.where(near, x, y), k.where(near, one, 0), factor,
    )  # fmt: skip


def _beta_terms(divisor, total, slope, term, result, ratio, near):
    for _ in range(TERMS):
        divisor = divisor + 1
        inverse = 1 / divisor
        term = term * (ratio * total * inverse)
        slope = slope + 1 / total - near * inverse
        total = total + 1
        result = result + term * slope
    return divisor, total, slope, term, result


_BETA_START = fused(_beta_start, 4, "beta_slope_start")
_BETA_TERMS = fused(_beta_terms, 7, "beta_slope_terms")


@primitive(name="sample_dirichlet", method=False, function=False)
def _dirichlet_samples(ctx, concentration, generator):
    wide = concentration.float() if concentration.dtype.itemsize < 4 else concentration
    limits = fl.finfo(concentration.dtype)
    x = _drawn(wide, generator).softmax(-1).clamp(limits.tiny, 1 - limits.eps / 2)
    x = x.to(concentration.dtype)
    ctx.save_for_backward(wide, x)  # as rounded: near 1, what is left of it counts
    return x


@_dirichlet_samples.derivative
def _(ctx, grad_output):
    _first_only("Dirichlet")
    a, x = ctx.saved
    return dirichlet_backward(x.double(), a.double(), grad_output.double()).to(x.dtype), None


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
