"""Fit the tables of flambeau/kernels/maths/tables*.py; fit_maths.py prints them."""

import functools

import mpmath
import numpy
from minimax import fit, rounded
from mpmath import mp, mpf


def erfcx(x):
    """exp(x * x) * erfc(x), by its asymptotic series where the factors would overflow."""
    if x < 100:
        return mpmath.exp(x * x) * mpmath.erfc(x)
    u = 1 / (2 * x * x)
    return mpmath.fsum((-u) ** k * mpmath.fac2(2 * k - 1) for k in range(14)) / (
        x * mpmath.sqrt(mp.pi)
    )


def good_center(function, middle, width, bits=24, tries=3000):
    """(center, value): a float32 near `middle` where the function all but has `bits` bits (Gal's tables)."""
    best = None
    for i in range(-tries, tries + 1):
        center = rounded(mpf(middle) + mpf(width) * i * 3 / (tries * 40), 24)
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


def piece_table(pieces, degree, bits=24, absolute=False):
    """Columns c0, c1, ... for pieces (function of d, low, high), by default minimising the error in ulp; c0 is given."""
    columns, worst = [], mpf(0)
    for function, low, high in pieces:
        one_ulp = lambda d, f=function: mpmath.ldexp(
            1, int(mpmath.floor(mpmath.log(abs(f(d)), 2))) - bits + 1
        )
        coefficients, error = fit(
            function,
            low,
            high,
            list(range(degree + 1)),
            bits,
            weight=(lambda d: 1) if absolute else (lambda d, unit=one_ulp: 1 / unit(d)),
            fixed={0: rounded(function(mpf(0)), bits)},
            size=60 if bits == 24 else 3 * degree,
        )
        columns.append([float(c) for c in coefficients])
        worst = max(worst, error)
    return list(zip(*columns)), worst, len(pieces)


def shifted(function, center, d):
    return function(center + d)


def even_pieces(function, unit, count, odd=False):
    """Pieces of `function` around 0, unit, 2 unit ... for piece_table; of an odd one without 0 itself."""
    half = mpf(unit) / 2 * (1 + mpf(2) ** -18)
    return [
        (
            functools.partial(shifted, function, n * mpf(unit)),
            (half * mpf("1e-5") if odd else 0) if n == 0 else -half,
            half,
        )
        for n in range(count)
    ]


def erfcx_pieces():
    """erfcx(x) around t = n / 8, t = (x - 4) / (x + 4), for x up to 27: n = 0 ... 6, (none), -8 ... -1."""
    by_t = lambda t: erfcx(4 * (1 + t) / (1 - t))
    low, high = mpf("-0.0626"), mpf("0.0626")
    return [
        (
            functools.partial(shifted, by_t, mpf(n) / 8),
            0 if n == -8 else low,
            mpf("0.01") if n == 6 else high,
        )
        for n in [*range(7), 6, *range(-8, 0)]
    ]


def erfinv_by_log(w):
    """erfinv(x) / x with w = -log(1 - x * x)."""
    if w < mpf(10) ** -30:
        return mpmath.sqrt(mp.pi) / 2
    x = mpmath.sqrt(-mpmath.expm1(-w))
    if w < 8:
        return mpmath.erfinv(x) / x
    tail, y = mpmath.exp(-w) / (1 + x), mpmath.sqrt(w)
    for _ in range(60):
        step = (mpmath.erfc(y) - tail) * mpmath.sqrt(mp.pi) / 2 * mpmath.exp(y * y)
        y += step
        if abs(step) < mpf(10) ** -60:
            break
    return y / x


