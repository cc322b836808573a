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

from operator import attrgetter

from ..analysis import cost, lanes
from ..cache import compiled
from ..emit import Block, Module, Value
from ..expression import digest_text, topological, trace
from ..function import Function
from ..lower import arguments_of, lower
from ..types import DTYPES
from .copying import use_copy
from .sweep import LINE

CHUNK = 256  # elements of a 'g' operand that are copied at a time
AHEAD = 4096  # bytes between what is computed and what is fetched into the nearest cache
LONG_BODY = (
    120  # instructions; a third copy of a longer body costs more to compile than masks to run
)


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

    n_in = property(attrgetter("_n_in"), doc="How many inputs there are.")

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

    def compile(self, in_dtypes, as_dtypes, out_dtypes, modes, apart=False):
        """The address of the kernel that reads in_dtypes, computes in as_dtypes, writes out_dtypes.

        apart: of a copy that the caller unloads (see cache.py).
        """
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
            lambda letters: self._gpu_ir(in_dtypes, as_dtypes, out_dtypes, letters),
            apart,
        )

    def _gpu_ir(self, in_dtypes, as_dtypes, out_dtypes, letters):
        from ..gpu import map as gpu_map

        return gpu_map.write(self, in_dtypes, as_dtypes, out_dtypes, letters)

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


_PARAMETERS = (
    "i64 %n_inner, i64 %n_outer, i64 %index0, ptr %ptrs, ptr %inner_strides, ptr %outer_strides"
)


