"""A block of PTX instructions to a Python function over arrays.

    def run(X, R, i): ...        X: the machine; R: registers; i: the threads that are here, None: all

It reads the registers it needs for those threads, computes in local variables and writes what it has
set back, and returns where its threads go next: (label of all, None) or (condition, label of the rest).
Registers hold unsigned integers of their width, or bool; an operation looks at them as what it says.
"""

import re
import struct

import numpy as np

from ...expression import COMPARISONS
from . import on_the_way, operations
from .memory import Fault

_DTYPES = {
    "u8": "u1", "s8": "i1", "b8": "u1", "u16": "u2", "s16": "i2", "b16": "u2", "u32": "u4", "s32": "i4",
    "b32": "u4", "u64": "u8", "s64": "i8", "b64": "u8", "f16": "f2", "f32": "f4", "f64": "f8",
}  # fmt: skip
_WIDTH_OF_PREFIX = {
    "%p": 0,
    "%rs": 2,
    "%h": 2,
    "%r": 4,
    "%f": 4,
    "%rd": 8,
    "%fd": 8,
    "%SP": 8,
    "%SPL": 8,
}
_SPECIAL = re.compile(r"^%(tid|ntid|ctaid|nctaid)\.([xyz])$|^%(laneid|warpid|lanemask_lt)$")
_COMPARE = {**COMPARISONS, "lo": "<", "ls": "<=", "hi": ">", "hs": ">="}
# Instructions that are one expression: {k} is operand k as a value of the instruction's type, {ku} as one of u32.
_FORMS = {
    "and": "({1} & {2})", "or": "({1} | {2})", "xor": "({1} ^ {2})", "not": "(~{1})",
    "shl": "shl({1}, {2u})", "shr": "shr({1}, {2u})", "brev": "brev({1})",
    "bfe": "bfe({1}, {2u}, {3u})", "bfi": "bfi({1}, {2}, {3u}, {4u})", "prmt": "prmt({1}, {2}, {3})",
    "rem": "remainder({1}, {2})", "abs": "np.abs({1})", "copysign": "copysign({1}, {2})",
    "sqrt": "np.sqrt({1})", "rcp": "(one / {1})", "rsqrt": "(one / np.sqrt({1}))",
    "ex2": "np.exp2({1})", "lg2": "np.log2({1})",
}  # fmt: skip
_PLACE = re.compile(r"\{(\d)(u?)\}")
_NAMES = {name: getattr(operations, name) for name in dir(operations) if not name.startswith("_")}
_ROUNDINGS = frozenset("rn rz rm rp rni rzi rmi rpi".split())


