"""lgamma, digamma, trigamma, the zeta function of Hurwitz and polygamma, in float64.

Above a threshold by Stirling's asymptotic series (NIST DLMF 5.11, 5.15), below by recurrence from an interval of
length one where a polynomial holds, left of 0 by reflection.
"""

import math

from ..language import abs, cast, exp, floor, fma, isnan, log, seldom, sin, tan, where
from ..language import round as nearest
from .common import polynomial, scalar

INF, NAN = float("inf"), float("nan")
PI = 3.141592653589793
PI_FLOAT32 = 3.1415927410125732

# fit_maths "lgamma": 2**-56.3; lgamma(2 + d) / (d (1 + d)), abs(d) <= 1/2
LGAMMA = (
    0.42278433509846713, -0.10031730167435392, 0.03296500062115904, -0.01238419219337259, 0.004998641164352102,
    -0.002108130833837741, 0.0009153769365205429, -0.000405707401995656, 0.00018255234341916075,
    -8.309503761701577e-05, 3.8172335589664523e-05, -1.7662681230436646e-05, 8.198526117302546e-06,
    -3.840535327287609e-06, 1.9033448575920365e-06, -8.801221391761042e-07, 1.941274241669834e-07,
    -1.3140666130714346e-07, 2.932103422995803e-07, -1.0403991077588392e-07,
)  # fmt: skip

# fit_maths "digamma": 2**-54.3; psi(x) / (x - its root) on [1, 2] in powers of x - 3/2; the root in two parts
DIGAMMA = (
    0.9510558760318328, -0.42362742128146047, 0.24054248424082764, -0.14840492305393518, 0.09498872444657701,
    -0.061922133269481205, 0.040760834323106565, -0.02697579694701386, 0.017907236450889246, -0.011908212839468146,
    0.007927236663189455, -0.005280044869061948, 0.0035156810555612575, -0.00234451508957604, 0.001580955830567231,
    -0.0010420066103570247, 0.000608996922058988, -0.00046690957947257783, 0.0005610307180709616,
    -0.0001810372819388477, -0.00029126602064642065, -0.00014889954669306392, 0.0003928570833969658,
)  # fmt: skip
ROOT = (1.4616321449683622, 9.549995429965697e-17)

# B_2k / (2 k (2 k - 1)), B_2k / (2 k), B_2k of the Bernoulli numbers
STIRLING = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156, -3617 / 122400)
PSI = (1 / 12, -1 / 120, 1 / 252, -1 / 240, 1 / 132, -691 / 32760, 1 / 12, -3617 / 8160)
BERNOULLI = (
    1 / 6,
    -1 / 30,
    1 / 42,
    -1 / 30,
    5 / 66,
    -691 / 2730,
    7 / 6,
    -3617 / 510,
    43867 / 798,
    -174611 / 330,
)


def lgamma_of_positive(x):
    large = x >= 8.0
    # d = x - 2 moved into [-1/2, 1/2) by whole steps; their factors give lgamma(x) - lgamma(2 + d).
    inside = where(large, 2.0, x)
    product, y = 1.0, inside
    for _ in range(6):
        step = y >= 2.5
        y = where(step, y - 1.0, y)
        product = product * where(step, y, 1.0)
    below, deep = inside < 1.5, inside < 0.5
    factor = where(deep, inside * (inside + 1.0), inside)
    d = where(deep, inside, where(below, inside - 1.0, y - 2.0))
    near = d * (1.0 + d) * polynomial(d, LGAMMA)
    logarithm = log(where(large, x, where(below, factor, product)))
    inverse = 1.0 / where(large, x, 8.0)
    series = polynomial(inverse * inverse, STIRLING) * inverse
    far = fma(x - 0.5, logarithm - 1.0, 0.4189385332046727) + series  # log(2 pi) / 2 - 1 / 2
    far = where(x > 1e17, x * (logarithm - 1.0), far)
    return where(large, far, where(below, near - logarithm, near + logarithm))


# Taylor's series of sin(u) / u in u * u: beyond these terms less than 2**-59 is left at u = pi / 2.
SINE = tuple((-1) ** k / math.factorial(2 * k + 1) for k in range(11))


def sine_of_turn(x):
    """sin(pi x) but for the sign of whole steps of x: of x - round(x), by its series alone."""
    u = PI * (x - nearest(x))
    return u * polynomial(u * u, SINE)


