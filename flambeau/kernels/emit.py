"""LLVM IR as text: values of one lane or of a vector of lanes, their conversion, load and store.

A `Block` writes straight-line code for `width` elements at once; `lower` (lower.py) computes
expressions in it. Schedules write the loops around it:

    module = Module(target)
    block = Block(module, width=16)
    x = block.load("%p", "float32")                 # or with count="%rest": lanes beyond read 0
    (y,) = lower(block, [expression], [x])
    block.store(block.convert(y, "float32"), "float32", "%q")
    "\\n".join(block.lines)                          # the code; module.text() has what it calls

A value of a narrow dtype (narrow.py) lives as float32 between load and store, a bool as i1, a complex
number as two parts. Every result is defined for every input: out-of-range conversions give what
x86 gives, shifts and integer divisions are guarded (lower.py).
"""

import struct

from . import narrow
from .targets.cpu import EVEN_STEPS
from .types import DTYPES, NARROW, compute_dtype, real_dtype, weak_dtype


class Value:
    """A typed SSA value (`name`, and `im` if complex), or a Python constant not yet typed.

    half: a narrow dtype for a float32 (or two, of a complex number) that needs no rounding to be one.
    """

    __slots__ = ("const", "dtype", "half", "im", "name", "weak")

    def __init__(self, dtype, name=None, im=None, weak=False, const=None, half=None):
        self.dtype = dtype
        self.name = name
        self.im = im
        self.weak = weak
        self.const = const
        self.half = half

    @property
    def type(self):
        return self.dtype, self.weak


def constant(value):
    """The value of a Python number."""
    return Value(weak_dtype(value), weak=True, const=value)


class Module:
    """What blocks need beside their own lines: declarations, helper functions, attributes."""

    def __init__(self, target):
        self.target = target
        self.declarations = {}
        self.helpers = {}
        self.functions = []
        self.shared = {}  # what helpers were already written for
        self.even = False  # inner loops step by sizes of elements, not by strides

    def declare(self, name, result, parameters):
        """Declares an outside function once."""
        if name not in self.declarations:
            self.declarations[name] = f"declare {result} @{name}({', '.join(parameters)})"

    def text(self):
        """The whole module."""
        bits = self.target.vector_bytes * 8
        attributes = "nounwind"
        if self.target.name != "ptx":
            attributes += (
                f' "prefer-vector-width"="{bits}" "min-legal-vector-width"="{bits}"'
                ' "no-builtins" "no-trapping-math"="true"'
            )
            if self.even:
                attributes += f' "{EVEN_STEPS}"'
        parts = [f'target triple = "{self.target.triple}"', *self.declarations.values()]
        parts += [*self.helpers.values(), *self.functions]
        return "\n".join(parts) + (
            f'\nattributes #0 = {{ {attributes} }}\n!0 = !{{!"branch_weights", i32 1, i32 2000}}\n'
        )


INTS = {"i1": 1, "i8": 8, "i16": 16, "i32": 32, "i64": 64}
_SUFFIX = {"float": "f32", "double": "f64", "half": "f16"}


def literal(value, register):
    """A Python number as an LLVM constant of a scalar register type."""
    if register in ("float", "double"):
        value = value.real if isinstance(value, complex) else value
        try:
            value = float(value)
            if register == "float":
                value = struct.unpack("<f", struct.pack("<f", value))[0]
        except OverflowError:
            value = float("inf") if value > 0 else float("-inf")
        return f"0x{struct.unpack('<Q', struct.pack('<d', value))[0]:016X}"
    if register == "i1":
        return "true" if value else "false"
    bits = INTS[register]
    if isinstance(value, complex):
        value = value.real
    if isinstance(value, float):
        value = int(value) if abs(value) < 2.0**63 else -(2**63)
    value = int(value) & ((1 << bits) - 1)
    return str(value - (1 << bits) if value >> (bits - 1) else value)


