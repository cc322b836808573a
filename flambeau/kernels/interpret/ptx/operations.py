"""What instructions compute, over arrays; where NumPy has no function of the same meaning."""

import ctypes
import functools

import numpy as np

U16, U32, U64 = np.uint16, np.uint32, np.uint64


@functools.cache
def _compiled_fma():
    """Functions (n, a, b, c, out) for float32 and float64 with one rounding, or None without such hardware."""
    from ...targets import cpu, elf

    target = cpu.host()
    if not target.fma:
        return None
    made = {}
    for type in ("float", "double"):
        suffix = "f32" if type == "float" else "f64"
        ir = f"""target triple = "{target.triple}"
declare {type} @llvm.fma.{suffix}({type}, {type}, {type})
define void @kernel(i64 %n, ptr %a, ptr %b, ptr %c, ptr %out) {{
start:
  br label %head
head:
  %i = phi i64 [ 0, %start ], [ %next, %body ]
  %more = icmp slt i64 %i, %n
  br i1 %more, label %body, label %done
body:
  %pa = getelementptr {type}, ptr %a, i64 %i
  %pb = getelementptr {type}, ptr %b, i64 %i
  %pc = getelementptr {type}, ptr %c, i64 %i
  %po = getelementptr {type}, ptr %out, i64 %i
  %x = load {type}, ptr %pa
  %y = load {type}, ptr %pb
  %z = load {type}, ptr %pc
  %r = call {type} @llvm.fma.{suffix}({type} %x, {type} %y, {type} %z)
  store {type} %r, ptr %po
  %next = add i64 %i, 1
  br label %head
done:
  ret void
}}
"""
        address = elf.load(cpu.compile_ir(ir, target))
        prototype = ctypes.CFUNCTYPE(None, ctypes.c_int64, *[ctypes.c_void_p] * 4)
        made[type] = prototype(address)
    return made


def _fma(a, b, c, dtype, name):
    a, b, c = np.broadcast_arrays(a, b, c)
    functions = _compiled_fma()
    if functions is None:
        wide = np.longdouble
        return (a.astype(wide) * b.astype(wide) + c.astype(wide)).astype(dtype)
    a, b, c = (np.ascontiguousarray(v, dtype) for v in (a, b, c))
    out = np.empty(a.shape, dtype)
    functions[name](a.size, a.ctypes.data, b.ctypes.data, c.ctypes.data, out.ctypes.data)
    return out


def fma32(a, b, c):
    return _fma(a, b, c, np.float32, "float")


def fma64(a, b, c):
    return _fma(a, b, c, np.float64, "double")


def fma16(a, b, c):
    wide = [np.asarray(v, np.float64) for v in (a, b, c)]
    return (wide[0] * wide[1] + wide[2]).astype(np.float16)


def shl(a, n):
    bits = a.dtype.itemsize * 8
    n = np.asarray(n)
    return np.where(n >= bits, a.dtype.type(0), a << np.minimum(n, bits - 1).astype(a.dtype))


def shr(a, n):
    bits = a.dtype.itemsize * 8
    n = np.minimum(np.asarray(n), bits).astype(np.int64)
    if a.dtype.kind == "i":
        return a >> np.minimum(n, bits - 1).astype(a.dtype)
    return np.where(n >= bits, a.dtype.type(0), a >> np.minimum(n, bits - 1).astype(a.dtype))


def _unsigned(dtype):
    return np.dtype(f"u{dtype.itemsize}")


