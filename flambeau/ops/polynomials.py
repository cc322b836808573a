"""Orthogonal polynomials of torch.special, each by its recurrence.

The degree may differ from element to element: the recurrence runs up to the largest one, and every element
keeps the value at its own. A negative degree gives 0, and so does what is no int64 (NaN, infinity, 2**63); a
fraction of a degree is dropped. The loops are in csrc/kernels/elements/polynomials.cpp; where gradients are
wanted, and off the CPU, the same recurrences are composed of operators.
"""

import math

from .. import _core
from .core import operators as fl
from .core.arguments import broadcast_together, operand, require_tensors, some
from .core.declare import composite

# As csrc/kernels/elements/polynomials.h numbers them.
_KINDS = (
    *(f"chebyshev_polynomial_{letter}" for letter in "tuvw"),
    *(f"shifted_chebyshev_polynomial_{letter}" for letter in "tuvw"),
    "hermite_polynomial_h",
    "hermite_polynomial_he",
    "laguerre_polynomial_l",
    "legendre_polynomial_p",
)


def _declare(composed):
    """Makes an operator of composed(x, n), which the core's loop stands in for where nothing is recorded."""
    name = composed.__name__
    kind = _KINDS.index(name)
    ends = name[:3] in ("lag", "leg")  # where the steps do

    def polynomial(input, n):
        x, degrees = _alike(name, input, n)
        if x.requires_grad and _core.is_grad_enabled() or x.is_meta or x.is_cuda:
            return composed(*_arguments(name, input, n))
        n = 0.0 if degrees is not None else n if abs(n) < 2**63 else -1.0
        if ends and n > _MOST_STEPS or (result := _core._polynomial(x, degrees, n, kind)) is None:
            return composed(*_arguments(name, input, n if degrees is None else degrees))
        return result if x.is_contiguous() else fl.empty_like(x).copy_(result)

    polynomial.__name__ = polynomial.__qualname__ = name
    polynomial.__doc__ = composed.__doc__
    polynomial.__module__ = __name__
    return composite(polynomial, namespaces=("special",), method=False)


def _alike(name, input, n):
    """(x, degrees) of one floating dtype and shape; degrees are None where n is a number."""
    if isinstance(input, _core.Tensor) and (input.dtype is fl.float32 or input.dtype is fl.float64):
        if isinstance(n, (int, float)):
            return input, None
        if isinstance(n, _core.Tensor) and n.shape == input.shape:
            if n.dtype is input.dtype:
                return input, n
            if not (n.dtype.is_floating_point or n.dtype.is_complex):
                return input, n.to(input.dtype)
    return _arguments(name, input, n)


def _arguments(operator, input, n):
    """(input, n) as tensors of one floating dtype and one shape; n holds integers."""
    if not isinstance(n, _core.Tensor):
        require_tensors(f"special.{operator}", input=input)
    dtype = fl.result_type(input, n)
    if dtype.is_complex or dtype in (fl.float16, fl.bfloat16):
        raise RuntimeError(
            f"special.{operator}: input is {dtype}, but it must be floating. Convert it with "
            ".float() first."
        )
    if not dtype.is_floating_point:
        dtype = fl.get_default_dtype()
    n = operand(n, input).detach().to(dtype).trunc()
    n = fl.where(n.abs() < 2.0**63, n, fl.full_like(n, -1))
    return broadcast_together(f"special.{operator}", operand(input, n).to(dtype), n)


_MOST_STEPS = 100_000  # some tenths of a second; beyond that degree asymptotic forms take over


def _recurrence(x, n, first, second, step):
    """P_n(x) from P_0 = first, P_1 = second and P_k+1 = step(k, P_k, P_k-1), up to _MOST_STEPS."""
    result = fl.where(n == 1, second, fl.where(n == 0, first, fl.zeros_like(x)))
    highest = int(_core._unbatch(n)[0].max()) if n.numel() and not n.is_meta else 0
    for k in range(1, min(highest, _MOST_STEPS)):
        first, second = second, step(k, second, first)
        result = fl.where(n == k + 1, second, result)
        if k % 64 == 0 and not some(second.isfinite()):  # nothing follows but NaN
            return fl.where(n > k + 1, second, result)
    return result


