"""The slow engine: kernels computed by NumPy, node by node, as the language defines them.

It shares with the fast one only the graph and the rules of dtypes; what LLVM makes must agree
with it (maths functions within their rounding). Arrays of bfloat16, float8 and complex32, which NumPy
lacks, are given and returned as the uint16, uint8 and uint32 of their bits.
"""

import functools

from ..expression import topological
from ..narrow import FLOAT8_FORMATS
from ..types import DTYPES, FLOAT8, NARROW, compute_dtype, signature, weak_dtype


def interpret_map(map_, inputs, in_dtypes, as_dtypes, out_dtypes, index0=0):
    """The outputs of a map over arrays that broadcast against each other."""
    import numpy as np

    inputs = np.broadcast_arrays(*inputs) if inputs else []
    shape = inputs[0].shape if inputs else ()
    with np.errstate(all="ignore"):
        values = [convert(read(x, d), d, a) for x, d, a in zip(inputs, in_dtypes, as_dtypes)]
        index = index0 + np.arange(int(np.prod(shape))).reshape(shape)
        roots = evaluate(map_.expressions, values, [compute_dtype(a) for a in as_dtypes], index)
        return [
            write(np.broadcast_to(x, shape), dtype, out)
            for (x, dtype), out in zip(roots, out_dtypes)
        ]


def numpy_dtype(name):
    """The NumPy dtype in which values of a kernel dtype are held."""
    import numpy as np

    return np.dtype("bool" if name == "bool" else compute_dtype(name))


def read(array, dtype):
    """Memory to values."""
    import numpy as np

    if dtype == "bfloat16":
        return (array.astype(np.uint32) << np.uint32(16)).view(np.float32)
    if dtype in FLOAT8:
        return float8_values(dtype)[array]
    if dtype == "complex32":
        pairs = np.ascontiguousarray(array)[..., None].view(np.float16)
        return pairs.astype(np.float32).view(np.complex64)[..., 0]
    return array.astype(numpy_dtype(dtype))


def write(values, dtype, out):
    """Values to memory."""
    import numpy as np

    if out == "bfloat16":
        return bfloat16_bits(convert(values, dtype, "float32"))
    if out == "float16":
        return convert(values, dtype, "float32").astype(np.float16)
    if out in FLOAT8:
        return float8_codes(convert(values, dtype, "float32"), out)
    if out == "complex32":
        pairs = convert(values, dtype, "complex64")[..., None].view(np.float32)
        return pairs.astype(np.float16).view(np.uint32)[..., 0]
    return convert(values, dtype, out).copy()


def bfloat16_bits(x):
    """float32 rounded to bfloat16, as bits."""
    import numpy as np

    word = np.ascontiguousarray(x, np.float32).view(np.uint32).astype(np.uint64)
    rounded = (word + 0x7FFF + ((word >> np.uint64(16)) & np.uint64(1))) >> np.uint64(16)
    return np.where(np.isnan(x), 0x7FC0, rounded).astype(np.uint16)


@functools.cache
def float8_values(dtype):
    """The number that each of the 256 codes stands for."""
    import numpy as np

    codes = np.arange(256)
    if dtype == "float8_e8m0fnu":
        return np.where(codes == 255, np.nan, 2.0 ** (codes - 127.0)).astype(np.float32)
    f = FLOAT8_FORMATS[dtype]
    exponent, mantissa = (codes & 0x7F) >> f.mantissa, codes & ((1 << f.mantissa) - 1)
    significand = np.where(exponent > 0, 1, 0) + mantissa / (1 << f.mantissa)
    size = significand * 2.0 ** (np.maximum(exponent, 1) - f.bias)
    if f.unsigned_zero:
        size[f.nan] = np.nan
    else:
        size[codes & 0x7F > f.largest] = np.nan
        if dtype == "float8_e5m2":
            size[[f.overflow, f.overflow | 0x80]] = np.inf
    return np.where(codes & 0x80, -size, size).astype(np.float32)


