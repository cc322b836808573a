"""Conjugate gradients."""

import math

from .common import buffer, number, tables


def sqrt_nothrow(x):
    """The square root of a number, NaN below 0.

    Example:
        >>> from flambeau.legacy.optim.cg import sqrt_nothrow
        >>> sqrt_nothrow(4.0), sqrt_nothrow(-1.0)
        (2.0, nan)
    """
    return math.sqrt(x) if x >= 0 else math.nan


def _divide(a, b):
    return a / b if b else math.nan


def _interpolated(z1, f1, z2, f2, d2, z3, f3, d3):
    """How far to go back from z2, where f is too high (quadratic) or too steep (cubic)."""
    if f2 > f1:
        return z3 - _divide(0.5 * d3 * z3 * z3, d3 * z3 + f2 - f3)
    a = _divide(6 * (f2 - f3), z3) + 3 * (d2 + d3)
    b = 3 * (f3 - f2) - z3 * (d3 + 2 * d2)
    return _divide(sqrt_nothrow(b * b - a * d2 * z3 * z3) - b, a)


def _extrapolated(f2, d2, z3, f3, d3):
    """How far a cubic through both points says to go on."""
    a = _divide(6 * (f2 - f3), z3) + 3 * (d2 + d3)
    b = 3 * (f3 - f2) - z3 * (d3 + 2 * d2)
    return _divide(-d2 * z3 * z3, b + sqrt_nothrow(b * b - a * d2 * z3 * z3))


def _step_on(z2, z1, z3, limit, narrow, ext):
    """The step of an extrapolation, kept inside the bracket: limit is its far end, -1 without one."""
    bounded = limit > -0.5
    if not math.isfinite(z2) or z2 < 0:
        return (limit - z1) / 2 if bounded else z1 * (ext - 1)
    if bounded and z2 + z1 > limit:
        return (limit - z1) / 2
    if not bounded and z2 + z1 > z1 * ext:
        return z1 * (ext - 1)
    if z2 < -z3 * narrow:
        return -z3 * narrow
    if bounded and z2 < (limit - z1) * (1 - narrow):
        return (limit - z1) * (1 - narrow)
    return z2


def cg(opfunc, x, config, state=None):
    """Minimise by conjugate gradients (Polak-Ribiere) with a line search by cubic polynomials.

    Args:
        opfunc (callable): opfunc(x) gives (f(x), df/dx).
        x (Tensor): where to start; changed in place.
        config (dict): maxEval (1.25 maxIter) calls of opfunc at most, maxIter (20) of them in one line search, rho
            (0.01) and sig (0.5) of the Wolfe-Powell conditions, int (0.1) and ext (3): how far to keep from the
            ends of a bracket and how far to extrapolate, ratio (100): the largest change of slope.
        state (dict, optional): keeps the work space df0, df1, df2, df3, x0, s.

    Returns:
        (x, [f, ...], calls): the values after each line search, the first before all; the calls of opfunc.

    Example:
        >>> from flambeau.legacy import optim
        >>> x = torch.tensor([3.0, -1.0])
        >>> scale = torch.tensor([1.0, 10.0])
        >>> _, values, calls = optim.cg(lambda x: ((scale * x * x).sum(), 2 * scale * x), x, {"maxEval": 20})
        >>> bool(values[-1] < 1e-6)
        True

    Source: Rasmussen, minimize.m, 2002 (http://learning.eng.cam.ac.uk/carl/code/minimize).
    """
    config, state = tables("cg", config, state)
    rho, sig = config.get("rho", 0.01), config.get("sig", 0.5)
    narrow, ext = config.get("int", 0.1), config.get("ext", 3.0)
    longest, ratio = config.get("maxIter", 20), config.get("ratio", 100)
    most = config.get("maxEval", longest * 1.25)
    df0, df1, df2, _, x0, s = (buffer(state, name, x) for name in "df0 df1 df2 df3 x0 s".split())

    def evaluate(into):
        """(f, its slope along s) at x; the gradient goes into a buffer."""
        value, gradient = opfunc(x)
        into.copy_(gradient)
        return number(value), into.flatten().dot(s.flatten()).item()

    f1, _ = evaluate(df1)
    values, calls, failed = [f1], 1, False
    s.copy_(df1).neg_()
    d1 = -s.square().sum().item()
    z1 = 1 / (1 - d1)
    while calls < abs(most):
        x0.copy_(x)
        df0.copy_(df1)
        f0 = f1
        x.add_(s, alpha=z1)
        f2, d2 = evaluate(df2)
        calls += 1
        f3, d3, z3 = f1, d1, -z1
        left, limit, success = min(longest, most - calls), -1.0, False
        while True:
            while (f2 > f1 + z1 * rho * d1 or d2 > -sig * d1) and left > 0:
                limit = z1
                z2 = _interpolated(z1, f1, z1, f2, d2, z3, f3, d3)
                z2 = z2 if math.isfinite(z2) else z3 / 2
                z2 = max(min(z2, narrow * z3), (1 - narrow) * z3)
                z1 += z2
                x.add_(s, alpha=z2)
                f2, d2 = evaluate(df2)
                calls, left = calls + 1, left - 1
                z3 -= z2
            if f2 > f1 + z1 * rho * d1 or d2 > -sig * d1:
                break
            success = d2 > sig * d1
            if success or left <= 0:
                break
            z2 = _step_on(_extrapolated(f2, d2, z3, f3, d3), z1, z3, limit, narrow, ext)
            f3, d3, z3 = f2, d2, -z2
            z1 += z2
            x.add_(s, alpha=z2)
            f2, d2 = evaluate(df2)
            calls, left = calls + 1, left - 1
        if success:
            f1 = f2
            values.append(f1)
            share = ((df2 * df2).sum() - (df2 * df1).sum()) / (df1 * df1).sum()
            s.mul_(share).sub_(df2)
            df1, df2 = df2, df1
            d2 = (df1 * s).sum().item()
            if d2 > 0:  # not downhill: along the gradient instead
                s.copy_(df1).neg_()
                d2 = -s.square().sum().item()
            z1 *= min(ratio, d1 / (d2 - 1e-320))
            d1, failed = d2, False
        else:
            x.copy_(x0)
            df1.copy_(df0)
            f1 = f0
            if failed or calls > most:
                break
            df1, df2 = df2, df1
            s.copy_(df1).neg_()
            d1 = -s.square().sum().item()
            z1, failed = 1 / (1 - d1), True
    state["df1"], state["df2"] = df1, df2
    return x, values, calls


cg.sqrt_nothrow = sqrt_nothrow
