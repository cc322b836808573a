"""Reductions on a GPU: a block of threads makes each output, or a thread where outputs are many.

    kernel(i64 sizes[6], i64 operands[n], i64 strides[4 n])

sizes: outputs (inner, outer), elements (outer, inner), elements to a chunk, chunks. operands: pointers,
outputs first; of a parameter its value. strides: of every operand, along those four. Letters: b (a block
for each output), t (a thread); then 1 where elements lie along one dimension, N where they can be counted in 32 bits. Row y of the grid takes chunk y of the elements; only stage partial, which
writes states, has more than one. The number of threads is part of the order in which states are joined.
"""

from ..emit import Module, Value
from ..function import Function
from ..schedules import reduce
from ..schedules.sweep import Accumulators, sweep
from ..targets.ptx import PtxTarget
from ..types import DTYPES
from . import blocks
from .map import quotient

THREADS = 128


def write(reduction, variant, letters):
    """The LLVM IR."""
    module = Module(PtxTarget())
    in_dtypes, as_dtypes, inner, outer, out_dtypes, _, stage = variant
    variant = in_dtypes, as_dtypes, inner, outer, out_dtypes, "g", stage
    _Kernel(reduction, module, *variant).write_for(letters)
    return module.text()


class _Kernel(reduce._Kernel):
    """One variant; what it shares with the CPU's is how elements are loaded and outputs made."""

    def write_for(self, letters):
        n_out, n_in = len(self.out_dtypes), len(self.load_dtypes)
        n = n_out + n_in + len(self.param_dtypes)
        self.f = f = Function(
            self.f.module,
            "kernel",
            f"ptr byval([6 x i64]) align 8 %sizes, ptr byval([{n} x i64]) align 8 %ptrs, "
            f"ptr byval([{4 * n} x i64]) align 8 %strides",
        )
        names = ("inner", "outer", "red0", "red1", "chunk", "chunks")
        self.sizes = {s: f.element("%sizes", i, "i64") for i, s in enumerate(names)}
        self.pointers = [f.element("%ptrs", i, "ptr") for i in range(n_out + n_in)]
        along = [
            [f.element("%strides", axis * n + i, "i64") for i in range(n)] for axis in range(4)
        ]
        self.out_inner, self.out_outer, self.strides0, self.strides1 = along
        self.params = [
            (f.offset("%ptrs", 8 * (n_out + n_in + i)), d) for i, d in enumerate(self.param_dtypes)
        ]
        self.count = f.mul(self.sizes["red0"], self.sizes["red1"])
        outputs = f.mul(self.sizes["inner"], self.sizes["outer"])
        thread = blocks.register(f, "tid.x")
        self.one_line, self.narrow = "1" in letters, "N" in letters
        if letters[0] == "b":
            self.joined = blocks.Joined(f, "states", self.outer_dtypes(), THREADS)
            first, step = blocks.register(f, "ctaid.x"), blocks.register(f, "nctaid.x")
        else:
            first, step = self.target.thread(f)
        # Loads that wait for none of the others, as many as keep the memory busy.
        copies = 1 if self.stage == "combine" else 8 if len(self.inner) == 1 else 4
        state = Accumulators(f, self.algebra, self.inner, self.outer, 1, copies)
        chunk = blocks.register(f, "ctaid.y")
        begin = f.mul(chunk, self.sizes["chunk"])
        end = f.smaller(f.add(begin, self.sizes["chunk"]), self.count)
        if self.stage == "partial":
            self.count = f.sub(end, begin)  # of this chunk, where states carry it
        with f.loop(first, outputs, step) as o:
            place = self.split(o, self.sizes["inner"], self.sizes["outer"])
            at = self.at_output(*place)
            results = self.of_chunk(at[:n_out], chunk)
            if letters[0] == "t":
                self.bring(state, at[n_out:], begin, end, 1, copies)
                self.store_outputs(state.close(), results, 1, None)
            else:
                self.bring(state, at[n_out:], f.add(begin, thread), end, THREADS, copies)
                combine = lambda a, b: self.algebra.combine(f.at(1), a, b, state.outer.dtypes)
                together = self.joined.join(thread, state.close(), combine)
                with f.when("eq", thread, 0):
                    self.store_outputs(together, results, 1, None)
        f.finish()

    def outer_dtypes(self):
        """Those of the states as Accumulators keep them."""
        from ..types import compute_dtype

        return [compute_dtype(d) for d in self.outer]

    def of_chunk(self, pointers, chunk):
        """Results of chunk y lie side by side behind those of the chunks before it."""
        if self.stage != "partial":
            return pointers
        sizes = [DTYPES[d].itemsize for d in self.out_dtypes]
        return [self.f.offset(p, self.f.mul(chunk, s)) for p, s in zip(pointers, sizes)]

    def split(self, number, inner, outer):
        """(place along inner, along outer); a single outer one is spared the division."""
        f = self.f
        at, of = f.slot("i64"), f.slot("i64")
        f.do(f"store i64 {number}, ptr {at}")
        f.do(f"store i64 0, ptr {of}")
        with f.when("ne", outer, 1):
            quotient = f.emit(f"udiv i64 {number}, {inner}")
            f.do(f"store i64 {quotient}, ptr {of}")
            f.do(f"store i64 {f.sub(number, f.mul(quotient, inner))}, ptr {at}")
        return f.emit(f"load i64, ptr {at}"), f.emit(f"load i64, ptr {of}")

    def place_along(self, element):
        """(place along the inner, along the outer reduced dimension) of an element."""
        f, inner = self.f, self.sizes["red1"]
        if self.one_line:
            return element, "0"
        outer = quotient(f, element, inner, self.narrow)
        return f.sub(element, f.mul(outer, inner)), outer

    def at_output(self, i, o):
        f = self.f
        return [
            f.offset(f.offset(p, f.mul(i, s)), f.mul(o, t))
            for p, s, t in zip(self.pointers, self.out_inner, self.out_outer)
        ]

    def bring(self, state, pointers, first, end, step, copies):
        """The elements first, first + step ... below `end` into `state`."""
        f, n_out = self.f, len(self.out_dtypes)
        left = f.add(f.sub(end, first), step - 1)
        n = left if step == 1 else f.emit(f"sdiv i64 {left}, {step}")
        params = self.load_params(1)

        def evaluate(i, count):
            e = f.add(first, f.mul(i, step))
            r1, r0 = self.place_along(e)
            if self.algebra.uses_index:
                f.at(1).index = Value("int64", e)
            values = []
            for k, pointer in enumerate(pointers):
                place = f.offset(pointer, f.mul(r1, self.strides1[n_out + k]))
                if not self.one_line:
                    place = f.offset(place, f.mul(r0, self.strides0[n_out + k]))
                value = f.at(1).load(place, self.load_dtypes[k])
                values.append(f.at(1).convert(value, self.as_dtypes[k]))
            return [values + params]

        state.open()
        sweep(f, [state], n, evaluate, 1, copies, self.blocked)