def float8_codes(x, dtype):
    """float32 rounded to a float8 format, as codes: the nearest number is looked up."""
    import numpy as np

    x = np.asarray(x, np.float32)
    with np.errstate(invalid="ignore"):  # of signalling NaNs
        size = np.abs(x).astype(np.float64)
    if dtype == "float8_e8m0fnu":
        # Halfway between two exponents, 1.5 * 2**n, goes up; so does all above the smallest number.
        numbers, beyond, nan = float8_values(dtype)[:255].astype(np.float64), 0xFF, 0xFF
    else:
        f = FLOAT8_FORMATS[dtype]
        numbers = float8_values(dtype)[: f.largest + 1].astype(np.float64)
        beyond, nan = f.overflow, f.nan
    last = len(numbers) - 1
    step = numbers[last] - numbers[last - 1] if nan != 0xFF else numbers[last]
    edges = np.append((numbers[:-1] + numbers[1:]) / 2, numbers[last] + step / 2)
    if dtype == "float8_e8m0fnu":
        edges[0] = numbers[0]
    code = np.searchsorted(edges, size, side="left")  # halfway gives the lower neighbour ...
    odd = code & 1 == 1 if dtype != "float8_e8m0fnu" else code > 0
    code = code + (np.isin(size, edges) & odd)  # ... unless that one is odd
    code = np.where(code > last, beyond, code)
    code = np.where(np.isnan(x), nan, code)
    if dtype == "float8_e8m0fnu":
        return np.where(np.isinf(x), 0xFF, code).astype(np.uint8)
    signed = np.signbit(x) & ~(FLOAT8_FORMATS[dtype].unsigned_zero & (code == 0))
    return np.where(signed, code | 0x80, code).astype(np.uint8)


def convert(x, source, target):
    """Values of one dtype as another, out of range as x86 converts."""
    import numpy as np

    x = np.asarray(x)
    a, b = DTYPES[source], DTYPES[target]
    if target in NARROW or target == "complex32":
        return read(write(x, source, target), target)
    if b.kind == "b":
        return x != 0
    if a.kind == "c" and b.kind != "c":
        x = x.real
    if b.kind in "ui" and x.dtype.kind == "f":
        limit = 2.0**31 if b.bits < 32 or target == "int32" else 2.0**63
        if target == "uint64":
            high = x >= 2.0**63
            top = np.where(high, x - 2.0**63, 0.0).astype(np.int64).astype(np.uint64) + np.uint64(
                2**63
            )
            return np.where(
                high, top, convert(np.where(high, 0, x), "float64", "int64").astype(np.uint64)
            )
        inside = np.abs(x) < limit
        whole = np.where(inside, x, 0).astype(np.int64)
        return np.where(inside, whole, np.int64(-int(limit))).astype(b.name)
    return x.astype(numpy_dtype(target))


def evaluate(roots, inputs, dtypes, index):
    """[(values, dtype)] of the roots, given the values and dtypes of the inputs."""
    import numpy as np

    done = {}
    for n in topological(roots):
        if n.op == "const":
            done[id(n)] = n.attr, weak_dtype(n.attr), True
        elif n.op == "input":
            done[id(n)] = inputs[n.attr], dtypes[n.attr], False
        elif n.op == "index":
            done[id(n)] = index, "int64", False
        else:
            done[id(n)] = _apply(n, [done[id(a)] for a in n.args])
    return [(np.asarray(done[id(r)][0]), done[id(r)][1]) for r in roots]


def _apply(n, arguments):
    import numpy as np

    wanted, result, weak = signature(n, [(dtype, w) for _, dtype, w in arguments])
    if n.op == "cast":
        value, dtype, _ = arguments[0]
        return convert(_constant(value, dtype), dtype, n.attr), result, weak
    operands = [convert(_constant(v, w), d, w) for (v, d, _), w in zip(arguments, wanted)]
    kind = DTYPES[wanted[-1]].kind
    name = n.attr if n.op == "call" else n.op
    if n.op == "bitcast":
        value = np.ascontiguousarray(operands[0]).view(n.attr)
    elif n.op == "lookup":
        table = np.array(n.attr[1], n.attr[0])
        value = table[operands[0].astype(np.int64) % len(table)]
    else:
        value = _operation(name, kind)(*operands)
    return np.asarray(value).astype(numpy_dtype(result)), result, weak


def _constant(value, dtype):
    """A Python integer wrapped into the range of an integer dtype."""
    import numpy as np

    if type(value) is int:
        value &= (1 << 64) - 1
        return np.array(value - (1 << 64) if value >> 63 else value, np.int64)
    return np.asarray(value)


def _operation(name, kind):
    import numpy as np

    table = _integer_operations() if kind in "bui" else {}
    found = table.get(name) or _operations().get(name)
    if found is not None:
        return found
    if hasattr(np, _NUMPY.get(name, name)):
        return getattr(np, _NUMPY.get(name, name))
    import scipy.special

    return getattr(scipy.special, _SCIPY.get(name, name))


