"""Fit the polynomials of flambeau/kernels/maths*.py: minimax, coefficients rounded in turn.

Run: python tools/fit_maths.py [name ...] prints, for each fit, its coefficients and the largest weighted
error left after rounding. Needs mpmath and SciPy; nothing else in the project does.
"""

import sys

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


def exp_fit(degree, bits, base=mpmath.e):
    half = mp.log(2) / mp.log(base) / 2 * mpf("1.005")
    fixed = {0: mpf(1), 1: mpf(1)} if base == mpmath.e else {0: mpf(1)}
    return fit(
        lambda r: mpmath.power(base, r), -half, half, list(range(degree + 1)), bits, fixed=fixed
    )


def exp_by_table_fit(degree, bits, beyond=1):
    """exp(r) for abs(r) <= ln(2) / 32, as sixteenths of a power of two leave it."""
    half = mp.log(2) / 32 * beyond
    fixed = {0: mpf(1), 1: mpf(1)}
    return fit(mpmath.exp, -half, half, list(range(degree + 1)), bits, fixed=fixed)


def expm1_fit(degree, bits):
    half = mp.log(2) / 2 * mpf("1.005")
    return fit(
        mpmath.expm1,
        -half,
        half,
        list(range(1, degree + 1)),
        bits,
        fixed={1: mpf(1)},
        size=24 * degree + 1,
    )


def log_fit(low, high, degree, bits, scale=1):
    """log(1 + f) * scale as sum of f**k, k = 1 .. degree; the first coefficient is given (scale)."""
    fixed = {1: mpf(1), 2: mpf(-0.5)} if scale == 1 else {1: rounded(scale, bits)}
    extra = scale - fixed[1]
    return fit(
        lambda f: mpmath.log1p(f) * scale - extra * f if f else scale,
        low,
        high,
        list(range(1, degree + 1)),
        bits,
        fixed=fixed,
        weight=lambda f: 1 / abs(mpmath.log1p(f) * scale) if f else 0,
    )


def log2_fit(terms):
    """log2(1 + f) / f on [-1/3, 1/3] in float64, for pow in float32."""
    third = mpf(1) / 3 + mpf("1e-7")
    return fit(lambda f: mpmath.log1p(f) / f / mp.log(2), -third, third, list(range(terms)), 53)


def atanh_fit(terms):
    """R(z) / z with log((1 + s) / (1 - s)) = s * (2 + R), z = s * s, for (1 + s) / (1 - s) in [2/3, 4/3]."""
    exact = lambda z: (2 * mpmath.atanh(mpmath.sqrt(z)) / mpmath.sqrt(z) - 2) / z
    return fit(exact, mpf(10) ** -12, mpf("0.0401"), list(range(terms)), 53, weight=lambda z: z / 2)


def cos_fit(terms, bits=53, beyond="1.001"):
    """(cos(x) - 1 + z / 2) / z**2 in powers of z = x * x, abs(x) <= pi / 4; error relative to 1."""
    exact = lambda z: (mpmath.cos(mpmath.sqrt(z)) - 1 + z / 2) / z**2
    return fit(
        exact,
        mpf(10) ** -9,
        (mp.pi / 4 * mpf(beyond)) ** 2,
        list(range(terms)),
        bits,
        weight=lambda z: z * z,
    )


def odd_fit(function, high, terms, bits, first=None):
    """An odd function as x * sum(c * x**(2 k)), relative error on [0, high]."""
    fixed = {} if first is None else {0: mpf(first)}
    tiny = mpf(10) ** -20
    return fit(
        lambda u: function(mpmath.sqrt(u + tiny**2)) / mpmath.sqrt(u + tiny**2),
        0,
        mpf(high) ** 2,
        list(range(terms)),
        bits,
        fixed=fixed,
    )


def good_center(function, middle, width, bits=24):
    """(center, value): a float32 near `middle` where the function all but has `bits` bits (Gal's tables)."""
    best = None
    for i in range(-3000, 3001):
        center = rounded(mpf(middle) + mpf(width) * i / 40000, 24)
        value = function(center)
        off = abs(value / rounded(value, bits) - 1)
        if best is None or off < best[0]:
            best = (off, center, rounded(value, bits))
    return best[1], best[2]


