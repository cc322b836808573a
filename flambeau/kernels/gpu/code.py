"""Kernels written by hand, as one would in C: numbers with Python's operators, arrays, loops and branches.

    k = Code(sizes=2, pointers=2)                       kernel(i64 sizes[2], i64 pointers[2])
    n, m = k.integers("sizes")
    source, target = k.arrays("pointers", "float16", "float32")
    with k.threads(n) as i:                             each thread takes i, then the one a grid further
        total = k.variable(0.0, "float32")
        with k.loop(0, m) as j:
            total.value += source[i * m + j]
        target[i] = total.value
    k.text()

Numbers have a dtype of those that are computed in: int64, bool, float32, float64; narrower ones live in memory.
"""

from contextlib import contextmanager

from ..emit import Module, Value
from ..expression import input as symbol
from ..function import Function, Variables
from ..lower import lower
from ..targets.ptx import PtxTarget
from ..types import DTYPES, compute_dtype
from . import blocks

_COMPARISONS = {
    "lt": ("slt", "olt"), "le": ("sle", "ole"), "gt": ("sgt", "ogt"), "ge": ("sge", "oge"), "eq": ("eq", "oeq"),
    "ne": ("ne", "une"),
}  # fmt: skip


def _operation(integer, floating=None, swap=False):
    """The method that computes self op other, or with swap other op self."""
    return lambda self, other: self._op(other, integer, floating, swap)


def _comparison(kind):
    return lambda self, other: self._compare(other, kind)


class Number:
    """A value of a thread."""

    __slots__ = ("code", "dtype", "name")
    __hash__ = None

    def __init__(self, code, dtype, name):
        self.code, self.dtype, self.name = code, dtype, name

    @property
    def register(self):
        return DTYPES[self.dtype].register

    @property
    def is_float(self):
        return DTYPES[self.dtype].kind == "f"

    def cast(self, dtype):
        """As another dtype; to a narrow one it is rounded."""
        value = self.code.block.convert(Value(self.dtype, self.name), dtype)
        return Number(self.code, value.dtype, value.name)

    def _pair(self, other):
        """Both as one dtype, the wider: bool, int64, float32, float64."""
        if not isinstance(other, Number):
            kind = "float32" if isinstance(other, float) and not self.is_float else self.dtype
            other = self.code.number(other, kind)
        order = ("bool", "int64", "float32", "float64")
        wide = max(self.dtype, other.dtype, key=order.index)
        return self.cast(wide), other.cast(wide)

    def _op(self, other, integer, floating, swap=False):
        a, b = self._pair(other)
        if swap:
            a, b = b, a
        opcode = floating if a.is_float else integer
        return Number(a.code, a.dtype, a.code.f.emit(f"{opcode} {a.register} {a.name}, {b.name}"))

    __add__, __radd__ = _operation("add", "fadd"), _operation("add", "fadd", True)
    __sub__, __rsub__ = _operation("sub", "fsub"), _operation("sub", "fsub", True)
    __mul__, __rmul__ = _operation("mul", "fmul"), _operation("mul", "fmul", True)
    __truediv__, __rtruediv__ = _operation(None, "fdiv"), _operation(None, "fdiv", True)
    __floordiv__, __mod__ = _operation("udiv"), _operation("urem")  # of integers from 0 on
    __and__, __or__, __xor__ = _operation("and"), _operation("or"), _operation("xor")
    __rshift__, __lshift__ = _operation("ashr"), _operation("shl")

    def __neg__(self):
        return self.code.unary("fneg", self) if self.is_float else 0 - self

    def __invert__(self):
        return self ^ (True if self.dtype == "bool" else -1)

    def _compare(self, other, kind):
        a, b = self._pair(other)
        predicate = _COMPARISONS[kind][a.is_float]
        opcode = "fcmp" if a.is_float else "icmp"
        name = a.code.f.emit(f"{opcode} {predicate} {a.register} {a.name}, {b.name}")
        return Number(a.code, "bool", name)

    __lt__, __le__, __eq__ = _comparison("lt"), _comparison("le"), _comparison("eq")
    __gt__, __ge__, __ne__ = _comparison("gt"), _comparison("ge"), _comparison("ne")


class Variable:
    """A number that changes: `value`."""

    def __init__(self, code, start, dtype):
        self.code, self.dtype = code, compute_dtype(dtype)
        self.variables = Variables(code.f, [dtype], 1)
        self.value = start

    @property
    def value(self):
        return Number(self.code, self.dtype, self.variables.get()[0].name)

    @value.setter
    def value(self, new):
        new = self.code.number(new, self.dtype)
        self.variables.set([Value(new.dtype, new.name)])


class Array:
    """Elements of one dtype in memory, by int64 indices."""

    def __init__(self, code, dtype, pointer):
        self.code, self.dtype, self.pointer = code, dtype, pointer

    def place(self, index):
        """The address of an element."""
        index = self.code.number(index, "int64")
        return self.code.f.offset(
            self.pointer, self.code.f.mul(index.name, DTYPES[self.dtype].itemsize)
        )

    def __getitem__(self, index):
        value = self.code.block.load(self.place(index), self.dtype)
        return Number(self.code, value.dtype, value.name)

    def __setitem__(self, index, value):
        value = self.code.number(value, compute_dtype(self.dtype))
        self.code.block.store(Value(value.dtype, value.name), self.dtype, self.place(index))

    def from_(self, index):
        """The elements from `index` on."""
        return Array(self.code, self.dtype, self.place(index))