@scalar("lgamma float64")
def lgamma(x, dtype):
    # lgamma(x) = log(pi / abs(x sin(pi x))) - lgamma(-x) for negative x; inf at 0, -1, -2, ...
    # What is common to both sides stands outside of the branch, which would compute it once more.
    left, magnitude = x <= 0.0, abs(x)
    of_magnitude = lgamma_of_positive(magnitude)
    # Near 0 the product would leave the range, and lgamma(x) is lgamma(-x) to the last bit.
    product = where(magnitude < 1e-20, 1.0, abs(sine_of_turn(x)) * (1.0 / PI) * magnitude)
    mirrored = -seldom(left, log(product), 0.0)
    mirrored = where(magnitude < 1e-20, of_magnitude, mirrored - of_magnitude)
    mirrored = where((floor(x) == x) | (x == -INF), INF, mirrored)
    return where(x == INF, INF, where(left, mirrored, of_magnitude))


def digamma_of_positive(x):
    large = x >= 10.0
    # psi(x) = psi(y) + the sum of 1 / y, 1 / (y + 1) ... as one fraction, y in [1, 2).
    y = where(large, 1.5, x)
    low = y < 1.0
    numerator, denominator = where(low, -1.0, 0.0), where(low, y, 1.0)
    y = where(low, y + 1.0, y)
    for _ in range(9):
        step = y >= 2.0
        y = where(step, y - 1.0, y)
        numerator = where(step, fma(numerator, y, denominator), numerator)
        denominator = where(step, denominator * y, denominator)
    near = ((y - ROOT[0]) - ROOT[1]) * polynomial(y - 1.5, DIGAMMA) + numerator / denominator
    inverse = 1.0 / where(large, x, 10.0)
    square = inverse * inverse
    far = log(where(large, x, 10.0)) - fma(square, polynomial(square, PSI), 0.5 * inverse)
    return where(large, far, near)


@scalar("digamma float64")
def digamma(x, dtype):
    # psi(x) = psi(1 - x) - pi / tan(pi x); as in PyTorch -inf at 0, inf at -0, NaN at -1, -2, ...
    left, pole = x <= 0.0, floor(x) == x
    value = digamma_of_positive(where(left, 1.0 - x, x))
    mirrored = value - seldom(left, PI / tan(PI * (x - nearest(x))), 0.0)
    mirrored = where(x == 0.0, -1.0 / x, where(pole, NAN, mirrored))
    return where(x == INF, INF, where(left, mirrored, value))


def trigamma_of_positive(x):
    total = 0.0
    for _ in range(10):
        low = x < 10.0
        term = 1.0 / x
        total = total + where(low, term * term, 0.0)
        x = where(low, x + 1.0, x)
    inverse = 1.0 / x
    square = inverse * inverse
    series = fma(square * inverse, polynomial(square, BERNOULLI[:8]), 0.5 * square)
    return total + (series + inverse)


@scalar("trigamma float64")
def trigamma(x, dtype):
    # psi'(x) = (pi / sin(pi x))**2 - psi'(1 - x); at -1, -2 ... as in PyTorch of the sine of a rounded angle
    left = x <= 0.0
    value = trigamma_of_positive(where(left, 1.0 - x, x))
    ratio = seldom(left, PI / sin(PI * where(floor(x) == x, x, x - nearest(x))), 0.0)
    return where(left, ratio * ratio - value, value)


def zeta_series(s, q, unit=0.0):
    """The sum of (q + k)**-s over k >= 0, times exp(s * unit), by Euler and Maclaurin from k = 10 on."""
    total, a = 0.0, q
    for _ in range(10):
        total = total + exp(-s * (log(a) - unit))
        a = a + 1.0
    power = exp(-s * (log(a) - unit))
    total = total + fma(power, 0.5, power * a / (s - 1.0))
    factor, square = power * s / a, 1.0 / (a * a)
    factorial = 2.0
    for k, b in enumerate(BERNOULLI, 1):
        total = total + factor * (b / factorial)
        factor = factor * ((s + (2.0 * k - 1.0)) * (s + 2.0 * k)) * square
        factorial *= (2 * k + 1) * (2 * k + 2)
    return total


def zeta_of_positive(s, q):
    """The zeta function for s > 1 and q > 0, and at the poles; NaN (as the sum has it, 0 * inf) at q = inf."""
    total = zeta_series(s, q)
    total = where(s == INF, where(q > 1.0, 0.0, where(q == 1.0, 1.0, INF)), total)
    total = where(isnan(s) | isnan(q), s + q, total)
    return where(q <= 0.0, where(floor(q) == q, INF, NAN), total)