def table_fit(function, shift, steps, last, degree, odd=True):
    """Columns (center, c0, c1, ...) of 32 pieces, `steps` to the octave of x + shift, up to x = last.

    The piece of x is the low five bits of the exponent and mantissa of x + shift. The piece at 0 of an odd function has center
    0 and stands for x + c1 * x + ... (for c1 * x + ... where c1 is 1), so that its relative error is small.
    """
    columns, worst = [[0.0] * 32 for _ in range(degree + 2)], mpf(0)
    low, piece = mpf(0), 0
    while low < last:
        octave = mpmath.floor(mpmath.log(low + shift, 2))
        unit = mpf(2) ** (octave - mpmath.log(steps, 2))
        fraction = int(mpmath.floor((low + shift) / unit))
        high = min(mpf(last), (fraction + 1) * unit - shift)
        slot = (int(octave + 127) * steps + fraction - steps) % 32
        if odd and low == 0:
            center, slope = mpf(0), mpmath.diff(function, 0)
            fixed = {0: mpf(0), 1: rounded(slope, 24) if slope == 1 else 1 + rounded(slope - 1, 24)}
            margin, start = mpf(0), high * mpf("1e-6")
        else:
            center, value = good_center(function, (low + high) / 2, high - low)
            fixed = {0: value}
            margin, start = unit * mpf(2) ** -20, low
        piece_of = lambda d, center=center: function(d + center)
        one_ulp = lambda d, f=piece_of: mpmath.ldexp(
            1, int(mpmath.floor(mpmath.log(abs(f(d)), 2))) - 23
        )
        coefficients, error = fit(
            piece_of,
            start - margin - center,
            high + margin - center,
            list(range(degree + 1)),
            24,
            weight=lambda d, u=one_ulp: 1 / u(d),
            fixed=fixed,
            size=60,
        )
        for column, c in zip(columns, [center, *coefficients]):
            column[slot] = float(c)
        if odd and low == 0:
            columns[2][slot] = 1.0 if slope == 1 else float(rounded(slope - 1, 24))
        worst = max(worst, error)
        low, piece = high, piece + 1
    return columns, worst, piece


def even_table_fit(function, unit, pieces, degree):
    """Columns (c0, c1, ...) of a function in powers of x - n unit, for x within unit / 2 of that; absolute error.

    c0 is given, and good where unit is: good_unit.
    """
    columns, worst = [[] for _ in range(degree + 1)], mpf(0)
    half = mpf(unit) / 2 * (1 + mpf(2) ** -18)
    for n in range(pieces):
        center = n * mpf(unit)
        piece_of = lambda d, center=center: function(d + center)
        coefficients, error = fit(
            piece_of,
            0 if n == 0 else -half,
            half,
            list(range(degree + 1)),
            24,
            weight=lambda d: 1,
            fixed={0: rounded(piece_of(0), 24)},
            size=60,
        )
        for column, c in zip(columns, coefficients):
            column.append(float(c))
        worst = max(worst, error)
    return columns, worst, pieces


def good_unit(function, low, high, pieces):
    """(unit, error): the float32 between low and high of whose multiples `function` is all but a float32."""
    first, last = (int(numpy.float32(v).view(numpy.int32)) for v in (low, high))
    units = numpy.arange(first, last, dtype=numpy.int32).view(numpy.float32).astype(float)
    centers = units[:, None] * numpy.arange(1, pieces)
    values = function(centers)
    error = numpy.abs(values - values.astype(numpy.float32))
    best = error.max(axis=1).argmin()
    return units[best], error[best].max()


def log_table(degree, bits=24, base=mpmath.e):
    """Columns (r, -log(r)) of 16 pieces of m in [3/4, 3/2), and log(1 + f) for all f = m r - 1.

    The piece is told by the top four bits of the fraction of m. r is chosen so that its logarithm is all but a
    float32; it is 1 beside 1.
    """
    columns, low, high = [[], []], mpf(0), mpf(0)
    for piece in range(16):
        scale = 1 if piece < 8 else 2
        start, end = (1 + mpf(piece) / 16) / scale, (1 + mpf(piece + 1) / 16) / scale
        r, logarithm = (mpf(1), mpf(0))
        if piece not in (0, 15):
            # Next to those beside 1, f must be small against the result where that is small.
            inner = {1: mpf("0.2"), 14: mpf("0.525")}.get(piece, mpf("0.5"))
            r, logarithm = good_center(
                lambda r: -mpmath.log(r, base),
                1 / (start + inner * (end - start)),
                mpf(1) / 640,
                bits,
            )
        columns[0].append(float(r))
        columns[1].append(float(logarithm))
        low, high = min(low, start * r - 1), max(high, end * r - 1)
    coefficients, error = log_fit(low, high, degree, bits)
    return columns, error, [float(c) for c in coefficients]