class Translator(on_the_way.Instructions):
    """Translates the blocks of one function."""

    def __init__(self, function, symbols, functions):
        self.function, self.symbols, self.functions = function, symbols, functions
        self.registers = {}  # name: number
        self.constants = {}

    def block(self, block):
        """The Python function of a block."""
        self.lines, self.known, self.written, self.fresh = [], {}, {}, 0
        self.read_first = []
        self.end = None
        self.line = 0
        self.fenced, self.in_flight = False, set(self.arriving[block.number])
        self.summed = set(self.in_flight)  # those that wait_group gives new values
        for instruction in block.instructions:
            self.line = instruction.line
            self.one(instruction)
        if self.in_flight and self.end is not None and "X.END" in self.end:
            raise Fault(f"PTX, line {self.line}: sums of wgmma are not waited for.")
        following = block.number + 1
        if self.end is None:
            self.end = f"return {following}, None, None"
        source = ["def run(X, R, i):"]
        if self.read_first:
            names = ", ".join(f"r{k}" for k in self.read_first) + ","
            whole = ", ".join(f"R[{k}]" for k in self.read_first) + ","
            part = ", ".join(f"R[{k}][i]" for k in self.read_first) + ","
            source += [" if i is None:", f"  {names} = {whole}", " else:", f"  {names} = {part}"]
        source += [" " + line for line in self.lines]
        if self.written:
            source += [" if i is None:"]
            source += [f"  R[{k}] = r{k}" for k in self.written]
            source += [" else:"]
            source += [f"  X.put(R, {k}, i, r{k})" for k in self.written]
        source.append(" " + self.end)
        names = {"np": np, "Fault": Fault, **_NAMES, **self.constants}
        exec(compile("\n".join(source), f"<PTX {self.function.name}>", "exec"), names)
        return names["run"]

    # -- registers and operands ---------------------------------------------------------------------

    def width(self, name):
        return _WIDTH_OF_PREFIX[re.match(r"%[a-zA-Z]+", name)[0]]

    def number(self, name):
        return self.registers.setdefault(name, len(self.registers))

    def read(self, name):
        """The local variable of a register."""
        k = self.number(name)
        if k not in self.written and k not in self.read_first:
            self.read_first.append(k)
        return f"r{k}"

    def say(self, line):
        self.lines.append(line)

    def temporary(self, expression):
        self.fresh += 1
        self.say(f"t{self.fresh} = {expression}")
        return f"t{self.fresh}"

    def constant(self, value):
        name = f"c{len(self.constants)}"
        self.constants[name] = value
        return name

    def operand(self, text, type):
        """An expression of the operand as `type` (a PTX type, "pred" for truth)."""
        text = text.strip()
        if type == "pred":
            if text.startswith("!"):
                return f"(~{self.read(text[1:])})"
            return (
                self.read(text) if text.startswith("%") else f"(np.full(X.count(i), {text} != 0))"
            )
        dtype = np.dtype(_DTYPES[type])
        special = _SPECIAL.match(text)
        if special:
            return (
                f"X.special({text!r}, i).view(np.{dtype.name})"
                if dtype.itemsize == 4
                else f"X.special({text!r}, i).astype(np.{dtype.name})"
            )
        if text.startswith("%"):
            width = self.width(text)
            name = self.read(text)
            if width == dtype.itemsize:
                return f"{name}.view(np.{dtype.name})" if dtype.kind != "u" else name
            if width > dtype.itemsize and dtype.kind in "ui":
                return f"{name}.astype(np.{dtype.name})"
            raise Fault(f"PTX, line {self.line}: {text} is no {type}.")
        symbol = re.match(r"^([A-Za-z_$][\w$]*)(?:\+(-?\d+))?$", text)
        if symbol and symbol[1] in self.symbols:
            value = self.symbols[symbol[1]] + int(symbol[2] or 0)
            return self.constant(np.array(value, f"u{dtype.itemsize}").view(dtype)[()])
        return self.constant(self.immediate(text, dtype))

    def immediate(self, text, dtype):
        text = text.removesuffix("U")
        if text[:2] in ("0f", "0F"):
            value = struct.unpack(">f", bytes.fromhex(text[2:]))[0]
            raw = np.frombuffer(bytes.fromhex(text[2:])[::-1], np.uint32)[0]
        elif text[:2] in ("0d", "0D"):
            value = struct.unpack(">d", bytes.fromhex(text[2:]))[0]
            raw = np.frombuffer(bytes.fromhex(text[2:])[::-1], np.uint64)[0]
        elif text[:2] in ("0x", "0X") and dtype.kind == "f":
            raw = np.array(int(text, 16), f"u{dtype.itemsize}")[()]
        else:
            number = float(text) if re.search(r"[.eE]", text) and text[:2] != "0x" else int(text, 0)
            if dtype.kind == "f":
                return dtype.type(number)
            unsigned = np.array(number & ((1 << 8 * dtype.itemsize) - 1), f"u{dtype.itemsize}")
            return unsigned.view(dtype)[()]
        if raw.dtype.itemsize == dtype.itemsize:
            return raw.view(dtype)
        return dtype.type(value)

    def assign(self, name, expression, type, guard=None):
        """Sets a register to an expression of a PTX type, in the threads of a guard only."""
        if name in ("_", ""):
            return
        k = self.number(name)
        if type == "pred":
            value = expression
        else:
            width, dtype = self.width(name), np.dtype(_DTYPES[type])
            wanted = f"np.uint{8 * width}"
            if width == dtype.itemsize:
                value = expression if dtype.kind == "u" else f"({expression}).view({wanted})"
            else:
                extended = np.dtype(f"{'i' if dtype.kind == 'i' else 'u'}{width}").name
                value = f"({expression}).astype(np.{extended}).view({wanted})"
        if guard is None:
            self.say(f"r{k} = {value}")
        elif k in self.written:
            self.say(f"r{k} = np.where({guard}, {value}, r{k})")
        else:
            self.say(f"v{k} = {value}")
            self.say(f"r{k} = np.where({guard}, v{k}, X.old(R, {k}, i))")
        self.written[k] = True

    # -- instructions -------------------------------------------------------------------------------

    def one(self, instruction):
        _, guard, opcode, operands = instruction
        if self.in_flight and opcode[0] != "wgmma":
            self.check_waited(operands)
        if opcode[0] in ("bra", "ret", "exit", "bar", "barrier", "trap"):
            self.leave(guard, opcode, operands)
            return
        condition = self.operand(guard, "pred") if guard else None
        name = opcode[0]
        method = getattr(self, "do_" + name, None)
        if method is not None:
            method(opcode, operands, condition)
            return
        type = opcode[-1]
        expression = self.arithmetic(opcode, operands, type)
        if expression is None:
            raise Fault(
                f"PTX, line {self.line}: the instruction {'.'.join(opcode)} is not known to the interpreter."
            )
        self.assign(operands[0], *expression, condition)

    def leave(self, guard, opcode, operands):
        name = opcode[0]
        if name == "bra":
            target = self.function.labels[operands[0].strip()]
        elif name in ("ret", "exit"):
            target = "X.END"
        elif name == "trap":
            self.end = f"X.trap({self.line}, i)"
            return
        else:
            if (
                name == "barrier"
                and opcode[1] not in ("sync", "cta")
                or (name == "bar" and opcode[1] not in ("sync", "warp"))
            ):
                raise Fault(
                    f"PTX, line {self.line}: {'.'.join(opcode)} is not known to the interpreter."
                )
            if "warp" in opcode:
                return
            self.end = f"return X.barrier({self.line}), None, None"
            return
        if not guard:
            self.end = f"return {target}, None, None"
            return
        condition = self.temporary(self.operand(guard, "pred"))
        self.end = f"return {target}, {condition}, {self.number_of_block + 1}"

    def arithmetic(self, opcode, operands, type):
        name, flags = opcode[0], opcode[1:-1]
        floating = type[0] == "f"
        value = lambda k, t=type: self.operand(operands[k], t)
        if name in _FORMS:
            form = _FORMS[name]
            if "one" in form:
                form = form.replace("one", f"np.{np.dtype(_DTYPES[type]).name}(1)")
            return _PLACE.sub(lambda m: value(int(m[1]), "u32" if m[2] else type), form), type
        if name in ("add", "sub", "mul") and (floating or name != "mul"):
            sign = {"add": "+", "sub": "-", "mul": "*"}[name]
            return self.rounded(f"({value(1)} {sign} {value(2)})", flags), type
        if name == "mul":
            if "wide" in flags:
                return f"multiply_wide({value(1)}, {value(2)})", self.wider(type)
            if "hi" in flags:
                return f"multiply_high({value(1)}, {value(2)})", type
            return f"({value(1)} * {value(2)})", type
        if name == "mad" and not floating:
            if "wide" in flags:
                wider = self.wider(type)
                return f"(multiply_wide({value(1)}, {value(2)}) + {value(3, wider)})", wider
            if "hi" in flags:
                return f"(multiply_high({value(1)}, {value(2)}) + {value(3)})", type
            return f"({value(1)} * {value(2)} + {value(3)})", type
        if name in ("fma", "mad"):
            return f"fma{type[1:]}({value(1)}, {value(2)}, {value(3)})", type
        if name == "div":
            if floating:
                return f"({value(1)} / {value(2)})", type
            return f"divide({value(1)}, {value(2)})", type
        if name == "neg":
            return f"(-{value(1)})" if floating else f"np.negative({value(1)})", type
        if name in ("min", "max"):
            function = f"np.{name}imum" if not floating or "NaN" in flags else f"float_{name}"
            return f"{function}({value(1)}, {value(2)})", type
        if name == "selp":
            return f"np.where({self.operand(operands[3], 'pred')}, {value(1)}, {value(2)})", type
        if name in ("popc", "clz"):
            return f"{name}({value(1)})", "u32"
        if name == "shf":
            side = {"l": "left", "r": "right"}[opcode[1]]
            wrap = "wrap" in opcode
            return f"funnel_{side}({value(1)}, {value(2)}, {value(3)}, {wrap})", type
        if name == "lop3":
            return f"lop3({value(1)}, {value(2)}, {value(3)}, {int(operands[4], 0)})", type
        return None

    def rounded(self, expression, flags):
        if {"rz", "rm", "rp"} & set(flags):
            raise Fault(
                f"PTX, line {self.line}: arithmetic with this rounding is not known to the interpreter."
            )
        return f"flushed({expression})" if "ftz" in flags else expression

    def wider(self, type):
        return type[0] + str(2 * int(type[1:]))

    def do_mov(self, opcode, operands, condition):
        type = opcode[-1]
        source, target = operands[1], operands[0]
        if type == "pred":
            self.assign(target, self.operand(source, "pred"), "pred", condition)
            return
        whole = np.dtype(_DTYPES[type]).itemsize
        if target.startswith("{"):
            parts = [p.strip() for p in target[1:-1].split(",")]
            value, size = self.temporary(self.operand(source, f"b{8 * whole}")), whole // len(parts)
            for k, part in enumerate(parts):
                piece = f"({value} >> np.uint{8 * whole}({8 * size * k})).astype(np.uint{8 * size})"
                self.assign(part, piece, f"b{8 * size}", condition)
            return
        if source.startswith("{"):
            parts = [p.strip() for p in source[1:-1].split(",")]
            size = whole // len(parts)
            pieces = [
                f"({self.operand(p, f'b{8 * size}')}.astype(np.uint{8 * whole}) << np.uint{8 * whole}({8 * size * k}))"
                for k, p in enumerate(parts)
            ]
            self.assign(target, "(" + " | ".join(pieces) + ")", f"b{8 * whole}", condition)
            return
        bits = "b" + type[1:]
        self.assign(target, f"X.spread({self.operand(source, bits)}, i)", bits, condition)

    def do_setp(self, opcode, operands, condition):
        compare, type = opcode[1], opcode[-1]
        a, b = self.operand(operands[1], type), self.operand(operands[2], type)
        expression = self.comparison(compare, a, b, type[0] == "f")
        join = {"and": "&", "or": "|", "xor": "^"}
        for flag in opcode[2:-1]:
            if flag in join:
                expression = f"({expression} {join[flag]} {self.operand(operands[3], 'pred')})"
        first, _, second = operands[0].partition("|")
        expression = self.temporary(expression)
        self.assign(first, expression, "pred", condition)
        if second:
            self.assign(second, f"(~{expression})", "pred", condition)

    def do_set(self, opcode, operands, condition):
        compare, result, type = opcode[1], opcode[-2], opcode[-1]
        a, b = self.operand(operands[1], type), self.operand(operands[2], type)
        truth = self.comparison(compare, a, b, type[0] == "f")
        one = "np.float32(1)" if result == "f32" else "np.uint32(0xFFFFFFFF)"
        self.assign(
            operands[0], f"np.where({truth}, {one}, {one[: one.index('(')]}(0))", result, condition
        )

    def comparison(self, compare, a, b, floating):
        if floating and compare in ("num", "nan"):
            either = f"(np.isnan({a}) | np.isnan({b}))"
            return f"(~{either})" if compare == "num" else either
        if floating:
            x, y = self.temporary(a), self.temporary(b)
            unordered = f"(np.isnan({x}) | np.isnan({y}))"
            if compare.endswith("u"):
                return f"(({x} {_COMPARE[compare[:-1]]} {y}) | {unordered})"
            if compare == "ne":
                return f"(({x} != {y}) & ~{unordered})"
            return f"({x} {_COMPARE[compare]} {y})"
        return f"({a} {_COMPARE[compare]} {b})"

    def do_cvt(self, opcode, operands, condition):
        result, source = opcode[-2], opcode[-1]
        flags = opcode[1:-2]
        rounding = next((f for f in flags if f in _ROUNDINGS), "")
        if result in ("f16x2", "bf16x2") and source == "f32":
            high, low = (self.operand(o, source) for o in operands[1:3])
            half = "bfloat16_bits" if result == "bf16x2" else "float16_bits"
            word = f"({half}({high}).astype(np.uint32) << np.uint32(16)) | {half}({low})"
            return self.assign(operands[0], word, "u32", condition)
        if result == "bf16":
            bits = f"bfloat16_bits({self.operand(operands[1], source)})"
            return self.assign(operands[0], bits, "u16", condition)
        if source == "bf16":
            wide = f"({self.operand(operands[1], 'u16')}.astype(np.uint32) << np.uint32(16)).view(np.float32)"
            return self.assign(operands[0], wide, "f32", condition)
        if result not in _DTYPES or source not in _DTYPES:
            raise Fault(
                f"PTX, line {self.line}: {'.'.join(opcode)} is not known to the interpreter."
            )
        dtype = self.constant(np.dtype(_DTYPES[result]))
        value = self.operand(operands[1], source)
        self.assign(
            operands[0],
            f"convert({value}, {dtype}, {rounding!r}, {'sat' in flags})",
            result,
            condition,
        )

    def do_cvta(self, opcode, operands, condition):
        space = opcode[-2]
        base = {"global": 0, "const": 0, "param": 0, "local": "X.LOCAL", "shared": "X.SHARED"}[
            space
        ]
        value = self.operand(operands[1], "u64")
        if base:
            value = f"({value} {'-' if 'to' in opcode else '+'} {base})"
        self.assign(operands[0], f"X.spread({value}, i)", "u64", condition)

    # -- memory -------------------------------------------------------------------------------------

    def address(self, text):
        """(expression of the base or None, offset) of [base+offset]."""
        inner = text.strip()[1:-1].strip()
        match = re.match(r"^(%?[\w$]+)(?:\+(-?\w+))?$", inner)
        base, offset = match[1], int(match[2] or "0", 0)
        if base.startswith("%"):
            value = self.operand(base, "u64" if self.width(base) == 8 else "u32")
            if self.width(base) == 4:
                value = f"{value}.astype(np.uint64)"
        else:
            value = self.constant(np.uint64(self.symbols[base]) if base in self.symbols else None)
            if base not in self.symbols:
                raise Fault(f"PTX, line {self.line}: {base} is not declared.")
        offset = self.constant(np.uint64(offset & (2**64 - 1)))
        return f"X.spread({value} + {offset}, i)"

    def parts(self, text):
        return [p.strip() for p in text[1:-1].split(",")] if text.startswith("{") else [text]

    def space(self, opcode):
        return next(
            (
                s
                for s in ("param", "global", "shared", "local", "const")
                if any(o.split("::")[0] == s for o in opcode)
            ),
            "generic",
        )

    def do_ld(self, opcode, operands, condition):
        type, space = opcode[-1], self.space(opcode)
        if space == "param" and operands[1].strip("[] \t").split("+")[0] in self.call_values:
            self.assign(
                operands[0],
                self.call_values[operands[1].strip("[] \t").split("+")[0]],
                "b" + type[1:],
                condition,
            )
            return
        address = self.temporary(self.address(operands[1]))
        dtype = self.constant(np.dtype(_DTYPES[type]))
        size = np.dtype(_DTYPES[type]).itemsize
        bits = type if size < 4 and type[0] == "s" else ("u" if type[0] != "s" else "s") + type[1:]
        registers = self.parts(operands[0])
        if len(registers) > 1:
            self.say(f"X.aligned({address}, {size * len(registers)}, {self.line}, i)")
        for k, register in enumerate(registers):
            at = address if k == 0 else f"{address} + np.uint64({k * size})"
            integer = self.constant(np.dtype(_DTYPES[bits]))
            value = f"X.load({space!r}, {at}, {dtype}, {self.line}, i, {condition}).view({integer})"
            self.assign(register, value, bits, condition)

    do_ldu = do_ld

    def do_st(self, opcode, operands, condition):
        type, space = opcode[-1], self.space(opcode)
        name = operands[0].strip("[] \t").split("+")[0]
        if space == "param":
            value = f"X.spread({self.operand(operands[1], 'b' + type[1:])}, i)"
            if name in dict.fromkeys(r[0] for r in self.function.results):
                self.say(f"X.give({name!r}, {value}, i)")
            else:
                self.fresh += 1
                self.say(f"p{self.fresh} = {value}")
                self.arguments[name] = f"p{self.fresh}"
            return
        address = self.temporary(self.address(operands[0]))
        size = np.dtype(_DTYPES[type]).itemsize
        parts = self.parts(operands[1])
        if len(parts) > 1:
            self.say(f"X.aligned({address}, {size * len(parts)}, {self.line}, i)")
        for k, part in enumerate(parts):
            at = address if k == 0 else f"{address} + np.uint64({k * size})"
            value = f"X.spread({self.operand(part, 'b' + type[1:])}, i)"
            self.say(f"X.store({space!r}, {at}, {value}, {self.line}, i, {condition})")

    def do_red(self, opcode, operands, condition):
        self.do_atom(opcode, ("_", *operands), condition)

    def do_atom(self, opcode, operands, condition):
        type, space = opcode[-1], self.space(opcode)
        what = next(
            o
            for o in opcode
            if o in ("add", "min", "max", "and", "or", "xor", "exch", "cas", "inc")
        )
        values = [f"X.spread({self.operand(o, type)}, i)" for o in operands[2:]]
        address = self.temporary(self.address(operands[1]))
        value = f"X.atomic({space!r}, {what!r}, {address}, [{', '.join(values)}], {self.line}, i, {condition})"
        if operands[0] == "_":
            self.say(value)
        else:
            self.assign(operands[0], value, type, condition)

    def do_shfl(self, opcode, operands, condition):
        mode = opcode[2] if opcode[1] == "sync" else opcode[1]
        first, _, second = operands[0].partition("|")
        values = [self.operand(operands[1], "b32")] + [
            f"X.spread({self.operand(o, 'u32')}, i)" for o in operands[2:4]
        ]
        self.fresh += 1
        self.say(
            f"s{self.fresh}, q{self.fresh} = X.shuffle({mode!r}, {', '.join(values)}, {self.line}, i)"
        )
        self.assign(first, f"s{self.fresh}", "b32", condition)
        if second:
            self.assign(second, f"q{self.fresh}", "pred", condition)

    def do_mma(self, opcode, operands, condition):
        """mma.sync.aligned.m16n8k*.row.col.f32.T.T.f32 of whole warps."""
        shape, kind = opcode[3], opcode[7]
        if (opcode[4:6], opcode[6], opcode[9], condition) != (("row", "col"), "f32", "f32", None):
            raise Fault(
                f"PTX, line {self.line}: {'.'.join(opcode)} is not known to the interpreter."
            )
        words = [
            [f"X.spread({self.operand(o, 'b32')}, i)" for o in self.parts(p)] for p in operands[1:]
        ]
        given = ", ".join(f"[{', '.join(w)}]" for w in words)
        self.fresh += 1
        self.say(f"m{self.fresh} = X.multiply({shape!r}, {kind!r}, {given}, {self.line}, i)")
        for e, register in enumerate(self.parts(operands[0])):
            self.assign(register, f"m{self.fresh}[{e}]", "f32", condition)

    def do_membar(self, opcode, operands, condition):
        if "proxy" in opcode and "async" in opcode:
            self.say("X.show_to_tiles(i)")

    do_fence = do_membar

    # -- functions ----------------------------------------------------------------------------------

    def do_call(self, opcode, operands, condition):
        if condition is not None:
            raise Fault(
                f"PTX, line {self.line}: a call under a guard is not known to the interpreter."
            )
        lists = [o for o in operands if o.startswith("(")]
        name = next(o for o in operands if not o.startswith("("))
        given = (
            [p.strip() for p in lists[-1][1:-1].split(",")] if operands[-1].startswith("(") else []
        )
        results = (
            [p.strip() for p in lists[0][1:-1].split(",")] if operands[0].startswith("(") else []
        )
        arguments = ", ".join(self.arguments[g] for g in given)
        self.fresh += 1
        self.say(f"f{self.fresh} = X.call({name!r}, [{arguments}], i)")
        for k, result in enumerate(results):
            self.call_values[result] = f"f{self.fresh}[{k}]"

    def whole(self):
        """All blocks of the function, translated."""
        made = []
        self.arriving = self.sums_on_their_way()
        for block in self.function.blocks:
            self.number_of_block = block.number
            self.arguments, self.call_values = {}, {}
            made.append(self.block(block))
        return made
