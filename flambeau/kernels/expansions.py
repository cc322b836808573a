"""Operations written in simpler operations of the language, by the kind of their dtype.

TABLE[name][kind](*arguments, dtype) with kind b, u, i or f, as types.DType.kind.
"""

from .expression import input as symbol
from .expression import node
from .language import (
    bitcast, cast, copysign, floor, fmod, isnan, maximum, minimum, sqrt, trunc, trunc_div, where,
)


def _int_remainder(a, b, dtype):
    r = fmod(a, b)
    return where((r != 0) & ((r < 0) != (b < 0)), r + b, r)


def _int_fmod(a, b, dtype):
    return where(b == 0, 0, a - trunc_div(a, b) * b)


def _int_floor_div(a, b, dtype):
    q = trunc_div(a, b)
    r = a - q * b
    return where((b != 0) & (r != 0) & ((r < 0) != (b < 0)), q - 1, q)


def _uint_floor_div(a, b, dtype):
    return trunc_div(a, b)


def _float_remainder(a, b, dtype):
    r = fmod(a, b)
    return where((r != 0) & ((r < 0) != (b < 0)), r + b, r)


def _float_floor_div(a, b, dtype):
    # PyTorch's (and Python's) way: exact where a / b rounded and floored would be one too high.
    r = fmod(a, b)
    q = (a - r) / b
    q = where((r != 0) & ((r < 0) != (b < 0)), q - 1, q)
    whole = floor(q)
    whole = where(q - whole > 0.5, whole + 1, whole)
    result = where(q != 0, whole, copysign(0.0, a / b))
    return where(b == 0, a / b, result)


def _float_trunc_div(a, b, dtype):
    return trunc(a / b)


def _sign(x, dtype):
    one = node("cast", 1, attr=dtype)
    return where(x > 0, one, where(x < 0, -one, node("cast", 0, attr=dtype)))


def _unsigned_sign(x, dtype):
    return where(x != 0, node("cast", 1, attr=dtype), node("cast", 0, attr=dtype))


def _clamp(x, low, high, dtype):
    return minimum(maximum(x, low), high)


def _nextafter(x, y, dtype):
    word = {"float32": "int32", "float64": "int64"}[dtype]
    bits = bitcast(x, word)
    up = where((y > x) == (x > 0), bits + 1, bits - 1)
    smallest = bitcast(cast(1, word), dtype)
    moved = where(x == 0, copysign(smallest, y), bitcast(up, dtype))
    return where(isnan(x) | isnan(y), x + y, where(x == y, y, moved))


def _arg(x, dtype):
    pi = cast(3.141592653589793, dtype)
    return where(isnan(x), x, where(x < 0, pi, cast(0.0, dtype)))


def _rsqrt(x, dtype):
    return 1.0 / sqrt(x)


def _hypot(x, y, dtype):
    # Scaled by a power of two, so that neither square overflows or vanishes.
    big, small = node("fmax", abs(x), abs(y)), node("fmin", abs(x), abs(y))
    high, low = (2.0**100, 2.0**-100) if dtype == "float32" else (2.0**700, 2.0**-700)
    near_top, near_bottom = (2.0**60, 2.0**-60) if dtype == "float32" else (2.0**500, 2.0**-500)
    # If `big` is not tiny, a square of `small` that vanishes does not count beside its own.
    factor = where(big > near_top, low, where(big < near_bottom, high, 1.0))
    a, b = big * cast(factor, dtype), small * cast(factor, dtype)
    root = sqrt(a * a + b * b) * (1.0 / cast(factor, dtype))
    infinite = big == float("inf")
    return where(infinite, big, where(isnan(x) | isnan(y), x + y, root))


def _ldexp(x, n, dtype):
    return x * node("call", n, attr="exp2")


TABLE = {
    "remainder": {"u": _int_fmod, "i": _int_remainder, "f": _float_remainder},
    "fmod": {"u": _int_fmod, "i": _int_fmod},
    "floor_div": {"u": _uint_floor_div, "i": _int_floor_div, "f": _float_floor_div},
    "trunc_div": {"f": _float_trunc_div},
    "clamp": dict.fromkeys("buif", _clamp),
    "sgn": {"b": lambda x, dtype: x, "u": _unsigned_sign, "i": _sign, "f": _sign},
    "sign": {"b": lambda x, dtype: x, "u": _unsigned_sign, "i": _sign, "f": _sign},
    "nextafter": {"f": _nextafter},
    "arg": {"f": _arg},
    "rsqrt": {"f": _rsqrt},
    "hypot": {"f": _hypot},
    "ldexp": {"f": _ldexp},
}

_expanded = {}


def expand(name, kind, dtype, n_args):
    """The expansion as an expression of input(0), input(1) ..."""
    key = name, kind, dtype, n_args
    if key not in _expanded:
        _expanded[key] = TABLE[name][kind](*[symbol(i) for i in range(n_args)], dtype)
    return _expanded[key]
