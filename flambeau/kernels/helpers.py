"""Internal functions with a loop, for the few operations that no straight-line code does exactly."""

import hashlib

from .emit import INTS, literal
from .types import DTYPES


def _types(block, register):
    vector = block.type(register)
    mask = block.type("i1")
    bits = f"i{block.width}"
    any_lane = (
        f"  %any.bits = bitcast {mask} %more to {bits}\n  %any = icmp ne {bits} %any.bits, 0\n"
        if block.width > 1
        else "  %any = or i1 %more, false\n"
    )
    return vector, mask, any_lane


def float_remainder(block, register, a, b):
    """a - b * trunc(a / b), exact (C's fmod), for all lanes at once."""
    name = f"fmod.{block.suffix(register)}"
    if name not in block.module.helpers:
        block.module.helpers[name] = _fmod_text(block, name, register)
    vector = block.type(register)
    return block.emit(f"call {vector} @{name}({vector} {a}, {vector} {b})")


def _fmod_text(block, name, register):
    # Each turn takes a multiple q * y off r. The rounded quotient q is at most half a unit in its
    # last place off, so r - q * y is a multiple of y's and q's last places small enough to be exact
    # in one fma; if it is negative, the next smaller q is taken. That removes all bits of the
    # quotient that the format holds, 24 (53) per turn. Where the quotient would overflow, y * 2**100 (2**1000) takes
    # the place of y, or twice that.
    vector, mask, any_lane = _types(block, register)
    suffix = block.suffix(register)
    is_float = register == "float"
    whole = 2.0**23 if is_float else 2.0**52  # from here on every number is whole
    word = "i32" if is_float else "i64"
    words, one = block.type(word), block.imm(1, word)
    top = 2.0**100 if is_float else 2.0**1000
    for intrinsic, n in (("fabs", 1), ("trunc", 1), ("fma", 3), ("copysign", 2)):
        block.module.declare(f"llvm.{intrinsic}.{suffix}", vector, [vector] * n)

    def imm(value):
        return block.imm(value, register)

    # A divisor of 0 or NaN, or a dividend of infinity or NaN, gives NaN at the end and no turn.
    return f"""define internal {vector} @{name}({vector} %a, {vector} %b) #0 {{
entry:
  %x = call {vector} @llvm.fabs.{suffix}({vector} %a)
  %y = call {vector} @llvm.fabs.{suffix}({vector} %b)
  %finite = fcmp olt {vector} %x, {imm(float("inf"))}
  %nonzero = fcmp ogt {vector} %y, {imm(0.0)}
  %valid = and {mask} %finite, %nonzero
  br label %test
test:
  %r = phi {vector} [ %x, %entry ], [ %r.next, %turn ]
  %left = fcmp oge {vector} %r, %y
  %more = and {mask} %left, %valid
{any_lane}  br i1 %any, label %turn, label %done
turn:
  %q.raw = fdiv {vector} %r, %y
  %huge = fcmp ogt {vector} %q.raw, {imm(top)}
  %y.big = fmul {vector} %y, {imm(top)}
  %y.1 = select {mask} %huge, {vector} %y.big, {vector} %y
  %q.raw.1 = fdiv {vector} %r, %y.1
  %huge.1 = fcmp ogt {vector} %q.raw.1, {imm(top)}
  %y.big.1 = fmul {vector} %y.1, {imm(top)}
  %y.used = select {mask} %huge.1, {vector} %y.big.1, {vector} %y.1
  %q = fdiv {vector} %r, %y.used
  %q.use = call {vector} @llvm.trunc.{suffix}({vector} %q)
  %q.neg = fneg {vector} %q.use
  %r.first = call {vector} @llvm.fma.{suffix}({vector} %q.neg, {vector} %y.used, {vector} %r)
  %over = fcmp olt {vector} %r.first, {imm(0.0)}
  %q.minus = fsub {vector} %q.use, {imm(1.0)}
  %q.bits = bitcast {vector} %q.use to {words}
  %q.before = sub {words} %q.bits, {one}
  %q.prev = bitcast {words} %q.before to {vector}
  %q.is.small = fcmp ole {vector} %q.use, {imm(whole)}
  %q.less = select {mask} %q.is.small, {vector} %q.minus, {vector} %q.prev
  %q.less.neg = fneg {vector} %q.less
  %r.second = call {vector} @llvm.fma.{suffix}({vector} %q.less.neg, {vector} %y.used, {vector} %r)
  %r.less = select {mask} %over, {vector} %r.second, {vector} %r.first
  %r.next = select {mask} %more, {vector} %r.less, {vector} %r
  br label %test
done:
  %signed = call {vector} @llvm.copysign.{suffix}({vector} %r, {vector} %a)
  %product = fmul {vector} %a, %b
  %nan.sum = fadd {vector} %product, {imm(float("nan"))}
  %b.nan = fcmp uno {vector} %b, %b
  %good = fcmp ord {vector} %b, %b
  %keep = and {mask} %valid, %good
  %result = select {mask} %keep, {vector} %signed, {vector} %nan.sum
  ret {vector} %result
}}
"""