class Shared:
    """Elements that the threads of a block share."""

    def __init__(self, code, name, dtype, count):
        self.code, self.dtype = code, dtype
        self.memory = blocks.memory_type(DTYPES[dtype].register)
        nbytes = count * max(1, DTYPES[dtype].itemsize)
        self.pointer = blocks.shared(code.f.module, name, nbytes)

    def _place(self, index):
        index = self.code.number(index, "int64")
        return self.code.f.emit(
            f"getelementptr {self.memory}, ptr addrspace(3) {self.pointer}, i64 {index.name}"
        )

    def __getitem__(self, index):
        name = self.code.f.emit(f"load {self.memory}, ptr addrspace(3) {self._place(index)}")
        return Number(self.code, self.dtype, name)

    def __setitem__(self, index, value):
        value = self.code.number(value, self.dtype)
        place = self._place(index)
        self.code.f.do(f"store {self.memory} {value.name}, ptr addrspace(3) {place}")


class Code:
    """One kernel; parameters are arrays of 64-bit words, passed by value."""

    def __init__(self, **parameters):
        self.words = parameters
        listed = ", ".join(
            f"ptr byval([{n} x i64]) align 8 %{name}" for name, n in parameters.items()
        )
        self.f = Function(Module(PtxTarget()), "kernel", listed)
        self.block = self.f.at(1)

    def text(self):
        """The LLVM IR."""
        self.f.finish()
        return self.f.module.text()

    # -- parameters

    def integers(self, name):
        """The words of a parameter as int64."""
        return [
            Number(self, "int64", self.f.element(f"%{name}", i, "i64"))
            for i in range(self.words[name])
        ]

    def reals(self, name):
        """The words of a parameter as float64."""
        return [
            Number(self, "float64", self.f.element(f"%{name}", i, "double"))
            for i in range(self.words[name])
        ]

    def arrays(self, name, *dtypes):
        """The words of a parameter as addresses of elements of these dtypes."""
        return [
            Array(self, dtype, self.f.element(f"%{name}", i, "ptr"))
            for i, dtype in enumerate(dtypes)
        ]

    # -- numbers

    def number(self, value, dtype):
        """A Python number or a Number, as `dtype`."""
        if isinstance(value, Number):
            return value if value.dtype == dtype else value.cast(dtype)
        return Number(self, dtype, self.block.imm(value, DTYPES[dtype].register))

    def variable(self, start, dtype="int64"):
        return Variable(self, start, dtype)

    def variables(self, count, start, dtype):
        """Several, for loops that are written out."""
        return [Variable(self, start, dtype) for _ in range(count)]

    def unary(self, opcode, a):
        return Number(self, a.dtype, self.f.emit(f"{opcode} {a.register} {a.name}"))

    def pair(self, a, b):
        """Both as Numbers of one dtype; of two Python numbers int64, or float32 where one is a float."""
        if isinstance(a, Number):
            return a._pair(b)
        if isinstance(b, Number):
            return b._pair(a)[::-1]
        kind = "float32" if isinstance(a, float) or isinstance(b, float) else "int64"
        return self.number(a, kind), self.number(b, kind)

    def where(self, condition, a, b):
        a, b = self.pair(a, b)
        name = self.block.select(condition.name, a.register, a.name, b.name)
        return Number(self, a.dtype, name)

    def smaller(self, a, b):
        """Of integers, or of floats without NaN."""
        a, b = self.pair(a, b)
        return self.where(a < b, a, b)

    def larger(self, a, b):
        a, b = self.pair(a, b)
        return self.where(a > b, a, b)

    def fma(self, a, b, c):
        """a * b + c, rounded once, in c's dtype."""
        a, b = self.number(a, c.dtype), self.number(b, c.dtype)
        return Number(
            self, c.dtype, self.block.intrinsic("fma", c.register, a.name, b.name, c.name)
        )

    def of(self, function, *numbers):
        """A function of the kernel language (language.exp ...) of numbers."""
        root = function(*[symbol(i) for i in range(len(numbers))])
        (value,) = lower(self.block, [root], [Value(n.dtype, n.name) for n in numbers])
        return Number(self, value.dtype, value.name)

    # -- threads and control

    def thread(self):
        return Number(self, "int64", blocks.register(self.f, "tid.x"))

    def block_number(self, axis="x"):
        return Number(self, "int64", blocks.register(self.f, f"ctaid.{axis}"))

    def block_count(self, axis="x"):
        return Number(self, "int64", blocks.register(self.f, f"nctaid.{axis}"))

    def shared(self, name, dtype, count):
        return Shared(self, name, dtype, count)

    def barrier(self):
        blocks.barrier(self.f)

    @contextmanager
    def loop(self, begin, end, step=1):
        """for (i = begin; i < end; i += step), yielding i."""
        begin, end, step = (self.number(v, "int64").name for v in (begin, end, step))
        with self.f.loop(begin, end, step) as i:
            yield Number(self, "int64", i)

    def threads(self, n):
        """A loop over n items, which the threads of the grid share."""
        first, step = self.f.module.target.thread(self.f)
        return self.loop(Number(self, "int64", first), n, Number(self, "int64", step))

    @contextmanager
    def repeat(self, condition):
        """while (condition()) { ... }"""
        f = self.f
        head, body, done = (f.fresh(h) for h in ("head", "body", "done"))
        f.do(f"br label %{head}")
        f.label(head)
        f.do(f"br i1 {condition().name}, label %{body}, label %{done}")
        f.label(body)
        yield
        f.do(f"br label %{head}")
        f.label(done)

    @contextmanager
    def when(self, condition):
        """if (condition) { ... }"""
        with self.f.when("ne", self.f.emit(f"zext i1 {condition.name} to i64"), 0):
            yield
