"""A line search for the strong Wolfe conditions.

Source: Nocedal, Wright, "Numerical Optimization", 2nd ed., algorithms 3.5 and 3.6, with the
safeguards of Schmidt's minFunc (2005).
"""

from dataclasses import dataclass

import flambeau


@dataclass(eq=False)
class Point:
    """A step length t, the loss there, the gradient, and its slope along the direction."""

    t: float
    loss: float
    grad: flambeau.Tensor
    slope: flambeau.Tensor


def cubic_minimum(a, b, bounds=None):
    """Where the cubic through two points with their slopes is least, inside `bounds`.

    Source: Nocedal, Wright, equation (3.59).
    """
    low, high = bounds if bounds is not None else (min(a.t, b.t), max(a.t, b.t))
    d1 = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.t - b.t)
    square = d1**2 - a.slope * b.slope
    if not square >= 0:
        return (low + high) / 2.0
    d2 = square**0.5
    left, right = (a, b) if a.t <= b.t else (b, a)
    share = (right.slope + d2 - d1) / (right.slope - left.slope + 2 * d2)
    return min(max(right.t - (right.t - left.t) * share, low), high)


def strong_wolfe(
    evaluate, direction, start, t, c1=1e-4, c2=0.9, tolerance_change=1e-9, max_steps=25
):
    """(the point found, how many evaluations it took).

    `evaluate(t)` gives (loss, gradient) at step length t along `direction`; `start` is the point
    at 0.
    """
    length = direction.abs().max()
    evaluations = 0

    def point_at(t):
        nonlocal evaluations
        evaluations += 1
        loss, grad = evaluate(t)
        return Point(t, loss, grad.clone(), grad.dot(direction))

    def too_high(point):
        return point.loss > start.loss + c1 * point.t * start.slope

    def flat(point):
        return abs(point.slope) <= -c2 * start.slope

    # Go forward until an interval must hold a good point.
    previous, current = start, point_at(t)
    steps = 0
    bracket = None
    while steps < max_steps:
        if too_high(current) or (steps > 1 and current.loss >= previous.loss):
            bracket = [previous, current]
            break
        if flat(current):
            return current, evaluations
        if current.slope >= 0:
            bracket = [previous, current]
            break
        bounds = current.t + 0.01 * (current.t - previous.t), current.t * 10
        t = cubic_minimum(previous, current, bounds)
        previous, current = current, point_at(t)
        steps += 1
    if bracket is None:
        bracket = [start, current]

    # Narrow it. `low` is the better end.
    low, high = bracket if bracket[0].loss <= bracket[1].loss else reversed(bracket)
    stuck = False
    while steps < max_steps:
        if abs(high.t - low.t) * length < tolerance_change:
            break
        left, right = min(low.t, high.t), max(low.t, high.t)
        # The order of the ends is that of the bracket, as the interpolation is not symmetric in
        # rounding.
        t = cubic_minimum(*bracket)
        margin = 0.1 * (right - left)
        if min(right - t, t - left) < margin:
            # Twice near the same end, or at it: move inside.
            if stuck or t >= right or t <= left:
                t = right - margin if abs(t - right) < abs(t - left) else left + margin
                stuck = False
            else:
                stuck = True
        else:
            stuck = False
        current = point_at(t)
        steps += 1
        if too_high(current) or current.loss >= low.loss:
            bracket[bracket.index(high)] = current
            low, high = bracket if bracket[0].loss <= bracket[1].loss else reversed(bracket)
            continue
        place = bracket.index(low)
        done = flat(current)
        if not done and current.slope * (high.t - low.t) >= 0:
            bracket[1 - place] = low
            high = low
        bracket[place] = current
        low = current
        if done:
            break
    return low, evaluations