def integer_power(block, d, a, b):
    """a ** b by squaring, wrapping around; for b < 0 what truncation of the real power gives."""
    if d.kind == "b":  # 0 only as 0 ** 1
        none = block.op("xor", d.register, b, block.imm(1, d.register))
        return block.op("or", d.register, a, none)
    name = f"ipow.{block.suffix(d.register)}.{d.kind}"
    if name not in block.module.helpers:
        block.module.helpers[name] = _ipow_text(block, name, d)
    vector = block.type(d.register)
    return block.emit(f"call {vector} @{name}({vector} {a}, {vector} {b})")


def _ipow_text(block, name, d):
    register = d.register
    vector, mask, any_lane = _types(block, register)

    def imm(value):
        return block.imm(value, register)

    negative = "slt" if d.kind == "i" else "ult"  # nothing unsigned is below 0
    return f"""define internal {vector} @{name}({vector} %a, {vector} %b) #0 {{
entry:
  %negative = icmp {negative} {vector} %b, {imm(0)}
  %start = select {mask} %negative, {vector} {imm(0)}, {vector} %b
  br label %test
test:
  %e = phi {vector} [ %start, %entry ], [ %e.next, %turn ]
  %base = phi {vector} [ %a, %entry ], [ %base.next, %turn ]
  %r = phi {vector} [ {imm(1)}, %entry ], [ %r.next, %turn ]
  %more = icmp ne {vector} %e, {imm(0)}
{any_lane}  br i1 %any, label %turn, label %done
turn:
  %bit = and {vector} %e, {imm(1)}
  %odd = icmp ne {vector} %bit, {imm(0)}
  %factor = select {mask} %odd, {vector} %base, {vector} {imm(1)}
  %r.next = mul {vector} %r, %factor
  %base.next = mul {vector} %base, %base
  %e.next = lshr {vector} %e, {imm(1)}
  br label %test
done:
  %b.bit = and {vector} %b, {imm(1)}
  %b.even = icmp eq {vector} %b.bit, {imm(0)}
  %is.one = icmp eq {vector} %a, {imm(1)}
  %is.minus = icmp eq {vector} %a, {imm(-1)}
  %of.minus = select {mask} %b.even, {vector} {imm(1)}, {vector} {imm(-1)}
  %of.others = select {mask} %is.minus, {vector} %of.minus, {vector} {imm(0)}
  %inverse = select {mask} %is.one, {vector} {imm(1)}, {vector} %of.others
  %result = select {mask} %negative, {vector} %inverse, {vector} %r
  ret {vector} %result
}}
"""


_X86_LOOKUP = {  # (register, lanes): (intrinsic for one register of entries, for two)
    ("float", 16): ("avx512.permvar.sf.512", "avx512.vpermi2var.ps.512"),
    ("double", 8): ("avx512.permvar.df.512", "avx512.vpermi2var.pd.512"),
}


def table_lookup(block, values, dtype, register, i):
    """values[i mod len(values)] per lane; `register` is the integer type of i."""
    real = DTYPES[dtype].register
    word = "i32" if real == "float" else "i64"
    if INTS[register] > INTS[word]:
        i = block.convert_op("trunc", register, i, word)
    elif INTS[register] < INTS[word]:
        i = block.convert_op("zext", register, i, word)
    i = block.op("and", word, i, block.imm(len(values) - 1, word))
    names = _X86_LOOKUP.get((real, block.width)) if block.target.name == "avx512" else None
    if names and len(values) <= 4 * block.width:
        return _lookup_in_registers(block, values, real, word, i, names)
    if block.target.name == "avx2" and real == "float" and block.width == 8 and len(values) <= 32:
        return _lookup_by_eights(block, values, i)
    return _lookup_in_memory(block, values, real, word, i)