TABLES = {
    "log table": lambda: log_table(5),
    "log2 table": lambda: log_table(5, base=2),
    "log10 table": lambda: log_table(5, base=10),
    "log table float64": lambda: log_table(10, 53),
    "tanh table": lambda: table_fit(mpmath.tanh, mpf(1), 8, mpf("9.5"), 5),
    "erfcx table": lambda: table_fit(erfcx, mpf("0.6875"), 8, mpf("10.1"), 5, odd=False),
    "erf table": lambda: table_fit(mpmath.erf, mpf("1.3125"), 16, mpf("3.925"), 5),
    # good_unit(lambda x: scipy.special.erf(x / 2**0.5) / 2, 0.1791, 0.18, 32): 0.40 * 2**-25
    "ndtr table": lambda: even_table_fit(
        lambda x: mpmath.erf(x / mpmath.sqrt(2)) / 2, 0.17999765276908875, 32, 4
    ),
}


def erfcx(x):
    """exp(x * x) * erfc(x), by its asymptotic series where the factors would overflow."""
    if x < 100:
        return mpmath.exp(x * x) * mpmath.erfc(x)
    u = 1 / (2 * x * x)
    return mpmath.fsum((-u) ** k * mpmath.fac2(2 * k - 1) for k in range(14)) / (
        x * mpmath.sqrt(mp.pi)
    )


def erfcx_fit(degree):
    """(1 + 2 x) erfcx(x) in powers of q = (x - 4) / (x + 4), all x >= 0."""
    x = lambda q: 4 * (1 + q) / (1 - q)
    return fit(
        lambda q: (1 + 2 * x(q)) * erfcx(x(q)),
        -1,
        mpf("0.99999"),
        list(range(degree + 1)),
        53,
        size=3 * degree,
    )


def digamma_fit(degree):
    """psi(x) / (x - its positive root) on [1, 2] in powers of x - 1.5."""
    root = mpmath.findroot(mpmath.digamma, 1.46)
    function = lambda d: (
        mpmath.digamma(d + 1.5) / (d + 1.5 - root)
        if abs(d + 1.5 - root) > 1e-30
        else mpmath.psi(1, root)
    )
    return fit(function, mpf(-0.5), mpf(0.5), list(range(degree + 1)), 53)


def bessel_i_fit(order):
    """I(x) exp(-x) sqrt(x) in powers of t = 1 / x, x >= 12."""
    function = lambda t: mpmath.besseli(order, 1 / t) * mpmath.exp(-1 / t) / mpmath.sqrt(t)
    return fit(function, mpf("0.0003"), mpf(1) / 12, list(range(20)), 53)


def bessel_k_fit(order):
    """K(x) exp(x) sqrt(x) in powers of q = (x - 1) / (x + 1), x >= 2."""
    x = lambda q: (1 + q) / (1 - q)
    function = lambda q: mpmath.besselk(order, x(q)) * mpmath.exp(x(q)) * mpmath.sqrt(x(q))
    return fit(function, mpf(1) / 3, mpf("0.9995"), list(range(20)), 53, size=60)


