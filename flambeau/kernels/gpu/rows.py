"""Functions of whole rows on a GPU: a block of threads for each row, thread t at elements t, t + T ...

    kernel(i64 sizes[2], i64 operands[n], i64 strides[n])

sizes: rows, their length. operands: pointers, outputs first, or values ('v' of `letters`, else 'p'); the last
letter tells how many threads a block has (THREADS), more for longer rows, so that the rows of a multiprocessor
stay in its cache from pass to pass.
Each pass ends with the block's states joined, so that all threads know the row's values for the next.
An element is read and written by one thread in every pass; what `pick` reads is read before a barrier
that stands in front of the last pass, so outputs may be inputs here too.
"""

from ..emit import Module
from ..function import Function
from ..lower import lower
from ..schedules import rows
from ..schedules.sweep import sweep
from ..targets.ptx import PtxTarget
from . import blocks

THREADS = {"a": 128, "b": 256, "c": 512}
COPIES = 4  # elements of a thread whose loads wait for none of the others


def write(rows_, variant, letters):
    """The LLVM IR."""
    module = Module(PtxTarget())
    _Kernel(rows_, module, *variant).write_for(letters)
    return module.text()


class _Kernel(rows._Kernel):
    def write_for(self, letters):
        letters, self.threads = letters[:-1], THREADS[letters[-1]]
        n = len(letters)
        self.f = f = Function(
            self.f.module,
            "kernel",
            f"ptr byval([2 x i64]) align 8 %sizes, ptr byval([{n} x i64]) align 8 %ptrs, "
            f"ptr byval([{n} x i64]) align 8 %row_strides",
        )
        f.do("%n_rows = load i64, ptr %sizes, align 8")
        f.do(f"%row_len = load i64, ptr {f.offset('%sizes', 8)}, align 8")
        f.do("%row0 = add i64 0, 0")
        self.pointers = [
            f.offset("%ptrs", 8 * i) if kind == "v" else f.element("%ptrs", i, "ptr")
            for i, kind in enumerate(letters)
        ]
        self.strides = [f.element("%row_strides", i, "i64") for i in range(n)]
        self.rows, self.width, self.n = 1, 1, 1
        self.short = "0"
        self.passes = 0
        self.thread = blocks.register(f, "tid.x")
        first, step = blocks.register(f, "ctaid.x"), blocks.register(f, "nctaid.x")
        with f.loop(first, "%n_rows", step) as row:
            self.first = row
            self.group()
        f.finish()

    def elements(self):
        """How many elements this thread takes."""
        f = self.f
        left = f.add(f.sub("%row_len", self.thread), self.threads - 1)
        return f.emit(f"sdiv i64 {left}, {self.threads}")

    def element(self, i):
        return self.f.add(self.thread, self.f.mul(i, self.threads))

    def copies(self, width, calls):
        return COPIES

    def sweep(self, accumulators, evaluate, copies, blocked):
        f = self.f
        for a in accumulators:
            a.open()
        mine = lambda i, count: evaluate(self.element(i), count)
        sweep(f, accumulators, self.elements(), mine, 1, copies, blocked)
        for a in accumulators:
            self.passes += 1
            joined = blocks.Joined(f, f"states.{self.passes}", a.outer.dtypes, self.threads)
            combine = lambda x, y, a=a: a.algebra.combine(f.at(1), x, y, a.outer.dtypes)
            a.outer.set(joined.join(self.thread, a.outer.get(), combine))

    def last_pass(self, roots):
        f, block = self.f, self.f.at(1)
        if any(s.op == "pick" for s in self.plan.specials):
            blocks.barrier(f)
        roots, prepare = self.supplier(roots, 1)
        self.at_row(0)
        supply = prepare(0)
        several = f.round_down(self.elements(), COPIES)
        with f.loop(0, several, COPIES) as first:
            places = [self.element(f.add(first, copy)) for copy in range(COPIES)]
            inputs = [supply(i, None) for i in places]  # all are read before the first is written
            for i, given in zip(places, inputs):
                self.put_all(lower(block, roots, given), i)
        with f.loop(self.element(several), "%row_len", self.threads) as i:
            self.put_all(lower(block, roots, supply(i, None)), i)

    def put_all(self, values, i):
        for j, value in zip(self.vector_outputs, values):
            self.put(value, j, i, None)

    def close_group(self):
        with self.f.when("eq", self.thread, 0):
            super().close_group()