def _lookup_in_registers(block, values, real, word, i, names):
    n, vector, words = block.width, block.type(real), block.type(word)
    values = values * -(-n // len(values))
    pieces = [
        "<" + ", ".join(f"{real} {literal(v, real)}" for v in values[k : k + n]) + ">"
        for k in range(0, len(values), n)
    ]
    single, double = (f"llvm.x86.{name}" for name in names)
    if len(pieces) == 1:
        block.module.declare(single, vector, [vector, words])
        return block.emit(f"call {vector} @{single}({vector} {pieces[0]}, {words} {i})")
    block.module.declare(double, vector, [vector, words, vector])
    found = [
        block.emit(
            f"call {vector} @{double}({vector} {pieces[k]}, {words} {i}, {vector} {pieces[k + 1]})"
        )
        for k in range(0, len(pieces), 2)
    ]
    if len(found) == 1:
        return found[0]
    upper = block.cmp("uge", word, i, block.imm(2 * n, word))
    return block.select(upper, real, found[1], found[0])


def _lookup_by_eights(block, values, i):
    """AVX2: one permutation for every 8 float32, and a choice between those.

    tanh, which looks up 8 columns, took 1.8 ns an element so, and 3.0 ns with gathers (Emerald Rapids).
    """
    vector, words = block.type("float"), block.type("i32")
    values = values * -(-8 // len(values))
    name = "llvm.x86.avx2.permps"
    block.module.declare(name, vector, [vector, words])
    found = []
    for k in range(0, len(values), 8):
        piece = ", ".join(f"float {literal(v, 'float')}" for v in values[k : k + 8])
        found.append(block.emit(f"call {vector} @{name}({vector} <{piece}>, {words} {i})"))
    bit = 8
    while len(found) > 1:
        upper = block.cmp(
            "ne", "i32", block.op("and", "i32", i, block.imm(bit, "i32")), block.imm(0, "i32")
        )
        found = [
            block.select(upper, "float", found[k + 1], found[k]) for k in range(0, len(found), 2)
        ]
        bit *= 2
    return found[0]


def _lookup_in_memory(block, values, real, word, i):
    module = block.module
    name = "table." + hashlib.blake2b(repr((real, values)).encode(), digest_size=8).hexdigest()
    space = "addrspace(1) " if block.target.name == "ptx" else ""
    entries = ", ".join(f"{real} {literal(v, real)}" for v in values)
    module.helpers[name] = (
        f"@{name} = internal unnamed_addr {space}constant "
        f"[{len(values)} x {real}] [{entries}], align 64"
    )
    vector = block.type(real)
    pointer = f"ptr {space}".strip()
    if block.width == 1:
        place = block.emit(f"getelementptr {real}, {pointer} @{name}, {word} {i}")
        return block.emit(f"load {real}, {pointer} {place}")
    places = block.emit(f"getelementptr {real}, ptr @{name}, {block.type(word)} {i}")
    gather = f"llvm.masked.gather.{block.suffix(real)}.v{block.width}p0"
    pointers, mask = f"<{block.width} x ptr>", block.type("i1")
    module.declare(gather, vector, [pointers, "i32", mask, vector])
    size = 4 if real == "float" else 8
    return block.emit(
        f"call {vector} @{gather}({pointers} {places}, i32 {size}, {mask} splat (i1 true), "
        f"{vector} poison)"
    )


def exponent_or_significand(block, register, instruction, x):
    """AVX-512's getexp, or getmant with a result in [3/4, 3/2) and NaN for negative x, on whole vectors."""
    vector = block.type(register)
    lanes = {"float": "ps", "double": "pd"}[register]
    name = f"llvm.x86.avx512.mask.{instruction}.{lanes}.512"
    mask = f"i{block.width}"
    kind = ["i32"] if instruction == "getmant" else []
    block.module.declare(name, vector, [vector, *kind, vector, mask, "i32"])
    interval = "i32 11, " if kind else ""
    return block.emit(
        f"call {vector} @{name}({vector} {x}, {interval}{vector} {x}, {mask} -1, i32 4)"
    )


def scale_by_power(block, register, x, n):
    """x * 2**n rounded once, for a float n that holds an integer, an infinity or NaN."""
    vector = block.type(register)
    lanes = {"float": "ps", "double": "pd"}[register]
    bits = block.width * (32 if register == "float" else 64)
    if block.target.name == "avx512" and bits in (128, 256, 512):
        name = f"llvm.x86.avx512.mask.scalef.{lanes}.{bits}"
        mask = f"i{max(block.width, 8)}"
        rounding = ["i32"] if bits == 512 else []
        block.module.declare(name, vector, [vector, vector, vector, mask, *rounding])
        tail = ", i32 4" if rounding else ""
        return block.emit(
            f"call {vector} @{name}({vector} {x}, {vector} {n}, {vector} {x}, {mask} -1{tail})"
        )
    scaled = _scaled_by_bits(block, register, x, n)
    return block.select(block.cmp("uno", register, n, n), register, n, scaled)


def _scaled_by_bits(block, register, x, n):
    if register == "float":
        # A double holds 2**n and the product exactly, so only the way back rounds.
        limited = _limit(block, "float", n, -300.0, 300.0)
        power = _power_of_two(
            block, "double", block.convert_op("fpext", "float", limited, "double")
        )
        wide = block.convert_op("fpext", "float", x, "double")
        return block.convert_op(
            "fptrunc", "double", block.op("fmul", "double", wide, power), "float"
        )
    limited = _limit(block, "double", n, -2200.0, 2200.0)
    for _ in range(3):
        part = _limit(block, "double", limited, -1022.0, 1023.0)
        limited = block.op("fsub", "double", limited, part)
        x = block.op("fmul", "double", x, _power_of_two(block, "double", part))
    return x


def _limit(block, register, n, low, high):
    low, high = block.imm(low, register), block.imm(high, register)
    n = block.select(block.cmp("ogt", register, n, low), register, n, low)  # NaN becomes low
    return block.select(block.cmp("olt", register, n, high), register, n, high)


def _power_of_two(block, register, n):
    """2**n of a double n that holds an integer in the exponent's range, put together from bits."""
    # Adding 1.5 * 2**52 leaves the integer in the low bits of the sum.
    shifted = block.emit(
        f"fadd {block.type('double')} {n}, {block.imm(1.5 * 2.0**52 + 1023, 'double')}"
    )
    bits = block.convert_op("bitcast", "double", shifted, "i64")
    bits = block.op("shl", "i64", bits, block.imm(52, "i64"))
    return block.convert_op("bitcast", "i64", bits, "double")


def square_root(block, register, x):
    """The square root, correctly rounded.

    On AVX-512 the instruction for 8 float64 takes 24 cycles. An approximation of 14 bits, a step of third order
    and one of Newton's with an exact residual take 8 and give the same bits (Markstein, "Computation of
    elementary functions on the IBM RISC System/6000 processor", 1990); test_map.py tries the hardest arguments.
    """
    if not (block.target.name == "avx512" and register == "double" and block.width == 8):
        return block.intrinsic("sqrt", register, x)
    if "sqrt.v8f64" not in block.module.helpers:
        block.module.helpers["sqrt.v8f64"] = _sqrt_text(block)
    return block.emit(f"call <8 x double> @sqrt.v8f64(<8 x double> {x})")


def _sqrt_text(block):
    v, words = "<8 x double>", "<8 x i64>"
    block.module.declare("llvm.x86.avx512.rsqrt14.pd.512", v, [v, v, "i8"])
    block.module.declare("llvm.fma.v8f64", v, [v] * 3)
    block.module.declare("llvm.sqrt.v8f64", v, [v])

    def imm(value):
        return block.imm(value, "double")

    # Outside 2**-900 ... 2**900 (also zero, infinite, negative or NaN) some residual would not be exact.
    low, span = (1023 - 900) << 52, 1800 << 52
    return f"""define internal {v} @sqrt.v8f64({v} %x) alwaysinline #0 {{
entry:
  %bits = bitcast {v} %x to {words}
  %above = sub {words} %bits, splat (i64 {low})
  %odd = icmp ugt {words} %above, splat (i64 {span})
  %y = call {v} @llvm.x86.avx512.rsqrt14.pd.512({v} %x, {v} zeroinitializer, i8 -1)
  %g = fmul {v} %x, %y
  %h = fmul {v} {imm(0.5)}, %y
  %g.neg = fneg {v} %g
  %r = call {v} @llvm.fma.v8f64({v} %g.neg, {v} %h, {v} {imm(0.5)})
  %p = call {v} @llvm.fma.v8f64({v} {imm(2.5)}, {v} %r, {v} {imm(1.5)})
  %q = call {v} @llvm.fma.v8f64({v} %p, {v} %r, {v} {imm(1.0)})
  %step = fmul {v} %q, %r
  %g.1 = call {v} @llvm.fma.v8f64({v} %g, {v} %step, {v} %g)
  %h.1 = call {v} @llvm.fma.v8f64({v} %h, {v} %step, {v} %h)
  %g.1.neg = fneg {v} %g.1
  %residual = call {v} @llvm.fma.v8f64({v} %g.1.neg, {v} %g.1, {v} %x)
  %fast = call {v} @llvm.fma.v8f64({v} %residual, {v} %h.1, {v} %g.1)
  %odd.bits = bitcast <8 x i1> %odd to i8
  %any = icmp ne i8 %odd.bits, 0
  br i1 %any, label %slow, label %end, !prof !0
slow:
  %exact = call {v} @llvm.sqrt.v8f64({v} %x)
  br label %end
end:
  %result = phi {v} [ %fast, %entry ], [ %exact, %slow ]
  ret {v} %result
}}
"""