FITS = {
    "erf 1 float64": lambda: odd_fit(mpmath.erf, 1, 13, 53),
    "-log(erfc)": lambda: fit(
        lambda d: -mpmath.log(mpmath.erfc(d + 2)),
        -1,
        mpf("3.95"),
        list(range(18)),
        53,
        weight=lambda d: mpmath.erfc(d + 2),
    ),
    "erfcx float64": lambda: erfcx_fit(24),
    "i0 small": lambda: fit(
        lambda z: mpmath.besseli(0, 2 * mpmath.sqrt(z)), 0, 36, list(range(19)), 53
    ),
    "i0 large": lambda: bessel_i_fit(0),
    "i1 small": lambda: fit(
        lambda z: mpmath.besseli(1, 2 * mpmath.sqrt(z)) / mpmath.sqrt(z) if z else mpf(1),
        mpf(10) ** -9,
        36,
        list(range(19)),
        53,
    ),
    "i1 large": lambda: bessel_i_fit(1),
    "k0 small": lambda: fit(
        lambda z: (
            mpmath.besselk(0, 2 * mpmath.sqrt(z))
            + mpmath.log(z) / 2 * mpmath.besseli(0, 2 * mpmath.sqrt(z))
        ),
        mpf(10) ** -12,
        1,
        list(range(10)),
        53,
        weight=lambda z: 1,
    ),
    "k1 small": lambda: fit(
        lambda z: (
            (
                mpmath.besselk(1, 2 * mpmath.sqrt(z))
                - mpmath.log(z) / 2 * mpmath.besseli(1, 2 * mpmath.sqrt(z))
            )
            * 2
            * mpmath.sqrt(z)
        ),
        mpf(10) ** -12,
        1,
        list(range(10)),
        53,
        weight=lambda z: 1,
    ),
    "k0 large": lambda: bessel_k_fit(0),
    "k1 large": lambda: bessel_k_fit(1),
    "lgamma [1.5, 2.5]": lambda: fit(
        lambda d: mpmath.loggamma(2 + d) / d / (1 + d) if d else 1 - mp.euler,
        mpf(-0.5),
        mpf(0.5),
        list(range(20)),
        53,
    ),
    "digamma [1, 2]": lambda: digamma_fit(22),
    "exp float32": lambda: exp_fit(6, 24),
    "exp float64": lambda: exp_fit(11, 53),
    "exp by table float32": lambda: exp_by_table_fit(3, 24),
    "exp by table float64": lambda: exp_by_table_fit(6, 53, mpf("1.01")),
    "exp2 float32": lambda: exp_fit(6, 24, 2),
    "exp2 float64": lambda: exp_fit(11, 53, 2),
    "expm1 float32": lambda: expm1_fit(7, 24),
    "expm1 float64": lambda: expm1_fit(13, 53),
    "log float32": lambda: log_fit(mpf(-1) / 3, mpf(1) / 3, 10, 24),
    "log2 float32": lambda: log_fit(mpf(-1) / 3, mpf(1) / 3, 10, 24, 1 / mp.log(2)),
    "log10 float32": lambda: log_fit(mpf(-1) / 3, mpf(1) / 3, 10, 24, 1 / mp.log(10)),
    "log for pow": lambda: fit(
        lambda z: ((2 * mpmath.atanh(mpmath.sqrt(z)) / mpmath.sqrt(z) - 2) / z - mpf(2) / 3) / z,
        mpf(10) ** -9,
        mpf("0.0401"),
        list(range(8)),
        53,
        weight=lambda z: z * z / 2,
    ),
    "log2 for pow": lambda: log2_fit(13),
    "log float64": lambda: atanh_fit(8),
    "sin pi/32 float32": lambda: odd_fit(mpmath.sin, mp.pi / 32 * mpf("1.01"), 3, 24, 1),
    "cos pi/32 float32": lambda: cos_fit(1, 24, "0.1263"),
    "sin pi/4 float64": lambda: odd_fit(mpmath.sin, mp.pi / 4 * mpf("1.001"), 7, 53, 1),
    "cos pi/4 float64": lambda: cos_fit(6),
    "tan pi/4 float32": lambda: odd_fit(mpmath.tan, mp.pi / 4 * mpf("1.001"), 7, 24, 1),
    "atan 1 float32": lambda: odd_fit(mpmath.atan, 1, 9, 24, 1),
    "atan sqrt(2)-1 float64": lambda: odd_fit(
        mpmath.atan, mpmath.sqrt(2) - 1 + mpf("1e-6"), 12, 53, 1
    ),
    "asin 0.5 float64": lambda: odd_fit(mpmath.asin, mpf("0.5"), 14, 53, 1),
    "tanh 0.6 float64": lambda: odd_fit(mpmath.tanh, mpf("0.6"), 12, 53, 1),
    "asin 0.5 float32": lambda: odd_fit(mpmath.asin, mpf("0.5"), 6, 24, 1),
    "sinh 1 float64": lambda: odd_fit(mpmath.sinh, 1, 9, 53, 1),
    "sinh 1 float32": lambda: odd_fit(mpmath.sinh, 1, 5, 24, 1),
}


def main(names):
    for name, make in FITS.items():
        if not names or any(n in name for n in names):
            coefficients, error = make()
            print(f"{name}: error 2**{float(mpmath.log(error, 2)):.2f}")
            single = "float32" in name
            print(
                "    ("
                + ", ".join(f"{float(c):.9g}" if single else repr(float(c)) for c in coefficients)
                + ")"
            )
    for name, make in TABLES.items():
        if not names or any(n in name for n in names):
            columns, error, pieces = make()
            print(f"# fit_maths {name!r}: {pieces}, {float(error):.3g}")
            print(f"{name.replace(' ', '_').upper()} = (")
            for column in columns:
                print("    (")
                for i in range(0, len(column), 8):
                    print(
                        "        "
                        + ", ".join(
                            f"{c:.9g}" if "64" not in name else repr(c) for c in column[i : i + 8]
                        )
                        + ","
                    )
                print("    ),")
            print(")  # fmt: skip")


if __name__ == "__main__":
    main(sys.argv[1:])