def _chebyshev(x, n, second, closed, at_one, at_minus_one):
    """P_k+1 = 2 x P_k - P_k-1; inside (-1, 1) and from degree 7 on by the closed form, which is quicker."""
    inside = (n > 8) & (x.abs() < 1)
    result = _recurrence(
        x,
        fl.where(inside | (x.abs() == 1), fl.zeros_like(n), n),
        fl.ones_like(x),
        second,
        lambda k, p, before: 2 * x * p - before,
    )
    angle = fl.where(inside, x, fl.zeros_like(x)).acos()
    result = fl.where(inside, closed(angle), result)
    result = fl.where(x == 1, at_one, result)
    result = fl.where(
        x == -1, fl.where(fl.remainder(n, 2) == 0, at_minus_one, -at_minus_one), result
    )
    return fl.where(n < 0, fl.zeros_like(result), result)


def _first(x, n):
    one = fl.ones_like(x)
    return _chebyshev(x, n, x, lambda a: (n * a).cos(), one, one)


def _second(x, n):
    closed = lambda a: ((n + 1) * a).sin() / a.sin()
    return _chebyshev(x, n, 2 * x, closed, n + 1, n + 1)


def _third(x, n):
    closed = lambda a: ((n + 0.5) * a).cos() / (a / 2).cos()
    return _chebyshev(x, n, 2 * x - 1, closed, fl.ones_like(x), 2 * n + 1)


def _fourth(x, n):
    closed = lambda a: ((n + 0.5) * a).sin() / (a / 2).sin()
    return _chebyshev(x, n, 2 * x + 1, closed, 2 * n + 1, fl.ones_like(x))


def _declare_chebyshev(letter, kind, polynomial):
    def chebyshev(x, n):
        return polynomial(x, n)

    def shifted(x, n):
        return polynomial(2 * x - 1, n)

    chebyshev.__doc__ = f"The Chebyshev polynomial of the {kind} kind of degree n at input."
    shifted.__doc__ = f"The Chebyshev polynomial of the {kind} kind of degree n at 2 * input - 1."
    chebyshev.__name__ = f"chebyshev_polynomial_{letter}"
    shifted.__name__ = "shifted_" + chebyshev.__name__
    _declare(chebyshev)
    _declare(shifted)


_declare_chebyshev("t", "first", _first)
_declare_chebyshev("u", "second", _second)
_declare_chebyshev("v", "third", _third)
_declare_chebyshev("w", "fourth", _fourth)


def _hermite(x, n, second, step):
    """The recurrence up to the degree from which on even the values at 0 leave the dtype: NaN beyond."""
    limit = 128 if x.dtype is fl.float32 else 512
    result = _recurrence(x, n.clamp(max=limit + 1), fl.ones_like(x), second, step)
    return fl.where(n > limit, fl.full_like(x, math.nan), result)


@_declare
def hermite_polynomial_h(x, n):
    """The physicists' Hermite polynomial of degree n: H_k+1 = 2 x H_k - 2 k H_k-1.

    Example:
        >>> torch.special.hermite_polynomial_h(torch.tensor([1.0, 2.0, 3.0]), 2)
        tensor([ 2., 14., 34.])
    """
    return _hermite(x, n, 2 * x, lambda k, p, before: 2 * x * p - 2 * k * before)


@_declare
def hermite_polynomial_he(x, n):
    """The probabilists' Hermite polynomial of degree n: He_k+1 = x He_k - k He_k-1.

    Example:
        >>> torch.special.hermite_polynomial_he(torch.tensor([1.0, 2.0, 3.0]), 3)
        tensor([-2.,  2., 18.])
    """
    return _hermite(x, n, x, lambda k, p, before: x * p - k * before)


