"""The map schedule: a pointwise function over broadcast, strided operands.

    void kernel(int64 n_inner, int64 n_outer, int64 index0, char* const* ptrs,
                const int64* inner_strides, const int64* outer_strides)

computes out[o, i] = f(in[o, i]) with strides in bytes, outputs before inputs. One character per
operand tells its inner layout: 'c' contiguous, 's' one value per outer row, 'g' any stride, 'n' contiguous,
aligned to 64 bytes and too long for the caches: written past them (an output only).
Outputs may be inputs (the same pointer and strides).

    rows o:    load the 's' operands
      chunks:  only if there is a 'g' operand: 256 elements of each are copied to a buffer
        full:  unrolled vectors            | x x x x | x x x x |
        tail:  one vector at a time, masked            | x x . . |
      chunks:  'g' outputs are copied from their buffers to where they belong
"""

from .. import types
from ..cache import compiled
from ..emit import Block, Module, Value
from ..expression import digest_text, topological, trace
from ..lower import arguments_of
from ..types import DTYPES, compute_dtype

CHUNK = 256  # elements of a 'g' operand that are copied at a time
LINE = 64  # bytes of a cache line
AHEAD = 4096  # bytes between what is computed and what is fetched into the nearest cache
LONG_BODY = 120  # instructions; a second copy of a longer body costs more to compile than it gains


class Map:
    """A pointwise function: `fn` of symbols, compiled for dtypes and layouts on demand."""

    def __init__(self, fn, name=None, n_in=None):
        self._fn = fn
        self.name = name or getattr(fn, "__name__", "map")
        self._n_in = n_in if n_in is not None else fn.__code__.co_argcount
        self._expressions = self._digest = None
        self._overrides = {}
        self._derivatives = {}

    @classmethod
    def of(cls, expressions, n_in, name):
        """The map of given expressions of input(0) ... input(n_in - 1)."""
        self = cls(None, name, n_in)
        self._expressions = tuple(expressions)
        return self

    # Not functools.cached_property: before Python 3.12 it holds a lock that a fork may leave held.
    @property
    def expressions(self):
        """One expression per output, traced when first needed."""
        if self._expressions is None:
            self._expressions = trace(self._fn, self._n_in)
        return self._expressions

    @property
    def n_in(self):
        return self._n_in

    @property
    def n_out(self):
        return len(self.expressions)

    @property
    def size(self):
        """How many operations an element takes."""
        return sum(bool(n.args) for n in topological(self.expressions))

    @property
    def digest(self):
        if self._digest is None:
            self._digest = digest_text(self.expressions)
        return self._digest

    def compile(self, in_dtypes, as_dtypes, out_dtypes, modes):
        """The address of the kernel that reads in_dtypes, computes in as_dtypes, writes out_dtypes."""
        in_dtypes, as_dtypes, out_dtypes = tuple(in_dtypes), tuple(as_dtypes), tuple(out_dtypes)
        modes = "".join(modes)
        self._check(in_dtypes, as_dtypes, out_dtypes, modes)
        key = "\n".join(
            ("map", self.digest, *in_dtypes, "as", *as_dtypes, "to", *out_dtypes, modes)
        )
        signature = f"({', '.join(in_dtypes)}) -> ({', '.join(out_dtypes)}) {modes}"
        return compiled(
            self.name,
            signature,
            key,
            lambda target: self.ir(in_dtypes, as_dtypes, out_dtypes, modes, target),
        )

    def _check(self, in_dtypes, as_dtypes, out_dtypes, modes):
        sizes = len(in_dtypes), len(as_dtypes), len(out_dtypes), len(modes)
        if sizes != (self.n_in, self.n_in, self.n_out, self.n_in + self.n_out):
            raise ValueError(
                f"kernel {self.name} has {self.n_in} inputs and {self.n_out} outputs, got "
                f"{sizes[0]} input and {sizes[1]} computing dtypes, {sizes[2]} output "
                f"dtypes and {sizes[3]} modes"
            )
        if "s" in modes[: self.n_out] or "n" in modes[self.n_out :] or set(modes) - set("csgn"):
            raise ValueError(
                f"kernel {self.name}: modes are c, s (inputs only), n (outputs only) or g, not {modes!r}"
            )

    def ir(self, in_dtypes, as_dtypes, out_dtypes, modes, target=None):
        """The LLVM IR of the kernel as text."""
        from ..targets import cpu

        target = target or cpu.host()
        if target.name == "ptx":
            from ..targets.ptx import map_ir

            return map_ir(self, in_dtypes, as_dtypes, out_dtypes, modes)
        return _Schedule(self, in_dtypes, as_dtypes, out_dtypes, modes, target).text()

    def ptx(self, in_dtypes, as_dtypes, out_dtypes, modes, arch="sm_70"):
        """The PTX of the same function for a GPU: one element per thread and turn."""
        from ..targets.ptx import map_ptx

        return map_ptx(self, in_dtypes, as_dtypes, out_dtypes, modes, arch)

    def interpret(self, inputs, in_dtypes, as_dtypes, out_dtypes, index0=0):
        """The outputs as NumPy arrays, computed slowly and independently of LLVM."""
        from ..interpret.pointwise import interpret_map

        return interpret_map(self, inputs, in_dtypes, as_dtypes, out_dtypes, index0)

    def derivative(self, i):
        """(Map of (grad_outputs ..., *used), used) of input i, or None if it is zero everywhere.

        `used` tells what the map reads beside the gradients: j for input j, -1 - k for output k.
        """
        from ..derive import derivative

        if i not in self._derivatives:
            self._derivatives[i] = derivative(self, i)
        return self._derivatives[i]

    def override_of(self, i):
        """The function given for the gradient of input i alone, or None."""
        if i in self._overrides:
            return self._overrides[i]
        if None in self._overrides:
            return lambda *args: self._overrides[None](*args)[i]
        return None

    def override(self, i, fn):
        """Gives the derivative of input i as fn(grad_output, *inputs, result); i = None: a tuple for all."""
        self._overrides[i] = fn
        self._derivatives.clear()
        return self