def zeta_of_negative(s, q, even):
    """The zeta function of a whole s > 1 at q < 0 between the poles: the terms with q + k > 0, and those below."""
    place, mirrored = q - floor(q), floor(q) + 1.0 - q
    right, left = zeta_of_positive(s, place), zeta_of_positive(s, mirrored)
    beyond = zeta_of_positive(s, 1.0 - q)  # of the terms below 0, those that stand before the first
    nearer = where(place > 0.5, -INF, INF)
    difference = where((left == INF) & (right == INF), nearer, right - left + beyond)
    return where(even, right + left - beyond, difference)


def is_odd(n):
    return floor(n * 0.5) * 2.0 != n


@scalar("zeta float64")
def zeta(s, q, dtype):
    # NaN for s < 1 and for a power of a negative number that is none, but inf where a term is infinite.
    # As in PyTorch a NaN does not show beside what is infinite for all others: s = 1, and poles.
    between = (q < 0.0) & (floor(q) != q) & (floor(s) == s)
    total = seldom(between, zeta_of_negative(s, q, ~is_odd(s)), zeta_of_positive(s, q))
    return where(s < 1.0, NAN, where(s == 1.0, INF, total))


def cotangent_derivatives(highest):
    """Coefficients in c = cot(u), from c**0 up, of the derivatives of order 0 to `highest` of cot by u."""
    orders = [[0.0, 1.0]]
    for _ in range(highest):  # d/du of p(c) is -(1 + c**2) p'(c)
        slope = [k * a for k, a in enumerate(orders[-1])][1:]
        orders.append([-a for a in map(sum, zip([*slope, 0.0, 0.0], [0.0, 0.0, *slope]))])
    return orders


def polygamma_mirrored(n, x, factorial, odd):
    """polygamma(n, x) for x < 0 between the poles: to n = 10 by reflection, then as two sums."""
    # (-1)**n psi_n(1 - x) - psi_n(x) = pi (d/dx)**n cot(pi x)
    c = 1.0 / tan(PI * (x - nearest(x)))
    slope = 0.0
    for order, coefficients in enumerate(cotangent_derivatives(10)):
        if order >= 2:
            slope = where(n == order, PI ** (order + 1) * polynomial(c, coefficients), slope)
    beyond = zeta_of_positive(n + 1.0, 1.0 - x)  # poles that a reflection has and the sum has not
    sums = zeta_of_negative(n + 1.0, x, odd)
    return where(n > 10.0, factorial * where(odd, sums, -sums), -slope - factorial * beyond)


def polygamma_high(n, x, odd):
    """polygamma(n, x) for x > 0 where n! may be infinite and zeta 0: both as logarithms."""
    unit = log(x)
    size = lgamma_of_positive(n + 1.0) - (n + 1.0) * unit
    value = where(size > 720.0, INF, exp(size) * zeta_series(n + 1.0, x, unit))
    return where(odd, value, -value)


@scalar("polygamma float32")
def polygamma_float32(n, x, dtype):
    # Computed in float64, save trigamma at -1, -2 ..., which hangs on how the angle is rounded.
    value = cast(polygamma(cast(n, "float64"), cast(x, "float64"), "float64"), "float32")
    sine = sin(PI_FLOAT32 * x)
    pole = PI_FLOAT32 * PI_FLOAT32 / (sine * sine)
    return seldom((n == 1.0) & (x < 0.0) & (floor(x) == x), pole, value)


@scalar("polygamma float64")
def polygamma(n, x, dtype):
    # (-1)**(n + 1) n! zeta(n + 1, x); n = 0 and 1 have functions of their own.
    factorial = exp(lgamma_of_positive(n + 1.0))
    odd = is_odd(n)
    value = factorial * zeta_of_positive(n + 1.0, x)
    value = where(odd, value, -value)
    value = seldom((x > 0.0) & (n > 64.0), polygamma_high(n, x, odd), value)
    value = seldom(
        (x < 0.0) & (n > 1.0) & (floor(x) != x), polygamma_mirrored(n, x, factorial, odd), value
    )
    value = where(n == 1.0, trigamma(x, dtype), value)
    return where(n == 0.0, digamma(x, dtype), value)