def erfinv_octaves(count, end):
    """(number, unit, low, high) of erfinv_by_log's first pieces: four to the octave of w + 4, up to w = end."""
    for n in range(count):
        unit = mpf(2) ** (n // 4)
        low = unit * (4 + n % 4) - 4
        yield n, unit, low, min(low + unit, mpf(end))


def erfinv_pieces():
    """(centers, pieces) of erfinv_by_log: four to the octave of w + 4, up to w = 36.2; the center of the first is 0."""
    centers, pieces = [], []
    for n, unit, low, high in erfinv_octaves(14, "36.2"):
        center = (low + high) / 2 if n else mpf(0)
        centers.append(float(center))
        margin = unit / 1000
        pieces.append(
            (
                functools.partial(shifted, erfinv_by_log, center),
                low - center - (margin if n else 0),
                high - center + margin,
            )
        )
    return centers, pieces


def erfinv_table():
    # The column of a piece is told by the last two bits of the exponent of w + 4 and the first two of its fraction.
    centers, pieces = erfinv_pieces()
    columns, error, count = piece_table(pieces, 12, 53)
    columns = [[*c, 0.0, 0.0] for c in [centers, *columns]]
    return [c[12:] + c[:12] for c in columns], error, count


def short_erfinv_table():
    """As erfinv_table, in float32 up to w = 16.7, with centers where erfinv_by_log is all but a float32."""
    pieces, centers = [], []
    for n, unit, low, high in erfinv_octaves(10, "16.7"):
        center = good_center(erfinv_by_log, (low + high) / 2, unit, tries=100)[0] if n else mpf(0)
        centers.append(float(center))
        pieces.append(
            (
                functools.partial(shifted, erfinv_by_log, center),
                low - center - (unit / 1000 if n else 0),
                high - center + unit / 1000,
            )
        )
    columns, error, count = piece_table(pieces, 5)
    columns = [[*c, *[0.0] * 6] for c in [centers, *columns]]
    return [c[12:] + c[:12] for c in columns], error, count


def scaled_bessel(order):
    return lambda x: mpmath.besseli(order, x) * mpmath.exp(-x)


def good_unit(function, low, high, pieces):
    """(unit, error): the float32 between low and high of whose multiples `function` is all but a float32."""
    first, last = (int(numpy.float32(v).view(numpy.int32)) for v in (low, high))
    units = numpy.arange(first, last, dtype=numpy.int32).view(numpy.float32).astype(float)
    centers = units[:, None] * numpy.arange(1, pieces)
    values = function(centers)
    error = numpy.abs(values - values.astype(numpy.float32))
    best = error.max(axis=1).argmin()
    return units[best], error[best].max()


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


def exact_log_table(base):
    """Columns (r, s, what s lacks of -log(r)) as of log_table; s is a multiple of 2**-42, so that k + s is exact."""
    columns = [[], [], []]
    for r in log_table(10, 53, base)[0][0]:
        logarithm = -mpmath.log(r, base)
        start = mpmath.nint(logarithm * 2**42) / 2**42
        for column, value in zip(columns, (r, start, logarithm - start)):
            column.append(float(value))
    return columns, mpf(0), 16


TABLES = {
    "log table": lambda: log_table(5),
    "log2 table": lambda: log_table(5, base=2),
    "log10 table": lambda: log_table(5, base=10),
    "log table float64": lambda: log_table(10, 53),
    "log2 table float64": lambda: exact_log_table(2),
    "log10 table float64": lambda: exact_log_table(10),
    "i0e table": lambda: table_fit(scaled_bessel(0), mpf(1), 8, mpf("14.9"), 5, odd=False),
    "i1e table": lambda: table_fit(scaled_bessel(1), mpf(1), 8, mpf("14.9"), 5),
    "tanh table": lambda: table_fit(mpmath.tanh, mpf(1), 8, mpf("9.5"), 5),
    "erfcx table": lambda: table_fit(erfcx, mpf("0.6875"), 8, mpf("10.1"), 5, odd=False),
    "erf table": lambda: table_fit(mpmath.erf, mpf("1.3125"), 16, mpf("3.925"), 5),
    # good_unit(lambda x: scipy.special.erf(x / 2**0.5) / 2, 0.1791, 0.18, 32): 0.40 * 2**-25
    "ndtr table": lambda: piece_table(
        even_pieces(lambda x: mpmath.erf(x / mpmath.sqrt(2)) / 2, 0.17999765276908875, 32),
        4,
        absolute=True,
    ),
    # The largest error of a c0 is 0.28 ulp.
    "erf table float64": lambda: piece_table(
        even_pieces(mpmath.erf, 0.39804714918136597, 16, odd=True), 12, 53
    ),
    "erfcx table float64": lambda: piece_table(erfcx_pieces(), 11, 53),
    "erfinv table float64": erfinv_table,
    "erfinv table": short_erfinv_table,
}