def infer(roots, as_dtypes):
    """The (dtype, weak) of every node below `roots`, by id."""
    found = {}
    for n in topological(roots):
        if n.op == "const":
            found[id(n)] = types.weak_dtype(n.attr), True
        elif n.op == "input":
            found[id(n)] = compute_dtype(as_dtypes[n.attr]), False
        elif n.op == "index":
            found[id(n)] = "int64", False
        else:
            _, result, weak = types.signature(n, [found[id(a)] for a in n.args])
            found[id(n)] = result, weak
    return found


def lanes(roots, as_dtypes, target):
    """How many elements one vector holds: as many as fit of the widest dtype computed with.

    Maths functions outweigh the rest: where there are some, their dtypes decide.
    """
    widest = widest_call = 0
    found = infer(roots, as_dtypes)
    for n in topological(roots):
        dtype, weak = found[id(n)]
        if not weak and n.op != "index" and dtype != "bool":
            widest = max(widest, DTYPES[dtype].bits // 8)
            if n.op == "call":
                widest_call = max(widest_call, DTYPES[dtype].bits // 8)
    return target.vector_bytes // (widest_call or widest or 1)


def cost(roots):
    """A rough number of instructions of an element."""
    return sum(
        25 if n.op in ("call", "fmod", "remainder", "floor_div", "div") else 1
        for n in topological(roots)
        if n.op not in ("input", "const")
    )


COPY_FUNCTION = """define internal void @{name}(ptr %to, i64 %to.stride, ptr %from, i64 %from.stride, i64 %n) noinline #0 {{
entry:
  %to.2 = shl i64 %to.stride, 1
  %to.3 = add i64 %to.2, %to.stride
  %to.4 = shl i64 %to.stride, 2
  %from.2 = shl i64 %from.stride, 1
  %from.3 = add i64 %from.2, %from.stride
  %from.4 = shl i64 %from.stride, 2
  %packed = icmp eq i64 %to.stride, {size}
  %apart = icmp eq i64 %from.stride, {twice}
  %second = and i1 %packed, %apart
  %seconds = select i1 %second, i64 %n, i64 0
  br label %pairs
pairs:
  %k = phi i64 [ 0, %entry ], [ %k.next, %pairs.turn ]
  %k.next = add i64 %k, {lanes}
  %more.pairs = icmp slt i64 %k.next, %seconds
  br i1 %more.pairs, label %pairs.turn, label %fours.start
pairs.turn:
  %k.from = mul i64 %k, {twice}
  %k.to = mul i64 %k, {size}
  %pairs.from = getelementptr i8, ptr %from, i64 %k.from
  %pairs.to = getelementptr i8, ptr %to, i64 %k.to
  %wide = load <{wide} x i{bits}>, ptr %pairs.from, align {align}
  %even = shufflevector <{wide} x i{bits}> %wide, <{wide} x i{bits}> poison, <{lanes} x i32> <{evens}>
  store <{lanes} x i{bits}> %even, ptr %pairs.to, align {align}
  br label %pairs
fours.start:
  %p.off = mul i64 %k, %from.stride
  %q.off = mul i64 %k, %to.stride
  %p.start = getelementptr i8, ptr %from, i64 %p.off
  %q.start = getelementptr i8, ptr %to, i64 %q.off
  br label %fours
fours:
  %i = phi i64 [ %k, %fours.start ], [ %i.next, %fours.turn ]
  %p = phi ptr [ %p.start, %fours.start ], [ %p.next, %fours.turn ]
  %q = phi ptr [ %q.start, %fours.start ], [ %q.next, %fours.turn ]
  %i.next = add i64 %i, 4
  %more.fours = icmp sle i64 %i.next, %n
  br i1 %more.fours, label %fours.turn, label %ones
fours.turn:
  %p1 = getelementptr i8, ptr %p, i64 %from.stride
  %p2 = getelementptr i8, ptr %p, i64 %from.2
  %p3 = getelementptr i8, ptr %p, i64 %from.3
  %q1 = getelementptr i8, ptr %q, i64 %to.stride
  %q2 = getelementptr i8, ptr %q, i64 %to.2
  %q3 = getelementptr i8, ptr %q, i64 %to.3
  %x0 = load {type}, ptr %p, align {align}
  %x1 = load {type}, ptr %p1, align {align}
  %x2 = load {type}, ptr %p2, align {align}
  %x3 = load {type}, ptr %p3, align {align}
  store {type} %x0, ptr %q, align {align}
  store {type} %x1, ptr %q1, align {align}
  store {type} %x2, ptr %q2, align {align}
  store {type} %x3, ptr %q3, align {align}
  %p.next = getelementptr i8, ptr %p, i64 %from.4
  %q.next = getelementptr i8, ptr %q, i64 %to.4
  br label %fours
ones:
  %j = phi i64 [ %i, %fours ], [ %j.next, %ones.turn ]
  %s = phi ptr [ %p, %fours ], [ %s.next, %ones.turn ]
  %t = phi ptr [ %q, %fours ], [ %t.next, %ones.turn ]
  %more.ones = icmp slt i64 %j, %n
  br i1 %more.ones, label %ones.turn, label %done
ones.turn:
  %x = load {type}, ptr %s, align {align}
  store {type} %x, ptr %t, align {align}
  %s.next = getelementptr i8, ptr %s, i64 %from.stride
  %t.next = getelementptr i8, ptr %t, i64 %to.stride
  %j.next = add i64 %j, 1
  br label %ones
done:
  ret void
}}
"""


def use_copy(module, itemsize):
    """The name of the function that copies n elements of `itemsize` bytes between two strides.

    Every second element into a buffer goes by vectors, of which the last stays off what lies behind the last
    element; all else four elements a turn.
    """
    memory = {1: "i8", 2: "i16", 4: "i32", 8: "i64", 16: "<2 x i64>"}[itemsize]
    lanes = max(module.target.vector_bytes // itemsize, 1)
    name = f"copy.{itemsize}"
    module.helpers[name] = COPY_FUNCTION.format(
        name=name,
        size=itemsize,
        twice=2 * itemsize,
        type=memory,
        bits=8 * itemsize,
        align=min(itemsize, 4),
        lanes=lanes,
        wide=2 * lanes,
        evens=", ".join(f"i32 {2 * i}" for i in range(lanes)),
    )
    return name


class _Schedule:
    """Writes the loops of one map kernel."""

    def __init__(self, map_, in_dtypes, as_dtypes, out_dtypes, modes, target):
        self.roots = map_.expressions
        self.dtypes = (*out_dtypes, *in_dtypes)
        self.as_dtypes = as_dtypes
        self.n_out = len(out_dtypes)
        self.modes = modes
        self.module = Module(target)
        self.width = lanes(self.roots, as_dtypes, target)
        heavy = cost(self.roots)
        # One maths call hides its latency behind three others: tanh 23.0 -> 21.0 us for 1e5 elements.
        self.unroll = 4 if heavy <= 6 or 12 < heavy <= 30 else 2 if heavy <= 40 else 1
        self.uses_index = any(n.op == "index" for n in topological(self.roots))
        self.staged = [k for k, mode in enumerate(modes) if mode == "g"]

    def text(self):
        lines = self._prologue() + self._rows()
        self.module.functions.append(
            "define void @kernel(i64 %n_inner, i64 %n_outer, i64 %index0, ptr %ptrs, "
            "ptr %inner_strides, ptr %outer_strides) #0 {\n" + "\n".join(lines) + "\n}\n"
        )
        return self.module.text()

    def itemsize(self, k):
        return DTYPES[self.dtypes[k]].itemsize

    def _prologue(self):
        lines = ["entry:"]
        for k in range(len(self.dtypes)):
            lines += [
                f"  %ptr.at.{k} = getelementptr ptr, ptr %ptrs, i64 {k}",
                f"  %start.{k} = load ptr, ptr %ptr.at.{k}, align 8",
                f"  %outer.at.{k} = getelementptr i64, ptr %outer_strides, i64 {k}",
                f"  %outer.{k} = load i64, ptr %outer.at.{k}, align 8",
            ]
        for k in self.staged:
            lines += [
                f"  %inner.at.{k} = getelementptr i64, ptr %inner_strides, i64 {k}",
                f"  %inner.{k} = load i64, ptr %inner.at.{k}, align 8",
                f"  %buffer.{k} = alloca [{CHUNK * self.itemsize(k)} x i8], align 64",
            ]
        return [*lines, "  br label %rows"]

    def _rows(self):
        operands = range(len(self.dtypes))
        lines = ["rows:", "  %o = phi i64 [ 0, %entry ], [ %o.next, %row.end ]"]
        for k in operands:
            lines.append(
                f"  %row.{k} = phi ptr [ %start.{k}, %entry ], [ %row.next.{k}, %row.end ]"
            )
        lines += [
            "  %more.rows = icmp slt i64 %o, %n_outer",
            "  br i1 %more.rows, label %row, label %done",
            "row:",
            "  %o.elements = mul i64 %o, %n_inner",
            "  %row.index = add i64 %index0, %o.elements",
        ]
        shared = Block(self.module, self.width, prefix="s")
        self.scalars = {}
        for k in operands:
            if self.modes[k] == "s":
                value = shared.load_splat(f"%row.{k}", self.dtypes[k])
                self.scalars[k] = shared.convert(value, self.as_dtypes[k - self.n_out])
        self.known = self._computed_once(shared)
        lines += shared.lines
        lines += self._chunks() if self.staged else self._whole_row()
        lines += ["row.end:", "  %o.next = add i64 %o, 1"]
        for k in operands:
            lines.append(f"  %row.next.{k} = getelementptr i8, ptr %row.{k}, i64 %outer.{k}")
        return [*lines, "  br label %rows", "done:", *self._end_of_stream(), "  ret void"]

    def _end_of_stream(self):
        """Orders streamed stores before whatever says that the thread is done."""
        if "n" not in self.modes:
            return []
        if not self.module.target.triple.startswith("x86_64"):
            return ["  fence seq_cst"]
        self.module.declare("llvm.x86.sse.sfence", "void", [])
        return ["  call void @llvm.x86.sse.sfence()"]

    def _computed_once(self, block):
        """The values, by id, of the largest subexpressions that read 's' operands only."""
        inputs = {k - self.n_out: value for k, value in self.scalars.items()}
        CONSTANT, SINGLE, PER_ELEMENT = range(3)
        kind, found = {}, {}
        for n in topological(self.roots):
            if n.op == "input":
                kind[id(n)] = SINGLE if n.attr in inputs else PER_ELEMENT
            elif n.op == "index":
                kind[id(n)] = PER_ELEMENT
            else:
                kind[id(n)] = max((kind[id(a)] for a in n.args), default=CONSTANT)
            if kind[id(n)] == PER_ELEMENT:
                found.update(
                    (id(a), a)
                    for a in arguments_of(n, block.contract)
                    if a.args and kind[id(a)] == SINGLE
                )
        found.update((id(r), r) for r in self.roots if r.args and kind[id(r)] == SINGLE)
        nodes = list(found.values())
        return {id(n): v for n, v in zip(nodes, block.lower(nodes, inputs))}

    def _whole_row(self):
        base = {k: f"%row.{k}" for k in range(len(self.dtypes))}
        return [
            "  br label %vectors",
            *self._vectors(base, "%n_inner", "%row.index"),
            "vectors.end:",
            "  br label %row.end",
        ]

    def _chunks(self):
        base, before, after = {}, [], []
        for k, dtype in enumerate(self.dtypes):
            size = DTYPES[dtype].itemsize
            if self.modes[k] == "g":
                name = use_copy(self.module, size)
                base[k] = f"%buffer.{k}"
                there = [
                    f"  %far.off.{k} = mul i64 %chunk, %inner.{k}",
                    f"  %far.{k} = getelementptr i8, ptr %row.{k}, i64 %far.off.{k}",
                ]
                before += there
                if k >= self.n_out:
                    before.append(
                        f"  call void @{name}(ptr %buffer.{k}, i64 {size}, ptr %far.{k}, "
                        f"i64 %inner.{k}, i64 %chunk.n)"
                    )
                else:
                    after.append(
                        f"  call void @{name}(ptr %far.{k}, i64 %inner.{k}, ptr %buffer.{k}, "
                        f"i64 {size}, i64 %chunk.n)"
                    )
            elif self.modes[k] in "cn":
                base[k] = f"%near.{k}"
                before += [
                    f"  %near.off.{k} = mul i64 %chunk, {size}",
                    f"  %near.{k} = getelementptr i8, ptr %row.{k}, i64 %near.off.{k}",
                ]
        return [
            "  br label %chunks",
            "chunks:",
            "  %chunk = phi i64 [ 0, %row ], [ %chunk.next, %vectors.end ]",
            "  %more.chunks = icmp slt i64 %chunk, %n_inner",
            "  br i1 %more.chunks, label %chunk.start, label %row.end",
            "chunk.start:",
            "  %left = sub i64 %n_inner, %chunk",
            f"  %short = icmp slt i64 %left, {CHUNK}",
            f"  %chunk.n = select i1 %short, i64 %left, i64 {CHUNK}",
            "  %chunk.index = add i64 %row.index, %chunk",
            *before,
            "  br label %vectors",
            *self._vectors(base, "%chunk.n", "%chunk.index"),
            "vectors.end:",
            *after,
            f"  %chunk.next = add i64 %chunk, {CHUNK}",
            "  br label %chunks",
        ]

    def _vectors(self, base, n, index):
        step = self.width * self.unroll
        body = self._body(base, index, None)
        if len(body) > LONG_BODY and self.module.target.name == "avx512" and "n" not in self.modes:
            return self._masked_loop(base, n, index)
        copies = []
        ahead = self._fetch_ahead(base) if "n" in self.modes else []
        # Two copies line by line in turn: the CPU's scheduler then holds two chains of dependent operations. With
        # four, long bodies run out of registers.
        for first in range(0, self.unroll, 2):
            pair = range(first, min(first + 2, self.unroll))
            copies += [f"  %u{u}.i = add i64 %i, {u * self.width}" for u in pair]
            for line in ahead + body:
                copies += [line.replace("%U.", f"%u{u}.") for u in pair]
        return [
            "vectors:",
            f"  %full.end = and i64 {n}, {-step}",
            "  br label %full",
            "full:",
            "  %i = phi i64 [ 0, %vectors ], [ %i.next, %full.body ]",
            "  %more.full = icmp slt i64 %i, %full.end",
            "  br i1 %more.full, label %full.body, label %tail",
            "full.body:",
            *copies,
            f"  %i.next = add i64 %i, {step}",
            "  br label %full",
            *self._tail_loop("%i, %full", base, n, index),
        ]

    def _fetch_ahead(self, base):
        """Asks for the inputs of a vector a page further on; the hardware's own requests end with the page.

        4M float32, one thread, inputs not in cache: a copy takes 0.89 ms, without it 1.2.
        """
        block = Block(self.module, self.width, prefix="U.ahead")
        self.module.declare("llvm.prefetch.p0", "void", ["ptr", "i32", "i32", "i32"])
        for k in range(self.n_out, len(self.dtypes)):
            if self.modes[k] == "c":
                place = self._place(block, base[k], k)
                for line in range(0, self.width * self.itemsize(k), LINE):
                    there = block.emit(f"getelementptr i8, ptr {place}, i64 {AHEAD + line}")
                    block.lines.append(
                        f"  call void @llvm.prefetch.p0(ptr {there}, i32 0, i32 3, i32 1)"
                    )
        return block.lines

    def _masked_loop(self, base, n, index):
        """One loop for whole vectors and the tail: masks cost next to nothing in a long body."""
        return [
            "vectors:",
            "  br label %tail",
            *self._tail_loop("0, %vectors", base, n, index),
        ]

    def _tail_loop(self, start, base, n, index):
        """From element `start` on, with masks; `start` is a value and the label it comes from."""
        body = [line.replace("%U.", "%t.") for line in self._body(base, index, "%t.count")]
        return [
            "tail:",
            f"  %t.i = phi i64 [ {start} ], [ %t.next, %tail.body ]",
            f"  %more.tail = icmp slt i64 %t.i, {n}",
            "  br i1 %more.tail, label %tail.body, label %vectors.end",
            "tail.body:",
            f"  %t.left = sub i64 {n}, %t.i",
            f"  %t.few = icmp slt i64 %t.left, {self.width}",
            f"  %t.count = select i1 %t.few, i64 %t.left, i64 {self.width}",
            *body,
            f"  %t.next = add i64 %t.i, {self.width}",
            "  br label %tail",
        ]

    def _body(self, base, index, count):
        block = Block(self.module, self.width, prefix="U")
        if self.width == 1:
            count = None
        if self.uses_index:
            first = block.emit(f"add i64 {index}, %U.i")
            lane = block.splat(first, "i64")
            block.index = Value("int64", block.op("add", "i64", lane, block.iota()))
        inputs = []
        for k in range(self.n_out, len(self.dtypes)):
            if k in self.scalars:
                inputs.append(self.scalars[k])
                continue
            place = self._place(block, base[k], k)
            partial = None if self.modes[k] == "g" else count
            value = block.load(place, self.dtypes[k], partial)
            inputs.append(block.convert(value, self.as_dtypes[k - self.n_out]))
        results = block.lower(self.roots, inputs, self.known)
        for k, value in enumerate(results):
            place = self._place(block, base[k], k)
            partial = None if self.modes[k] == "g" else count
            block.store(value, self.dtypes[k], place, partial, stream=self.modes[k] == "n")
        return block.lines

    def _place(self, block, base, k):
        offset = block.emit(f"mul i64 %U.i, {self.itemsize(k)}")
        return block.emit(f"getelementptr i8, ptr {base}, i64 {offset}")
