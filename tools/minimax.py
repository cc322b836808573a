"""Minimax polynomials whose coefficients are rounded in turn. Needs mpmath, NumPy and SciPy."""

import mpmath
import numpy
from mpmath import mp, mpf
from scipy.optimize import linprog

mp.dps = 90


def rounded(value, bits):
    """`value` rounded to the nearest number of `bits` significant bits (24: float32, 53: float64)."""
    if value == 0:
        return mpf(0)
    mantissa, exponent = mpmath.frexp(value)
    return mpmath.ldexp(mpmath.nint(mpmath.ldexp(mantissa, bits)), exponent - bits)


def evaluate(powers, coefficients, x):
    return mpmath.fsum(c * x**p for p, c in zip(powers, coefficients))


def minimax(target, weight, powers, grid):
    """Coefficients of sum(c * x**p) minimising max(abs(weight * (sum - target))) over the points of `grid`.

    Least squares in high precision comes first; the linear program is then small and well scaled: it
    only has to find corrections, in units of the error that is left. (An exchange after Remez would need a
    basis that never vanishes together, and ours does at 0 once the first coefficients are fixed.)
    """
    basis = mpmath.matrix([[w * x**p for p in powers] for w, x in zip(weight, grid)])
    right = mpmath.matrix([w * t for w, t in zip(weight, target)])
    transposed = basis.T
    coefficients = mpmath.lu_solve(transposed * basis, transposed * right)
    for _ in range(2):
        error = right - basis * coefficients
        unit = max(abs(e) for e in error)
        if unit == 0:
            break
        scales = [max(abs(basis[i, k]) for i in range(basis.rows)) for k in range(basis.cols)]
        rows = numpy.array(
            [[float(basis[i, k] / scales[k]) for k in range(basis.cols)] for i in range(basis.rows)]
        )
        rest = numpy.array([float(e / unit) for e in error])
        ones = numpy.ones((len(rest), 1))
        # |rows @ d - rest| <= t
        found = linprog(
            [0.0] * basis.cols + [1.0],
            A_ub=numpy.block([[rows, -ones], [-rows, -ones]]),
            b_ub=numpy.concatenate([rest, -rest]),
            bounds=[(None, None)] * basis.cols + [(0, None)],
            method="highs",
        )
        for k in range(basis.cols):
            coefficients[k] += mpf(found.x[k]) * unit / scales[k]
    return list(coefficients)


def fit(function, low, high, powers, bits, weight=None, fixed=None, size=None):
    """Minimax coefficients of `function` on [low, high], each rounded to `bits`, and the error left.

    weight: multiplies the error; by default 1 / function, so that the error is relative.
    fixed: {power: coefficient} given beforehand (an exact leading 1, say). From the lowest power up one
    coefficient is rounded at a time and the others are fitted again around it.
    """
    size = size or 12 * (len(powers) + 2)
    low, high = mpf(low), mpf(high)
    grid = [
        (low + high) / 2 - (high - low) / 2 * mpmath.cos(mp.pi * i / (size - 1))
        for i in range(size)
    ]
    values = [function(x) for x in grid]
    weights = [1 / abs(v) for v in values] if weight is None else [weight(x) for x in grid]
    done = dict(fixed or {})
    free = [p for p in powers if p not in done]
    while free:
        rest = [v - evaluate(done, done.values(), x) for v, x in zip(values, grid)]
        done[free[0]] = rounded(minimax(rest, weights, free, grid)[0], bits)
        free = free[1:]
    error = max(
        w * abs(evaluate(done, done.values(), x) - v) for w, v, x in zip(weights, values, grid)
    )
    return [done[p] for p in powers], error
