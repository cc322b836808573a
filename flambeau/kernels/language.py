"""The words of the kernel language: functions on symbols, each building one node or a few.

Maths functions stay symbolic (`call` nodes) until they are lowered; derive.py knows their
derivatives and maths.py their polynomials.
"""

from .expression import _binary, node, power


def _call(name, n_args=1):
    def build(*args):
        if len(args) != n_args:
            raise TypeError(f"{name} takes {n_args} argument(s), got {len(args)}")
        return node("call", *args, attr=name)

    build.__name__ = build.__qualname__ = name
    build.__doc__ = f"{name}({', '.join('xyz'[:n_args])}), element by element."
    return build


UNARY_CALLS = (
    "exp exp2 expm1 log log2 log10 log1p rsqrt sin cos tan asin acos atan sinh cosh tanh asinh acosh "
    "atanh erf erfc erfinv lgamma digamma trigamma i0 i0e i1 i1e ndtri log_ndtr ndtr_centered erfcx "
    "bessel_j0 bessel_j1 bessel_y0 bessel_y1 k0 k0e k1 k1e cbrt sigmoid"
).split()
BINARY_CALLS = "atan2 zeta polygamma nextafter hypot ldexp igamma igammac".split()

for _name in UNARY_CALLS:
    globals()[_name] = _call(_name)
for _name in BINARY_CALLS:
    globals()[_name] = _call(_name, 2)

pow = power


def sqrt(x):
    """The square root, correctly rounded."""
    return node("sqrt", x)


def abs(x):
    """The magnitude; for complex the modulus, which is real."""
    return node("abs", x)


def sign(x):
    """-1, 0 or 1; 0 for NaN, as in PyTorch."""
    return node("sign", x)


def sgn(x):
    """x / abs(x), and 0 at 0; for real numbers that is the sign."""
    return node("sgn", x)


def floor(x):
    """The largest integer not above x."""
    return node("floor", x)


def ceil(x):
    """The smallest integer not below x."""
    return node("ceil", x)


def trunc(x):
    """x without its fraction."""
    return node("trunc", x)


def round(x):
    """The nearest integer, ties to the even one."""
    return node("round", x)


def where(condition, a, b):
    """a where condition is true, else b; both are computed."""
    return node("where", condition, a, b)


def seldom(condition, slow, fast):
    """slow where condition is true, else fast; slow is skipped (by a branch) when no lane needs it."""
    return node("seldom", condition, slow, fast)


def scalb(x, n):
    """x * 2**n rounded once, for a floating n that holds an integer (or an infinity: 0 or inf)."""
    return node("scalb", x, n)


def logb(x):
    """The exponent of x, floor(log2(abs(x))), as a float; -inf at 0. Only for targets that have it."""
    return node("logb", x)


def significand(x):
    """x / 2**k in [3/4, 3/2), 1 for infinity, +-1 for 0, NaN for negative x. Only for targets that have it."""
    return node("significand", x)


def lookup(table, i, dtype):
    """table[i mod len(table)] for a tuple of Python floats, 2**k of them; up to 32 stay in registers."""
    return node("lookup", i, attr=(dtype, tuple(table)))


def minimum(a, b):
    """The smaller one; NaN if either is NaN."""
    return node("minimum", a, b)


def maximum(a, b):
    """The larger one; NaN if either is NaN."""
    return node("maximum", a, b)


def fmin(a, b):
    """The smaller one; a NaN loses against a number."""
    return node("fmin", a, b)


def fmax(a, b):
    """The larger one; a NaN loses against a number."""
    return node("fmax", a, b)


def floor_div(a, b):
    """The quotient rounded down; for integers 0 where b is 0."""
    return _binary("floor_div", a, b)


def trunc_div(a, b):
    """The quotient rounded towards zero; for integers 0 where b is 0."""
    return _binary("trunc_div", a, b)


def remainder(a, b):
    """a - b * floor(a / b): the sign of b, exact."""
    return _binary("remainder", a, b)


def fmod(a, b):
    """a - b * trunc(a / b): the sign of a, exact."""
    return _binary("fmod", a, b)


def fma(a, b, c):
    """a * b + c, rounded once."""
    return node("fma", a, b, c)


def copysign(a, b):
    """The magnitude of a with the sign of b."""
    return node("copysign", a, b)


def signbit(x):
    """True where the sign bit is set (-0.0 and negative NaNs included)."""
    return node("signbit", x)


def isnan(x):
    """True where x is NaN."""
    return node("ne", x, x)


def isinf(x):
    """True where x is an infinity."""
    return node("eq", node("abs", x), float("inf"))


def isfinite(x):
    """True where x is neither NaN nor an infinity."""
    return node("lt", node("abs", x), float("inf"))


def cast(x, dtype):
    """x converted to a dtype, given by its name."""
    return node("cast", x, attr=_dtype_name(dtype))


def bitcast(x, dtype):
    """The bits of x read as another dtype of the same size."""
    return node("bitcast", x, attr=_dtype_name(dtype))


def index():
    """The linear index of the element (int64)."""
    return node("index")


def logical_and(a, b):
    """True where both are nonzero."""
    return node("and", cast(a, "bool"), cast(b, "bool"))


def logical_or(a, b):
    """True where either is nonzero."""
    return node("or", cast(a, "bool"), cast(b, "bool"))


def logical_xor(a, b):
    """True where exactly one is nonzero."""
    return node("xor", cast(a, "bool"), cast(b, "bool"))


def logical_not(a):
    """True where a is zero."""
    return node("not", cast(a, "bool"))


def real(x):
    """The real part (x itself, if real)."""
    return node("real", x)


def imag(x):
    """The imaginary part (0, if real)."""
    return node("imag", x)


def conj(x):
    """The complex conjugate (x itself, if real)."""
    return node("conj", x)


def arg(x):
    """The angle of a complex number, in radians; of a real one 0 or pi."""
    return node("call", x, attr="arg")


def make_complex(re, im):
    """re + i im."""
    return node("make_complex", re, im)


def guard(grad, value):
    """value, but 0 where grad is 0; its derivative is that of value (derive.py says why)."""
    return node("guard", grad, value)


def clamp(x, low, high):
    """x limited to [low, high]; NaN stays NaN, and low > high gives high."""
    return node("clamp", x, low, high)


def _dtype_name(dtype):
    from .types import DTYPES

    name = str(dtype).removeprefix("torch.").removeprefix("flambeau.")
    if name not in DTYPES:
        raise TypeError(f"cast needs the name of a dtype, such as 'float32', not {dtype!r}")
    return name


def _is_public(name):
    return not name.startswith("_") and name not in ("node", "power")


__all__ = [_n for _n in list(globals()) if _is_public(_n)]
