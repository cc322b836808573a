"""Fit the polynomials of flambeau/kernels/maths/*.py: minimax, coefficients rounded in turn.

Run: python tools/fit_maths.py [name ...] prints, for each fit, its coefficients and the largest weighted
error left after rounding, and the tables of fit_tables.py. Needs mpmath and SciPy; nothing else in the project does.
"""

import sys

import mpmath
from fit_tables import TABLES, erfcx, log_fit
from minimax import fit
from mpmath import mp, mpf


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


def bessel_i_fit(order, low="0.0003", high=None, terms=20, bits=53):
    """I(x) exp(-x) sqrt(x) in powers of t = 1 / x, x >= 1 / high."""
    function = lambda t: mpmath.besseli(order, 1 / t) * mpmath.exp(-1 / t) / mpmath.sqrt(t)
    fixed = {} if bits == 53 else {0: 1 / mpmath.sqrt(2 * mp.pi)}  # in two parts
    return fit(function, mpf(low), high or mpf(1) / 12, list(range(terms)), bits, fixed=fixed)


def bessel_k_fit(order):
    """K(x) exp(x) sqrt(x) in powers of q = (x - 1) / (x + 1), x >= 2."""
    x = lambda q: (1 + q) / (1 - q)
    function = lambda q: mpmath.besselk(order, x(q)) * mpmath.exp(x(q)) * mpmath.sqrt(x(q))
    return fit(function, mpf(1) / 3, mpf("0.9995"), list(range(20)), 53, size=60)


def bessel_j_fit(order, terms):
    """J(x) over x**order and x**2 minus the squares of its zeros up to 8, in powers of u = 1 - (x / 8)**2."""
    squares = [mpmath.besseljzero(order, k) ** 2 for k in (1, 2)]
    x = lambda u: 8 * mpmath.sqrt(1 - u) if u < 1 else mpf(10) ** -30
    function = lambda u: (
        mpmath.besselj(order, x(u))
        / x(u) ** order
        / (x(u) ** 2 - squares[0])
        / (x(u) ** 2 - squares[1])
    )
    return fit(function, 0, 1, list(range(terms)), 53)


def bessel_j_first_fit(order, terms):
    """(J(x) / its first term - 1 + z / (4 (order + 1))) / z**2 in powers of z = x**2, up to 1."""
    series = lambda z: mpmath.hyp0f1(order + 1, -z / 4)
    return fit(
        lambda z: (series(z) - 1 + z / 4 / (order + 1)) / z**2,
        mpf(10) ** -9,
        1,
        list(range(terms)),
        53,
        weight=lambda z: z * z,
    )


def bessel_y_fit(order, terms):
    """What is left of Y(x) / x**order without its logarithm and pole, in powers of t = x**2 / 32 - 1, up to 8."""
    x = lambda t: mpmath.sqrt(32 * (1 + t))

    def function(t):
        logarithm = mpmath.log(x(t)) * mpmath.besselj(order, x(t))
        pole = 1 / x(t) if order else 0
        return (mpmath.bessely(order, x(t)) - 2 / mp.pi * (logarithm - pole)) / x(t) ** order

    low = mpf(10) ** -12 - 1
    return fit(function, low, 1, list(range(terms)), 53, weight=lambda t: x(t) ** order)


def bessel_waves_fit(order, terms, cosine):
    """P or 8 / x times Q of DLMF 10.17.3 in powers of w = (8 / x)**2, x from 8 on."""
    x = lambda w: 8 / mpmath.sqrt(w)

    def function(w):
        angle = x(w) - (2 * order + 1) * mp.pi / 4
        j, y = mpmath.besselj(order, x(w)), mpmath.bessely(order, x(w))
        size = mpmath.sqrt(mp.pi * x(w) / 2)
        if cosine:
            return size * (j * mpmath.cos(angle) + y * mpmath.sin(angle))
        return size * (y * mpmath.cos(angle) - j * mpmath.sin(angle)) * x(w) / 8

    start = mpf(1) if cosine else mpf(4 * order - 1) / 64
    powers = list(range(terms))
    return fit(function, mpf(10) ** -9, 1, powers, 53, weight=lambda w: 1, fixed={0: start})


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
    "i0e far float32": lambda: bessel_i_fit(0, "0.0005", 1 / mpf("14.7"), 5, 24),
    "i1e far float32": lambda: bessel_i_fit(1, "0.0005", 1 / mpf("14.7"), 5, 24),
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
    "j0 first": lambda: bessel_j_first_fit(0, 7),
    "j1 first": lambda: bessel_j_first_fit(1, 6),
    "j0 near": lambda: bessel_j_fit(0, 14),
    "j1 near": lambda: bessel_j_fit(1, 14),
    "y0 near": lambda: bessel_y_fit(0, 17),
    "y1 near": lambda: bessel_y_fit(1, 16),
    "0 far P": lambda: bessel_waves_fit(0, 14, True),
    "1 far P": lambda: bessel_waves_fit(1, 14, True),
    "0 far Q": lambda: bessel_waves_fit(0, 12, False),
    "1 far Q": lambda: bessel_waves_fit(1, 12, False),
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
    "sin pi/16 float64": lambda: odd_fit(mpmath.sin, mp.pi / 16 * mpf("1.01"), 6, 53, 1),
    "cos pi/16 float64": lambda: cos_fit(4, 53, "0.2525"),
    "tan pi/4 float32": lambda: odd_fit(mpmath.tan, mp.pi / 4 * mpf("1.001"), 7, 24, 1),
    "atan 1 float32": lambda: odd_fit(mpmath.atan, 1, 9, 24, 1),
    "atan sqrt(2)-1 float64": lambda: odd_fit(
        mpmath.atan, mpmath.sqrt(2) - 1 + mpf("1e-6"), 12, 53, 1
    ),
    "asin 0.5 float64": lambda: odd_fit(mpmath.asin, mpf("0.5"), 14, 53, 1),
    "tanh 0.6 float64": lambda: odd_fit(mpmath.tanh, mpf("0.6"), 12, 53, 1),
    "asin 0.5 float32": lambda: odd_fit(mpmath.asin, mpf("0.5"), 6, 24, 1),
    "atanh 0.5 float32": lambda: odd_fit(mpmath.atanh, mpf("0.5"), 7, 24, 1),
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
