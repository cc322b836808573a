"""Operations written in simpler operations of the language, by the kind of their dtype.

TABLE[name][kind](*arguments, dtype) with kind b, u, i or f, as types.DType.kind.
"""

from . import language as k
from .expression import input as symbol
from .expression import node


def _int_remainder(a, b, dtype):
    r = k.fmod(a, b)
    return k.where((r != 0) & ((r < 0) != (b < 0)), r + b, r)


def _int_fmod(a, b, dtype):
    return k.where(b == 0, 0, a - k.trunc_div(a, b) * b)


def _int_floor_div(a, b, dtype):
    q = k.trunc_div(a, b)
    r = a - q * b
    return k.where((b != 0) & (r != 0) & ((r < 0) != (b < 0)), q - 1, q)


def _uint_floor_div(a, b, dtype):
    return k.trunc_div(a, b)


def _float_remainder(a, b, dtype):
    r = k.fmod(a, b)
    return k.where((r != 0) & ((r < 0) != (b < 0)), r + b, r)


def _float_floor_div(a, b, dtype):
    # PyTorch's (and Python's) way: exact where a / b rounded and floored would be one too high.
    r = k.fmod(a, b)
    q = (a - r) / b
    q = k.where((r != 0) & ((r < 0) != (b < 0)), q - 1, q)
    whole = k.floor(q)
    whole = k.where(q - whole > 0.5, whole + 1, whole)
    result = k.where(q != 0, whole, k.copysign(0.0, a / b))
    return k.where(b == 0, a / b, result)


def _float_trunc_div(a, b, dtype):
    return k.trunc(a / b)


def _sign(x, dtype):
    one = node("cast", 1, attr=dtype)
    return k.where(x > 0, one, k.where(x < 0, -one, node("cast", 0, attr=dtype)))


def _unsigned_sign(x, dtype):
    return k.where(x != 0, node("cast", 1, attr=dtype), node("cast", 0, attr=dtype))


def _clamp(x, low, high, dtype):
    return k.minimum(k.maximum(x, low), high)


def _nextafter(x, y, dtype):
    word = {"float32": "int32", "float64": "int64"}[dtype]
    bits = k.bitcast(x, word)
    up = k.where((y > x) == (x > 0), bits + 1, bits - 1)
    smallest = k.bitcast(k.cast(1, word), dtype)
    moved = k.where(x == 0, k.copysign(smallest, y), k.bitcast(up, dtype))
    return k.where(k.isnan(x) | k.isnan(y), x + y, k.where(x == y, y, moved))


def _arg(x, dtype):
    pi = k.cast(3.141592653589793, dtype)
    return k.where(k.isnan(x), x, k.where(x < 0, pi, k.cast(0.0, dtype)))


def _rsqrt(x, dtype):
    return 1.0 / k.sqrt(x)


def _sigmoid(x, dtype):
    return 1 / (1 + k.exp(-x))


def _hypot(x, y, dtype):
    # Scaled by a power of two, so that neither square overflows or vanishes.
    big, small = node("fmax", abs(x), abs(y)), node("fmin", abs(x), abs(y))
    high, low = (2.0**100, 2.0**-100) if dtype == "float32" else (2.0**700, 2.0**-700)
    near_top, near_bottom = (2.0**60, 2.0**-60) if dtype == "float32" else (2.0**500, 2.0**-500)
    # If `big` is not tiny, a square of `small` that vanishes does not count beside its own.
    factor = k.where(big > near_top, low, k.where(big < near_bottom, high, 1.0))
    a, b = big * k.cast(factor, dtype), small * k.cast(factor, dtype)
    root = k.sqrt(a * a + b * b) * (1.0 / k.cast(factor, dtype))
    infinite = big == float("inf")
    return k.where(infinite, big, k.where(k.isnan(x) | k.isnan(y), x + y, root))


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
    "sigmoid": {"f": _sigmoid},
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