def divide(a, b):
    """Integers, towards zero; all ones where b is 0, as GPUs give."""
    if a.dtype.kind == "u":
        zero = b == 0
        return np.where(zero, ~a.dtype.type(0), a // np.where(zero, a.dtype.type(1), b))
    kind = _unsigned(a.dtype)
    zero = b == 0
    q = np.abs(a).view(kind) // np.where(zero, 1, np.abs(b).view(kind)).astype(kind)
    signed = np.where((a < 0) != (b < 0), np.negative(q.view(a.dtype)), q.view(a.dtype))
    return np.where(zero, a.dtype.type(-1), signed)


def remainder(a, b):
    if a.dtype.kind == "u":
        zero = b == 0
        return np.where(zero, a, a % np.where(zero, a.dtype.type(1), b))
    return a - divide(a, b) * b


def wide(dtype):
    return np.dtype(f"{dtype.kind}{dtype.itemsize * 2}")


def multiply_wide(a, b):
    return a.astype(wide(a.dtype)) * b.astype(wide(b.dtype))


def multiply_high(a, b):
    if a.dtype.itemsize < 8:
        product = multiply_wide(a, b)
        return (product >> (a.dtype.itemsize * 8)).astype(a.dtype)
    if a.dtype.kind == "i":
        high = multiply_high(a.view(U64), b.view(U64)).view(np.int64)
        return high - np.where(a < 0, b, 0) - np.where(b < 0, a, 0)
    low = U64(0xFFFFFFFF)
    a0, a1, b0, b1 = a & low, a >> U64(32), b & low, b >> U64(32)
    middle = a1 * b0 + (a0 * b0 >> U64(32))
    other = a0 * b1 + (middle & low)
    return a1 * b1 + (middle >> U64(32)) + (other >> U64(32))


def popc(a):
    return np.bitwise_count(a).astype(U32) if hasattr(np, "bitwise_count") else _popc(a)


def _popc(a):
    bits = np.unpackbits(a[..., None].view(np.uint8), axis=-1)
    return bits.sum(-1).astype(U32)


def clz(a):
    bits = a.dtype.itemsize * 8
    count = np.full(a.shape, bits, U32)
    for k in range(bits):
        count = np.where(a >> a.dtype.type(k) != 0, U32(bits - 1 - k), count)
    return count


def brev(a):
    bits = a.dtype.itemsize * 8
    out = np.zeros_like(a)
    for k in range(bits):
        out |= ((a >> a.dtype.type(k)) & a.dtype.type(1)) << a.dtype.type(bits - 1 - k)
    return out


def bfe(a, start, length):
    bits = a.dtype.itemsize * 8
    start, length = np.asarray(start).astype(np.int64), np.asarray(length).astype(np.int64)
    shifted = shr(a, start)
    mask = np.where(
        length >= bits, ~U64(0), (U64(1) << np.minimum(length, 63).astype(U64)) - U64(1)
    )
    field = shifted.view(_unsigned(a.dtype)) & mask.astype(_unsigned(a.dtype))
    if a.dtype.kind == "i":
        top = np.where(length > 0, shr(field, np.maximum(length - 1, 0)) & 1, 0).astype(bool)
        field = np.where(top, field | ~mask.astype(field.dtype), field)
    return field.view(a.dtype)


def bfi(a, b, start, length):
    kind = a.dtype.type
    mask = (U64(1) << np.asarray(length).astype(U64)) - U64(1)
    mask = (mask << np.asarray(start).astype(U64)).astype(a.dtype)
    return (b & ~mask) | (shl(a, start) & mask if kind else 0)


def prmt(a, b, selector):
    selector = np.broadcast_to(np.asarray(selector, U32), a.shape)
    eight = np.stack(
        [(w >> U32(8 * k)) & U32(0xFF) for w in (a, b + np.zeros_like(a)) for k in range(4)]
    )
    out = np.zeros_like(a)
    for k in range(4):
        nibble = (selector >> U32(4 * k)) & U32(0xF)
        byte = np.take_along_axis(eight, (nibble & U32(7)).astype(np.int64)[None], 0)[0]
        sign = np.where(byte >> U32(7), U32(0xFF), U32(0))
        out |= np.where(nibble & U32(8), sign, byte) << U32(8 * k)
    return out


def _distance(n, wrap):
    n = np.asarray(n).astype(U64)
    return n & U64(31) if wrap else np.minimum(n, U64(32))


def funnel_left(a, b, n, wrap=True):
    both = (b.astype(U64) << U64(32)) | a.astype(U64)
    return (shl(both, _distance(n, wrap)) >> U64(32)).astype(U32)


def funnel_right(a, b, n, wrap=True):
    both = (b.astype(U64) << U64(32)) | a.astype(U64)
    return (both >> _distance(n, wrap)).astype(U32)


def lop3(a, b, c, table):
    out = np.zeros_like(a)
    for k in range(8):
        if table >> k & 1:
            out |= (a if k & 4 else ~a) & (b if k & 2 else ~b) & (c if k & 1 else ~c)
    return out


def convert(a, dtype, rounding="", saturate=False):
    """cvt: integers wrap, floats to integers saturate and NaN gives 0."""
    source = a.dtype
    if source.kind == "f" and dtype.kind == "f":
        if rounding.endswith("i"):
            a = {"rni": np.rint, "rzi": np.trunc, "rmi": np.floor, "rpi": np.ceil}[rounding](a)
        out = a.astype(dtype)
        if rounding == "rz" and dtype.itemsize < source.itemsize:
            over = np.abs(out.astype(source)) > np.abs(a)
            out = np.where(over, np.nextafter(out, dtype.type(0)), out)
        return np.clip(np.nan_to_num(out, nan=0.0), 0, 1).astype(dtype) if saturate else out
    if source.kind == "f":
        rounded = {"rni": np.rint, "rmi": np.floor, "rpi": np.ceil}.get(rounding, np.trunc)(
            a.astype(np.float64)
        )
        info = np.iinfo(dtype)
        # 2**63 and 2**64 are float64; the largest integers below are not.
        top = rounded >= float(info.max)
        low = rounded <= float(info.min)
        safe = np.where(top | low | np.isnan(rounded), 0.0, rounded)
        out = safe.astype(dtype)
        out = np.where(top, dtype.type(info.max), np.where(low, dtype.type(info.min), out))
        return out.astype(dtype)
    if dtype.kind == "f":
        if dtype == np.float32 and source.itemsize == 8:
            return a.astype(np.float32)
        return a.astype(dtype)
    if saturate:
        info = np.iinfo(dtype)
        return np.clip(a.astype(object), info.min, info.max).astype(dtype)
    return a.astype(dtype)


def float_min(a, b):
    return np.fmin(a, b)


def float_max(a, b):
    return np.fmax(a, b)


def copysign(a, b):
    """PTX's order: the sign of a, the magnitude of b."""
    return np.copysign(b, a)


def flushed(a):
    tiny = np.finfo(a.dtype).tiny
    return np.where(np.abs(a) < tiny, np.copysign(a.dtype.type(0), a), a)


def float16_bits(x):
    return np.asarray(x, np.float32).astype(np.float16).view(np.uint16)


def bfloat16_bits(a):
    """float32 rounded to the nearest bfloat16, as its 16 bits."""
    bits = np.ascontiguousarray(a, np.float32).view(U32)
    rounded = (bits + U32(0x7FFF) + ((bits >> U32(16)) & U32(1))) >> U32(16)
    return np.where(np.isnan(a), U32(0x7FFF), rounded).astype(U16)