class _Schedule:
    """Writes the loops of one map kernel."""

    def __init__(self, map_, in_dtypes, as_dtypes, out_dtypes, modes, target):
        self.roots = map_.expressions
        self.dtypes = (*out_dtypes, *in_dtypes)
        self.as_dtypes = as_dtypes
        self.n_out = len(out_dtypes)
        self.modes = modes
        self.module = Module(target)
        self.f = Function(self.module, "kernel", _PARAMETERS)
        self.width = lanes(self.roots, as_dtypes, target)
        heavy = cost(self.roots)
        # One maths call hides its latency behind three others: tanh 23.0 -> 21.0 us for 1e5 elements.
        self.unroll = 4 if heavy <= 6 or 12 < heavy <= 30 else 2
        self.uses_index = any(n.op == "index" for n in topological(self.roots))
        self.staged = [k for k, mode in enumerate(modes) if mode == "g"]
        sizes = {DTYPES[d].itemsize for d in self.dtypes}
        complexes = any(DTYPES[d].kind == "c" for d in self.dtypes)
        self.module.even = len(sizes) == 1 and not self.staged and not complexes

    def text(self):
        f, operands = self.f, range(len(self.dtypes))
        self.place = [f.slot("ptr") for _ in operands]
        for k in operands:
            f.do(f"store ptr {f.element('%ptrs', k, 'ptr')}, ptr {self.place[k]}")
        outer = [f.element("%outer_strides", k, "i64") for k in operands]
        self.inner = {k: f.element("%inner_strides", k, "i64") for k in self.staged}
        self.buffer = {
            k: f.slot(f"[{CHUNK * self.itemsize(k)} x i8], align 64") for k in self.staged
        }
        with f.loop(0, "%n_outer") as o:
            row = [f.emit(f"load ptr, ptr {place}") for place in self.place]
            self._row(row, f.add("%index0", f.mul(o, "%n_inner")))
            for k in operands:
                f.do(f"store ptr {f.offset(row[k], outer[k])}, ptr {self.place[k]}")
        self._end_of_stream()
        f.finish()
        return self.module.text()

    def itemsize(self, k):
        return DTYPES[self.dtypes[k]].itemsize

    def _end_of_stream(self):
        """Orders streamed stores before whatever says that the thread is done."""
        if "n" not in self.modes:
            return
        if self.module.target.triple.startswith("x86_64"):
            self.module.declare("llvm.x86.sse.sfence", "void", [])
            self.f.do("call void @llvm.x86.sse.sfence()")
        else:
            self.f.do("fence seq_cst")

    def _row(self, row, index):
        shared = self.f.at(self.width)
        self.scalars = {}
        for k, mode in enumerate(self.modes):
            if mode == "s":
                value = shared.load_splat(row[k], self.dtypes[k])
                self.scalars[k] = shared.convert(value, self.as_dtypes[k - self.n_out])
        self.known = self._computed_once(shared)
        if self.staged:
            with self.f.loop(0, "%n_inner", CHUNK) as first:
                self._chunk(row, index, first)
        else:
            self._vectors(dict(enumerate(row)), "%n_inner", index)

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
        return {id(n): v for n, v in zip(nodes, lower(block, nodes, inputs))}

    def _chunk(self, row, index, first):
        """CHUNK elements from `first` on, with the 'g' operands in their buffers."""
        f = self.f
        n = f.smaller(f.sub("%n_inner", first), CHUNK)
        base, after = {}, []
        for k in range(len(self.dtypes)):
            if k in self.scalars:
                continue
            size = self.itemsize(k)
            base[k] = f.offset(row[k], f.mul(first, self.inner.get(k, size)))
            if k not in self.staged:
                continue
            far, base[k] = f"ptr {base[k]}, i64 {self.inner[k]}", self.buffer[k]
            near = f"ptr {base[k]}, i64 {size}"
            copy = f"call void @{use_copy(self.module, size)}"
            if k >= self.n_out:
                f.do(f"{copy}({near}, {far}, i64 {n})")
            else:
                after.append(f"{copy}({far}, {near}, i64 {n})")
        self._vectors(base, n, f.add(index, first))
        for copy in after:
            f.do(copy)

    def _vectors(self, base, n, index):
        f, body = self.f, self._body(base, index, "%U.i")
        unroll, masks = self.unroll, self.module.target.name == "avx512"
        if len(body) > LONG_BODY and masks and "n" not in self.modes:
            return self._masked_pairs(base, index, n)
        start = f.round_down(n, self.width * unroll)
        if "n" in self.modes:
            body = self._fetch_ahead(base) + body
        with f.loop(0, start, self.width * unroll) as i:
            # With four in turn, long bodies run out of registers.
            for first in range(0, unroll, 2):
                pair = range(first, min(first + 2, unroll))
                f.lines += [f"  %u{u}.i = add i64 {i}, {u * self.width}" for u in pair]
                self._in_turn(body, pair)
        with f.loop(start, n, self.width) as i:
            count = f.smaller(f.sub(n, i), self.width)
            f.lines += self._body(base, index, i, count)

    def _in_turn(self, body, copies):
        """Copies of the body, line by line in turn: the CPU's scheduler then holds a chain of dependent
        operations of each."""
        for line in body:
            self.f.lines += [line.replace("%U.", f"%u{u}.") for u in copies]

    def _masked_pairs(self, base, index, n):
        """One loop for whole vectors and the tail: masks cost next to nothing in a long body."""
        f, width = self.f, self.width
        self.module.declare("llvm.smax.i64", "i64", ["i64", "i64"])
        with f.loop(0, n, 2 * width) as i:
            for u in range(2):
                f.lines.append(f"  %u{u}.i = add i64 {i}, {u * width}")
                count = f.smaller(f.sub(n, f"%u{u}.i"), width)
                f.lines.append(f"  %u{u}.n = call i64 @llvm.smax.i64(i64 {count}, i64 0)")
            self._in_turn(self._body(base, index, "%U.i", "%U.n"), range(2))

    def _fetch_ahead(self, base):
        """Asks for the inputs of a vector a page further on; the hardware's own requests end with the page.

        4M float32, one thread, inputs not in cache: a copy takes 0.89 ms, without it 1.2.
        """
        block = Block(self.module, self.width, prefix="U.ahead")
        self.module.declare("llvm.prefetch.p0", "void", ["ptr", "i32", "i32", "i32"])
        for k in range(self.n_out, len(self.dtypes)):
            if self.modes[k] == "c":
                place = self._place(block, base[k], k, "%U.i")
                for line in range(0, self.width * self.itemsize(k), LINE):
                    there = block.emit(f"getelementptr i8, ptr {place}, i64 {AHEAD + line}")
                    block.lines.append(
                        f"  call void @llvm.prefetch.p0(ptr {there}, i32 0, i32 3, i32 1)"
                    )
        return block.lines

    def _body(self, base, index, i, count=None):
        """The lines that compute the elements from `i` on, %U.NAME each: a vector, or `count` of them."""
        block = Block(self.module, self.width, prefix="U")
        if self.width == 1:
            count = None
        if self.uses_index:
            first = block.emit(f"add i64 {index}, {i}")
            lane = block.splat(first, "i64")
            block.index = Value("int64", block.op("add", "i64", lane, block.iota()))
        inputs = []
        for k in range(self.n_out, len(self.dtypes)):
            if k in self.scalars:
                inputs.append(self.scalars[k])
                continue
            partial = None if self.modes[k] == "g" else count
            value = block.load(self._place(block, base[k], k, i), self.dtypes[k], partial)
            inputs.append(block.convert(value, self.as_dtypes[k - self.n_out]))
        for k, value in enumerate(lower(block, self.roots, inputs, self.known)):
            partial = None if self.modes[k] == "g" else count
            place = self._place(block, base[k], k, i)
            block.store(value, self.dtypes[k], place, partial, stream=self.modes[k] == "n")
        return block.lines

    def _place(self, block, base, k, i):
        offset = block.emit(f"mul i64 {i}, {self.itemsize(k)}")
        return block.emit(f"getelementptr i8, ptr {base}, i64 {offset}")
