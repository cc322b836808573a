"""Orthogonal polynomials of torch.special, each by its recurrence.

The degree may differ from element to element: the recurrence runs up to the largest one, and every element
keeps the value at its own. A negative degree gives 0, a fraction of a degree is dropped.
"""

import math

from .. import _core
from . import public as fl
from .arguments import require_tensors
from .declare import composite

_polynomial = composite(namespaces=("special",), method=False)


def _arguments(operator, input, n):
    """(input, n) as tensors of one floating dtype and one shape; n holds integers."""
    if not isinstance(n, _core.Tensor):
        require_tensors(f"special.{operator}", input=input)
    dtype = fl.result_type(input, n)
    if dtype.is_complex or dtype in (fl.float16, fl.bfloat16):
        raise RuntimeError(f'special.{operator}: "{operator}_cpu" not implemented for {dtype}')
    if not dtype.is_floating_point:
        dtype = fl.get_default_dtype()
    input, n = fl.broadcast_tensors(
        fl.as_tensor(input).to(dtype), fl.as_tensor(n).detach().to(dtype).trunc()
    )
    return input, n


def _recurrence(x, n, first, second, step):
    """P_n(x) from P_0 = first, P_1 = second and P_k+1 = step(k, P_k, P_k-1)."""
    result = fl.where(n == 1, second, fl.where(n == 0, first, fl.zeros_like(x)))
    finite = n[n.isfinite()]
    highest = int(finite.max()) if finite.numel() else 0
    for k in range(1, highest):
        first, second = second, step(k, second, first)
        result = fl.where(n == k + 1, second, result)
        if k % 64 == 0 and not bool(second.isfinite().any()):  # nothing follows but NaN
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
    def chebyshev(input, n):
        return polynomial(*_arguments(f"chebyshev_polynomial_{letter}", input, n))

    def shifted(input, n):
        x, n = _arguments(f"shifted_chebyshev_polynomial_{letter}", input, n)
        return polynomial(2 * x - 1, n)

    chebyshev.__doc__ = f"The Chebyshev polynomial of the {kind} kind of degree n at input."
    shifted.__doc__ = f"The Chebyshev polynomial of the {kind} kind of degree n at 2 * input - 1."
    name = f"chebyshev_polynomial_{letter}"
    composite(chebyshev, name=name, namespaces=("special",), method=False)
    composite(shifted, name="shifted_" + name, namespaces=("special",), method=False)


_declare_chebyshev("t", "first", _first)
_declare_chebyshev("u", "second", _second)
_declare_chebyshev("v", "third", _third)
_declare_chebyshev("w", "fourth", _fourth)


@_polynomial
def hermite_polynomial_h(input, n):
    """The physicists' Hermite polynomial of degree n: H_k+1 = 2 x H_k - 2 k H_k-1."""
    x, n = _arguments("hermite_polynomial_h", input, n)
    result = _recurrence(
        x, n, fl.ones_like(x), 2 * x, lambda k, p, before: 2 * x * p - 2 * k * before
    )
    # Beyond these degrees even H_n(0) leaves the dtype.
    limit = 128 if x.dtype is fl.float32 else 512
    return fl.where(n > limit, fl.full_like(x, math.nan), result)


@_polynomial
def hermite_polynomial_he(input, n):
    """The probabilists' Hermite polynomial of degree n: He_k+1 = x He_k - k He_k-1."""
    x, n = _arguments("hermite_polynomial_he", input, n)
    result = _recurrence(x, n, fl.ones_like(x), x, lambda k, p, before: x * p - k * before)
    limit = 128 if x.dtype is fl.float32 else 512
    return fl.where(n > limit, fl.full_like(x, math.nan), result)


@_polynomial
def laguerre_polynomial_l(input, n):
    """The Laguerre polynomial of degree n: (k + 1) L_k+1 = (2 k + 1 - x) L_k - k L_k-1."""
    x, n = _arguments("laguerre_polynomial_l", input, n)
    return _recurrence(
        x,
        n,
        fl.ones_like(x),
        1 - x,
        lambda k, p, before: ((2 * k + 1 - x) * p - k * before) / (k + 1),
    )


@_polynomial
def legendre_polynomial_p(input, n):
    """The Legendre polynomial of degree n: (k + 1) P_k+1 = (2 k + 1) x P_k - k P_k-1."""
    x, n = _arguments("legendre_polynomial_p", input, n)
    return _recurrence(
        x,
        n,
        fl.ones_like(x),
        x,
        lambda k, p, before: ((2 * k + 1) * x * p - k * before) / (k + 1),
    )
