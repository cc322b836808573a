"""One LLVM function under construction: loops, branches and local variables around Blocks.

A loop-carried value lives in a stack slot, which LLVM turns into a register; so a schedule is
written as it would be in C, without a phi in sight.
"""

from contextlib import contextmanager

from .emit import Block, Value
from .types import DTYPES, compute_dtype


class Function:
    """The text of one function; instructions are appended where it stands.

    `at(width)` gives the Block that writes code for `width` lanes at that place.
    """

    def __init__(self, module, name, parameters):
        self.module = module
        self.name = name
        self.parameters = parameters
        self.slots = []
        self.lines = []
        self.count = 0
        self.block_name = "start"
        self.blocks = {}

    def at(self, width):
        """The Block of `width` lanes, writing at the end of this function."""
        if width not in self.blocks:
            self.blocks[width] = Block(self.module, width, prefix=f"w{width}")
            self.blocks[width].lines = self.lines
        return self.blocks[width]

    def fresh(self, hint="s"):
        self.count += 1
        return f"{hint}.{self.count}"

    def emit(self, instruction):
        """The name of the value of a scalar instruction, appended."""
        name = "%" + self.fresh()
        self.lines.append(f"  {name} = {instruction}")
        return name

    def do(self, instruction):
        self.lines.append(f"  {instruction}")

    def label(self, name):
        self.lines.append(f"{name}:")
        self.block_name = name

    def slot(self, type):
        """A local variable: a pointer to it."""
        name = "%" + self.fresh("slot")
        self.slots.append(f"  {name} = alloca {type}")
        return name

    # -- int64 arithmetic for counts and addresses ------------------------------------------------

    def add(self, a, b):
        return a if b == 0 else self.emit(f"add i64 {a}, {b}")

    def sub(self, a, b):
        return self.emit(f"sub i64 {a}, {b}")

    def mul(self, a, b):
        return a if b == 1 else self.emit(f"mul i64 {a}, {b}")

    def round_down(self, a, power_of_two):
        return a if power_of_two == 1 else self.emit(f"and i64 {a}, {-power_of_two}")

    def smaller(self, a, b):
        less = self.emit(f"icmp slt i64 {a}, {b}")
        return self.emit(f"select i1 {less}, i64 {a}, i64 {b}")

    def pick(self, predicate, a, b, then, otherwise):
        """`then` if a predicate b, else `otherwise`: all int64."""
        condition = self.emit(f"icmp {predicate} i64 {a}, {b}")
        return self.emit(f"select i1 {condition}, i64 {then}, i64 {otherwise}")

    def offset(self, pointer, nbytes):
        return (
            pointer if nbytes == 0 else self.emit(f"getelementptr i8, ptr {pointer}, i64 {nbytes}")
        )

    def element(self, array, i, type):
        """array[i], for the arrays of 8-byte values that kernels receive."""
        return self.emit(f"load {type}, ptr {self.offset(array, 8 * i)}, align 8")

    # -- control ----------------------------------------------------------------------------------

    @contextmanager
    def loop(self, begin, end, step=1):
        """for (i = begin; i < end; i += step), yielding i."""
        i = "%" + self.fresh("i")
        head, body, latch, done = (self.fresh(h) for h in ("head", "body", "latch", "done"))
        before = self.block_name
        self.do(f"br label %{head}")
        self.label(head)
        self.do(f"{i} = phi i64 [ {begin}, %{before} ], [ {i}.next, %{latch} ]")
        more = self.emit(f"icmp slt i64 {i}, {end}")
        self.do(f"br i1 {more}, label %{body}, label %{done}")
        self.label(body)
        yield i
        self.do(f"br label %{latch}")
        self.label(latch)
        self.do(f"{i}.next = add nsw i64 {i}, {step}")
        self.do(f"br label %{head}")
        self.label(done)

    @contextmanager
    def when(self, predicate, a, b):
        """if (a predicate b) { ... }, comparing int64."""
        then, done = self.fresh("then"), self.fresh("done")
        condition = self.emit(f"icmp {predicate} i64 {a}, {b}")
        self.do(f"br i1 {condition}, label %{then}, label %{done}")
        self.label(then)
        yield
        self.do(f"br label %{done}")
        self.label(done)

    def finish(self):
        """Hands the function's text to its module."""
        head = f"define void @{self.name}({self.parameters}) #0 {{"
        body = ["start:", *self.slots, *self.lines, "  ret void"]
        self.module.functions.append("\n".join([head, *body, "}"]))


class Variables:
    """Local variables holding one Value of `width` lanes for each of `dtypes`."""

    def __init__(self, function, dtypes, width):
        self.block = function.at(width)
        self.dtypes = [compute_dtype(d) for d in dtypes]
        self.slots = []
        for dtype in self.dtypes:
            d = DTYPES[dtype]
            type = self.block.type(d.register)
            self.slots.append(
                (type, [function.slot(type) for _ in range(2 if d.kind == "c" else 1)])
            )

    def get(self):
        """Their values."""
        values = []
        for dtype, (type, slots) in zip(self.dtypes, self.slots):
            values.append(Value(dtype, *[self.block.emit(f"load {type}, ptr {s}") for s in slots]))
        return values

    def set(self, values, mask=None):
        """Assigns, in the lanes of `mask` only if one is given."""
        for value, dtype, (type, slots) in zip(values, self.dtypes, self.slots):
            value = self.block.convert(value, dtype)
            for part, slot in zip((value.name, value.im), slots):
                if mask is not None:
                    old = self.block.emit(f"load {type}, ptr {slot}")
                    part = self.block.select(mask, DTYPES[dtype].register, part, old)
                self.block.lines.append(f"  store {type} {part}, ptr {slot}")


def halves(function, values, width):
    """(lower half, upper half) of values of `width` lanes."""
    wide, half = function.at(width), width // 2
    result = []
    for start in (0, half):
        part = []
        for value in values:
            register = DTYPES[value.dtype].register
            names = [
                _cut(wide, register, name, start, half)
                for name in (value.name, value.im)
                if name is not None
            ]
            part.append(Value(value.dtype, *names))
        result.append(part)
    return result


def _cut(wide, register, name, start, half):
    vector = wide.type(register)
    if half == 1:
        return wide.emit(f"extractelement {vector} {name}, i64 {start}")
    lanes = ", ".join(f"i32 {i}" for i in range(start, start + half))
    return wide.emit(f"shufflevector {vector} {name}, {vector} poison, <{half} x i32> <{lanes}>")