_NUMPY = {
    "div": "true_divide",
    "sub": "subtract",
    "mul": "multiply",
    "neg": "negative",
    "round": "rint",
    "eq": "equal",
    "ne": "not_equal",
    "lt": "less",
    "le": "less_equal",
    "gt": "greater",
    "ge": "greater_equal",
    "and": "bitwise_and",
    "or": "bitwise_or",
    "xor": "bitwise_xor",
    "not": "bitwise_not",
    "floor_div": "floor_divide",
    "asin": "arcsin",
    "acos": "arccos",
    "atan": "arctan",
    "atan2": "arctan2",
    "asinh": "arcsinh",
    "acosh": "arccosh",
    "atanh": "arctanh",
    "pow": "power",
    "arg": "angle",
    "sgn": "sign",
    "abs": "absolute",
}
_SCIPY = {
    "lgamma": "gammaln",
    "digamma": "psi",
    "bessel_j0": "j0",
    "bessel_j1": "j1",
    "bessel_y0": "y0",
    "bessel_y1": "y1",
    "igamma": "gammainc",
    "igammac": "gammaincc",
}


def _fma(a, b, c):
    # Exact in the next wider format, up to its own rounding.
    import numpy as np

    wide = np.longdouble if a.dtype == np.float64 else np.float64
    return (a.astype(wide) * b.astype(wide) + c.astype(wide)) if a.dtype.kind == "f" else a * b + c


def _scalb(x, n):
    import numpy as np

    return np.ldexp(x, np.clip(np.nan_to_num(n), -5000, 5000).astype(np.int32))


def _pair(re, im):
    import numpy as np

    pair = np.stack(np.broadcast_arrays(re, im), axis=-1)
    return np.ascontiguousarray(pair).view(np.result_type(pair.dtype, np.complex64))[..., 0]


@functools.cache
def _operations():
    import numpy as np

    return {
        "where": np.where,
        "seldom": np.where,
        "fma": _fma,
        "scalb": _scalb,
        "make_complex": _pair,
        "guard": lambda g, v: np.where(g == 0, 0, v),
        "clamp": lambda x, low, high: np.minimum(np.maximum(x, low), high),
        "trunc_div": lambda a, b: np.trunc(a / b),
        "rsqrt": lambda x: 1 / np.sqrt(x),
        "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
        "sign": lambda x: np.where(x != x, 0, np.sign(x)),
        "sgn": lambda x: np.where(x != x, 0 if x.dtype.kind == "f" else x, np.sign(x)),
        "ldexp": lambda x, n: x * np.exp2(n),
    }


@functools.cache
def _integer_operations():
    import numpy as np

    def divide(function):
        def of(a, b):
            zero = b == 0
            return np.where(zero, 0, function(a, np.where(zero, 1, b).astype(b.dtype)))

        return of

    def toward_zero(a, b):
        q = np.floor_divide(a, b)
        return q + ((q < 0) & (q * b != a))

    def shift(left):
        def of(a, b):
            bits = a.dtype.itemsize * 8
            inside = (b >= 0) & (b < bits)
            amount = np.where(inside, b, 0 if left else bits - 1).astype(a.dtype)
            shifted = np.left_shift(a, amount) if left else np.right_shift(a, amount)
            return np.where(inside, shifted, 0 if left or a.dtype.kind == "u" else shifted)

        return of

    def power(a, b):
        if a.dtype == bool:
            return a | ~b
        result, base, e = np.ones_like(a), a.copy(), np.where(b < 0, 0, b)
        while (e != 0).any():
            result = np.where(e & 1 != 0, result * base, result)
            base, e = base * base, e >> 1
        odd = np.where(b & 1 != 0, -1, 1)
        inverse = np.where(a == 1, 1, np.where(a.astype(np.int64) == -1, odd, 0))
        return np.where(b < 0, inverse, result)

    same = {name: (lambda x: x) for name in ("floor", "ceil", "trunc", "round", "conj", "real")}
    return same | {
        "floor_div": divide(np.floor_divide),
        "remainder": divide(np.remainder),
        "fmod": divide(np.fmod),
        "trunc_div": divide(toward_zero),
        "pow": power,
        "shl": shift(True),
        "shr": shift(False),
        "fmin": np.minimum,
        "fmax": np.maximum,
        "add": np.add,
        "mul": np.multiply,
        "sign": lambda x: np.sign(x) if x.dtype != bool else x,
        "sgn": lambda x: np.sign(x) if x.dtype != bool else x,
        "signbit": lambda x: x < 0,
        "imag": np.zeros_like,
    }