@_declare
def laguerre_polynomial_l(x, n):
    """The Laguerre polynomial of degree n: (k + 1) L_k+1 = (2 k + 1 - x) L_k - k L_k-1.

    Example:
        >>> torch.special.laguerre_polynomial_l(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), 1)
        tensor([[ 0., -1.],
                [-2., -3.]])
    """
    result = _recurrence(
        x,
        n,
        fl.ones_like(x),
        1 - x,
        lambda k, p, before: ((2 * k + 1 - x) * p - k * before) / (k + 1),
    )
    return _with_high_degrees(x, n, result, _laguerre_of_high_degree)


@_declare
def legendre_polynomial_p(x, n):
    """The Legendre polynomial of degree n: (k + 1) P_k+1 = (2 k + 1) x P_k - k P_k-1.

    Example:
        >>> torch.special.legendre_polynomial_p(torch.tensor([0.0, 0.5, 1.0]), 2)
        tensor([-0.5000, -0.1250,  1.0000])
    """
    result = _recurrence(
        x,
        n,
        fl.ones_like(x),
        x,
        lambda k, p, before: ((2 * k + 1) * x * p - k * before) / (k + 1),
    )
    return _with_high_degrees(x, n, result, _legendre_of_high_degree)


# --------------------------------------------------------------------------- degrees beyond the steps


def _with_high_degrees(x, n, result, asymptotic):
    high = n > _MOST_STEPS
    if not some(high):
        return result
    far = asymptotic(x.to(fl.float64), fl.where(high, n, fl.ones_like(n)).to(fl.float64))
    return fl.where(high, far.to(x.dtype), result)


def _legendre_of_high_degree(x, n):
    """sqrt(t / sin t) (J0(N t) + a J1(N t) / N) with x = cos t and N = n + 1/2; modified functions outside.

    Source: Bogaert, "Iteration-free computation of Gauss-Legendre quadrature nodes and weights", SIAM
    J. Sci. Comput. 36 (2014) A1008, section 2; the error is of order 1 / N**2.
    """
    big, size = n + 0.5, x.abs()
    t = size.clamp(max=1).acos()
    ratio = fl.where(t > 0, t.sin() / t, fl.ones_like(t))
    term = fl.where(t > 1e-3, (t * t.cos() - t.sin()) / (8 * t * t.sin()), -t / 24)
    inside = (
        fl.special.bessel_j0(big * t) + term * fl.special.bessel_j1(big * t) / big
    ) / ratio.sqrt()
    s = size.clamp(min=1).acosh()
    outside = fl.special.i0(big * s) * fl.where(s > 0, s / s.sinh(), fl.ones_like(s)).sqrt()
    value = fl.where(size <= 1, inside, fl.where(s < 700, outside, fl.full_like(s, math.inf)))
    value = fl.where(x.isnan(), x, value)
    return fl.where((x < 0) & (fl.remainder(n, 2) == 1), -value, value)


def _laguerre_of_high_degree(x, n):
    """exp(x / 2) sqrt(z) (t - t**2)**(-1/4) J0(v z) with v = 4 n + 2, t = x / v, z = (sqrt(t - t**2) + asin sqrt t) / 2.

    Source: DLMF 18.15.19, its first term: the error is of order 1 / v. Below 0 the same with i0; from
    t = 1 / 2 on the polynomial is far beyond every dtype.
    """
    v = 4 * n + 2
    t = (x.abs() / v).clamp(max=0.5)
    z = ((t - t * t).sqrt() + t.sqrt().asin()) / 2
    # z / sqrt(t - t**2) is 1 at 0.
    scale = fl.where(t > 0, z / (t - t * t).sqrt(), fl.ones_like(t)).sqrt()
    inside = (x / 2).exp() * scale * fl.special.bessel_j0(v * z)
    w = ((t + t * t).sqrt() + t.sqrt().asinh()) / 2
    scale = fl.where(t > 0, w / (t + t * t).sqrt(), fl.ones_like(t)).sqrt()
    # exp(v w + x / 2) is what i0 grows with: together they do not overflow before their product does.
    below = fl.special.i0e(v * w) * (v * w + x / 2).exp() * scale
    return fl.where(x.isnan(), x, fl.where(x < 0, below, inside))