class Block:
    """Straight-line code for `width` elements; `lines` are its instructions in order."""

    def __init__(self, module, width=1, prefix="v"):
        self.module = module
        self.target = module.target
        self.width = width
        self.prefix = prefix
        self.lines = []
        self.index = None  # Value of dtype int64: the linear index of each lane's element
        self.contract = module.target.fma  # a * b + c becomes one fma
        self._count = 0

    def beside(self, width):
        """A Block of another width that writes where this one does."""
        self._count += 1
        made = Block(self.module, width, f"{self.prefix}.{self._count}x")
        made.lines, made.contract = self.lines, self.contract
        return made

    # -- writing instructions -------------------------------------------------------------------

    def type(self, register):
        """The LLVM type of all lanes of a scalar register type."""
        return register if self.width == 1 else f"<{self.width} x {register}>"

    def suffix(self, register):
        """The name of that type in an intrinsic's name."""
        one = _SUFFIX.get(register, register)
        return one if self.width == 1 else f"v{self.width}{one}"

    def fresh(self):
        self._count += 1
        return f"%{self.prefix}.{self._count}"

    def emit(self, instruction):
        """Appends `name = instruction` and returns the name."""
        name = self.fresh()
        self.lines.append(f"  {name} = {instruction}")
        return name

    def imm(self, value, register):
        """A constant in all lanes."""
        one = literal(value, register)
        return one if self.width == 1 else f"splat ({register} {one})"

    def splat(self, scalar, register):
        """A scalar SSA value in all lanes."""
        if self.width == 1:
            return scalar
        vector = self.type(register)
        one = self.emit(f"insertelement {vector} poison, {register} {scalar}, i64 0")
        return self.emit(
            f"shufflevector {vector} {one}, {vector} poison, <{self.width} x i32> zeroinitializer"
        )

    def op(self, opcode, register, a, b):
        """A two-operand instruction."""
        return self.emit(f"{opcode} {self.type(register)} {a}, {b}")

    def cmp(self, predicate, register, a, b):
        """A comparison; the result is i1."""
        kind = "fcmp" if register in _SUFFIX else "icmp"
        return self.emit(f"{kind} {predicate} {self.type(register)} {a}, {b}")

    def select(self, condition, register, a, b):
        vector = self.type(register)
        return self.emit(f"select {self.type('i1')} {condition}, {vector} {a}, {vector} {b}")

    def convert_op(self, opcode, source, a, result):
        return self.emit(f"{opcode} {self.type(source)} {a} to {self.type(result)}")

    def intrinsic(self, name, register, *args):
        """llvm.`name` on operands and a result of one type."""
        full = f"llvm.{name}.{self.suffix(register)}"
        vector = self.type(register)
        self.module.declare(full, vector, [vector] * len(args))
        return self.emit(f"call {vector} @{full}({', '.join(f'{vector} {a}' for a in args)})")

    def iota(self):
        """int64 0, 1, 2 ... along the lanes, as text."""
        if self.width == 1:
            return "0"
        return "<" + ", ".join(f"i64 {i}" for i in range(self.width)) + ">"

    # -- conversion -----------------------------------------------------------------------------

    def convert(self, value, dtype):
        """`value` as dtype (the narrow ones round, but stay float32 values)."""
        target = compute_dtype(dtype)
        if value.const is not None:
            return self._typed_constant(value.const, dtype, target)
        if value.dtype != target or value.weak:
            value = self._convert_value(value, target)
        part = real_dtype(dtype)
        return self._rounded(value, part) if part in NARROW and value.half != part else value

    def _rounded(self, value, part):
        """A float32 or complex64 value, its parts rounded to a narrow dtype."""
        names = [narrow.rounded(self, p, part) for p in (value.name, value.im) if p is not None]
        return Value(value.dtype, *names, half=part)

    def _typed_constant(self, number, dtype, target):
        d = DTYPES[target]
        im = self.imm(number.imag, d.register) if d.kind == "c" else None
        value = Value(target, self.imm(number, d.register), im)
        part = real_dtype(dtype)
        return self._rounded(value, part) if part in NARROW else value

    def _convert_value(self, value, target):
        a, b = DTYPES[value.dtype], DTYPES[target]
        if a.kind == "c" and b.kind == "c":
            parts = [Value(real_dtype(a.name), p) for p in (value.name, value.im)]
            re, im = [self.convert(p, real_dtype(target)).name for p in parts]
            return Value(target, re, im)
        if a.kind == "c":
            re = Value(real_dtype(a.name), value.name)
            if target == "bool":
                im = Value(re.dtype, value.im)
                either = [self.convert(p, "bool").name for p in (re, im)]
                return Value("bool", self.op("or", "i1", *either))
            return self.convert(re, target)
        if b.kind == "c":
            re = self.convert(Value(a.name, value.name), real_dtype(target))
            return Value(target, re.name, self.imm(0.0, b.register))
        return Value(target, self._convert_real(value.name, a, b))

    def _convert_real(self, name, a, b):
        if a.register == b.register and (a.kind == b.kind or "f" not in (a.kind + b.kind)):
            return name
        if b.kind == "b":
            predicate, zero = ("une", 0.0) if a.kind == "f" else ("ne", 0)
            return self.cmp(predicate, a.register, name, self.imm(zero, a.register))
        if a.kind == "f" and b.kind == "f":
            opcode = "fpext" if b.bits > a.bits else "fptrunc"
            return self.convert_op(opcode, a.register, name, b.register)
        if b.kind == "f":
            opcode = "sitofp" if a.kind == "i" else "uitofp"
            return self.convert_op(opcode, a.register, name, b.register)
        if a.kind == "f":
            return self._float_to_int(name, a, b)
        if INTS[a.register] > INTS[b.register]:
            return self.convert_op("trunc", a.register, name, b.register)
        return self.convert_op("sext" if a.kind == "i" else "zext", a.register, name, b.register)

    def _float_to_int(self, name, a, b):
        # fptosi is undefined out of range. What x86's conversions give is the most negative
        # integer, so that is selected; the conversion goes through int32 or int64 as C does.
        wide = "i32" if b.bits < 32 or b.name == "int32" else "i64"
        if b.name == "uint64":
            top = self.imm(2.0**63, a.register)
            high = self.cmp("oge", a.register, name, top)
            low = self.op("fsub", a.register, name, top)
            shifted = self._cvtt(low, a.register, "i64")
            flipped = self.op("xor", "i64", shifted, self.imm(-(2**63), "i64"))
            return self.select(high, "i64", flipped, self._cvtt(name, a.register, "i64"))
        result = self._cvtt(name, a.register, wide)
        if wide == b.register:
            return result
        return self.convert_op("trunc", wide, result, b.register)

    def _cvtt(self, name, register, wide):
        limit = 2.0 ** (INTS[wide] - 1)
        magnitude = self.intrinsic("fabs", register, name)
        inside = self.cmp("olt", register, magnitude, self.imm(limit, register))
        converted = self.convert_op("fptosi", register, name, wide)
        return self.select(inside, wide, converted, self.imm(-int(limit), wide))

    # -- memory ---------------------------------------------------------------------------------

    def load(self, pointer, dtype, count=None):
        """`width` contiguous elements; with `count` (an i64 name in 1..width) only that many."""
        d = DTYPES[dtype]
        if d.kind == "c":
            pair = self._load_raw(pointer, d.memory, 2 * self.width, count, d.bits // 8)
            return self.from_memory(*self._deinterleave(pair, d.memory), dtype=dtype)
        raw = self._load_raw(pointer, d.memory, self.width, count, d.bits // 8)
        return self.from_memory(raw, dtype=dtype)

    def load_splat(self, pointer, dtype):
        """One element in all lanes."""
        d = DTYPES[dtype]
        align = d.bits // 8
        one = self.emit(f"load {d.memory}, ptr {pointer}, align {align}")
        if d.kind == "c":
            second = self.emit(f"getelementptr i8, ptr {pointer}, i64 {align}")
            im = self.emit(f"load {d.memory}, ptr {second}, align {align}")
            parts = self.splat(one, d.memory), self.splat(im, d.memory)
            return self.from_memory(*parts, dtype=dtype)
        return self.from_memory(self.splat(one, d.memory), dtype=dtype)

    def gather(self, pointer, stride, dtype, count=None):
        """`width` elements that lie `stride` bytes apart (an i64 name), less than 2 GiB in all."""
        d = DTYPES[dtype]
        short = self.splat(self.emit(f"trunc i64 {stride} to i32"), "i32")
        steps = "<" + ", ".join(f"i32 {i}" for i in range(self.width)) + ">"
        places = self.op("mul", "i32", short, steps)
        parts = []
        for part in range(2 if d.kind == "c" else 1):
            base = self.emit(f"getelementptr i8, ptr {pointer}, i64 {part * d.bits // 8}")
            at = self.emit(f"getelementptr i8, ptr {base}, {self.type('i32')} {places}")
            parts.append(self._gather_raw(at, d.memory, count, d.bits // 8))
        return self.from_memory(*parts, dtype=dtype)

    def _gather_raw(self, pointers, memory, count, align):
        vector, width = self.type(memory), self.width
        mask = "splat (i1 true)" if count is None else self._mask(width, count)
        name = f"llvm.masked.gather.v{width}{_SUFFIX.get(memory, memory)}.v{width}p0"
        kinds = [f"<{width} x ptr>", "i32", f"<{width} x i1>", vector]
        self.module.declare(name, vector, kinds)
        return self.emit(
            f"call {vector} @{name}(<{width} x ptr> {pointers}, i32 {align}, "
            f"<{width} x i1> {mask}, {vector} zeroinitializer)"
        )

    def store(self, value, dtype, pointer, count=None, stream=False):
        """Converts `value` to dtype and writes it to contiguous elements; stream: past the caches."""
        d, parts = DTYPES[dtype], self.to_memory(value, dtype)
        raw, lanes = parts[0], self.width
        if d.kind == "c":
            raw, lanes = self._interleave(*parts, d.memory), 2 * self.width
        self._store_raw(raw, pointer, d.memory, lanes, count, d.bits // 8, stream)

    def to_memory(self, value, dtype):
        """`value` as it lies in memory: one part, two of complex numbers."""
        part = real_dtype(dtype)
        if part in NARROW:
            value = self.convert(value, compute_dtype(dtype))
            return [
                narrow.to_bits(self, p, part, exact=value.half == part)
                for p in (value.name, value.im)
                if p is not None
            ]
        value = self.convert(value, dtype)
        if dtype == "bool":
            return [self.convert_op("zext", "i1", value.name, "i8")]
        return [p for p in (value.name, value.im) if p is not None]

    def from_memory(self, *parts, dtype):
        if dtype == "bool":
            return Value("bool", self.cmp("ne", "i8", parts[0], self.imm(0, "i8")))
        part = real_dtype(dtype)
        if part in NARROW:
            parts = [narrow.from_bits(self, p, part) for p in parts]
            return Value(compute_dtype(dtype), *parts, half=part)
        return Value(dtype, *parts)

    def _load_raw(self, pointer, memory, lanes, count, align):
        vector = memory if lanes == 1 else f"<{lanes} x {memory}>"
        if count is None:
            return self.emit(f"load {vector}, ptr {pointer}, align {align}")
        mask = self._mask(lanes, count)
        name = f"llvm.masked.load.v{lanes}{_SUFFIX.get(memory, memory)}.p0"
        self.module.declare(name, vector, ["ptr", "i32", f"<{lanes} x i1>", vector])
        return self.emit(
            f"call {vector} @{name}(ptr {pointer}, i32 {align}, "
            f"<{lanes} x i1> {mask}, {vector} zeroinitializer)"
        )

    def _store_raw(self, raw, pointer, memory, lanes, count, align, stream=False):
        vector = memory if lanes == 1 else f"<{lanes} x {memory}>"
        if count is None:
            past = ""
            if stream:
                self.module.helpers["stream"] = "!9 = !{i32 1}\n"
                align, past = min(64, align * lanes), ", !nontemporal !9"
            self.lines.append(f"  store {vector} {raw}, ptr {pointer}, align {align}{past}")
            return
        mask = self._mask(lanes, count)
        name = f"llvm.masked.store.v{lanes}{_SUFFIX.get(memory, memory)}.p0"
        self.module.declare(name, "void", [vector, "ptr", "i32", f"<{lanes} x i1>"])
        self.lines.append(
            f"  call void @{name}({vector} {raw}, ptr {pointer}, i32 {align}, "
            f"<{lanes} x i1> {mask})"
        )

    def _mask(self, lanes, count):
        """<lanes x i1>, true in the first `count` lanes (all bits of an integer, shifted right)."""
        if lanes == 2 * self.width:
            count = self.emit(f"shl i64 {count}, 1")
        word = f"i{lanes}"
        if lanes < 64:
            count = self.emit(f"trunc i64 {count} to {word}")
        elif lanes > 64:
            count = self.emit(f"zext i64 {count} to {word}")
        # In a word of 8 bits or fewer the lane count itself need not fit (8 in i4): the difference
        # still does, as it is taken modulo the word.
        shift = self.emit(f"sub {word} {lanes % (1 << lanes)}, {count}")
        bits = self.emit(f"lshr {word} -1, {shift}")
        return self.emit(f"bitcast {word} {bits} to <{lanes} x i1>")

    def _deinterleave(self, pair, memory):
        n = self.width
        vector = f"<{2 * n} x {memory}>"
        if n == 1:
            return [self.emit(f"extractelement {vector} {pair}, i64 {i}") for i in (0, 1)]
        parts = []
        for start in (0, 1):
            mask = ", ".join(f"i32 {i}" for i in range(start, 2 * n, 2))
            parts.append(
                self.emit(f"shufflevector {vector} {pair}, {vector} poison, <{n} x i32> <{mask}>")
            )
        return parts

    def _interleave(self, re, im, memory):
        n = self.width
        if n == 1:
            one = self.emit(f"insertelement <2 x {memory}> poison, {memory} {re}, i64 0")
            return self.emit(f"insertelement <2 x {memory}> {one}, {memory} {im}, i64 1")
        vector = self.type(memory)
        mask = ", ".join(f"i32 {i + part * n}" for i in range(n) for part in (0, 1))
        return self.emit(f"shufflevector {vector} {re}, {vector} {im}, <{2 * n} x i32> <{mask}>")
