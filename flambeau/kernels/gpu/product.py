"""Products of matrices on a GPU: tiles of 64 by 64 results to a block, through shared memory.

    kernel(i64 sizes[4], i64 pointers[3], i64 strides[9], i64 factors[2])

sizes: M, N, K, how many products. pointers: C, A, B. strides in bytes: of C, A and B from product to product,
row to row and column to column. factors: alpha and beta as float64, for `scaled` kernels, which compute
alpha A B + beta C. A block has 256 threads, each with 4 by 4 results; tiles are 16 deep. A thread reads
along whichever dimension of A (B) is contiguous, so that reads of a warp lie side by side:

    A tile  16 deep x 64 rows      "k": thread t has depth t % 16, rows t / 16 + 16 u
                                   "r": row t % 64, depths t / 64 + 4 u
"""

from ..emit import Module, Value
from ..function import Function, Variables
from ..targets.ptx import PtxTarget
from ..types import DTYPES, compute_dtype
from . import blocks

TILE, DEPTH, THREADS, EACH = 64, 16, 256, 4


def write(dtype, left, right, scaled):
    """The LLVM IR; `left` and `right` tell along which dimension A and B are read: "k" or "r"."""
    return _Kernel(dtype, left, right, scaled).text()


class _Kernel:
    def __init__(self, dtype, left, right, scaled):
        self.dtype, self.compute = dtype, compute_dtype(dtype)
        self.left, self.right, self.scaled = left, right, scaled
        parameters = (
            "ptr byval([4 x i64]) align 8 %sizes, ptr byval([3 x i64]) align 8 %pointers, "
            "ptr byval([9 x i64]) align 8 %strides, ptr byval([2 x i64]) align 8 %factors"
        )
        self.f = Function(Module(PtxTarget()), "kernel", parameters)

    def text(self):
        f = self.f
        self.m, self.n, self.k, count = (f.element("%sizes", i, "i64") for i in range(4))
        c, a, b = (f.element("%pointers", i, "ptr") for i in range(3))
        self.strides = [f.element("%strides", i, "i64") for i in range(9)]
        thread = blocks.register(f, "tid.x")
        tile = blocks.register(f, "ctaid.x")
        columns = f.emit(f"udiv i64 {f.add(self.n, TILE - 1)}, {TILE}")
        tile_row = f.emit(f"udiv i64 {tile}, {columns}")
        row0 = f.mul(tile_row, TILE)
        column0 = f.mul(f.sub(tile, f.mul(tile_row, columns)), TILE)
        self.tiles = [
            blocks.Joined(f, name, [self.compute], TILE * DEPTH) for name in ("left", "right")
        ]
        ty = f.emit(f"lshr i64 {thread}, 4")
        tx = f.emit(f"and i64 {thread}, 15")
        sums = [[Variables(f, [self.compute], 1) for _ in range(EACH)] for _ in range(EACH)]
        first, step = blocks.register(f, "ctaid.y"), blocks.register(f, "nctaid.y")
        with f.loop(first, count, step) as z:
            at_c, at_a, at_b = (
                f.offset(p, f.mul(z, self.strides[3 * i])) for i, p in enumerate((c, a, b))
            )
            for line in sums:
                for s in line:
                    s.set([self.zero()])
            with f.loop(0, self.k, DEPTH) as k0:
                blocks.barrier(f)
                self.bring(
                    0, self.left, at_a, self.strides[4], self.strides[5], row0, self.m, k0, thread
                )
                self.bring(
                    1,
                    self.right,
                    at_b,
                    self.strides[8],
                    self.strides[7],
                    column0,
                    self.n,
                    k0,
                    thread,
                )
                blocks.barrier(f)
                with f.loop(0, DEPTH) as k:
                    line = f.mul(k, TILE)
                    x = [self.tiles[0].get(f.add(line, f.add(ty, 16 * r)))[0] for r in range(EACH)]
                    y = [self.tiles[1].get(f.add(line, f.add(tx, 16 * r)))[0] for r in range(EACH)]
                    for r in range(EACH):
                        for s in range(EACH):
                            sums[r][s].set([self.plus_product(sums[r][s].get()[0], x[r], y[s])])
            for r in range(EACH):
                row = f.add(row0, f.add(ty, 16 * r))
                with f.when("slt", row, self.m):
                    for s in range(EACH):
                        column = f.add(column0, f.add(tx, 16 * s))
                        with f.when("slt", column, self.n):
                            place = f.offset(at_c, f.mul(row, self.strides[1]))
                            place = f.offset(place, f.mul(column, self.strides[2]))
                            self.put(sums[r][s].get()[0], place)
        f.finish()
        return f.module.text()

    def zero(self):
        return self.f.at(1).convert(_constant(0), self.compute)

    def bring(self, which, along, pointer, stride, deep, start, limit, k0, thread):
        """This thread's part of a tile; rows beyond the matrix repeat its last, depths beyond it are 0."""
        f, block = self.f, self.f.at(1)
        for u in range(TILE * DEPTH // THREADS):
            if along == "k":
                k = f.emit(f"and i64 {thread}, {DEPTH - 1}")
                row = f.add(f.emit(f"lshr i64 {thread}, 4"), 16 * u)
            else:
                row = f.emit(f"and i64 {thread}, {TILE - 1}")
                k = f.add(f.emit(f"lshr i64 {thread}, 6"), 4 * u)
            depth = f.add(k0, k)
            inside = f.emit(f"icmp slt i64 {depth}, {self.k}")
            depth = f.smaller(depth, f.sub(self.k, 1))
            there = f.smaller(f.add(start, row), f.sub(limit, 1))
            place = f.offset(f.offset(pointer, f.mul(there, stride)), f.mul(depth, deep))
            value = block.convert(block.load(place, self.dtype), self.compute)
            register = DTYPES[self.compute].register
            names = [
                block.select(inside, register, name, block.imm(0, register))
                for name in (value.name, value.im)
                if name is not None
            ]
            self.tiles[which].put(f.add(f.mul(k, TILE), row), [Value(self.compute, *names)])

    def plus_product(self, total, x, y):
        block, d = self.f.at(1), DTYPES[self.compute]
        if d.kind == "c":
            fma = lambda a, b, c: block.intrinsic("fma", d.register, a, b, c)
            minus = block.emit(f"fneg {d.register} {x.im}")
            re = fma(x.name, y.name, fma(minus, y.im, total.name))
            im = fma(x.name, y.im, fma(x.im, y.name, total.im))
            return Value(self.compute, re, im)
        if d.kind == "f":
            return Value(
                self.compute, block.intrinsic("fma", d.register, x.name, y.name, total.name)
            )
        if d.kind == "b":
            both = block.op("and", "i1", x.name, y.name)
            return Value(self.compute, block.op("or", "i1", total.name, both))
        product = block.op("mul", d.register, x.name, y.name)
        return Value(self.compute, block.op("add", d.register, total.name, product))

    def put(self, value, place):
        f, block = self.f, self.f.at(1)
        if self.scaled:
            alpha, beta = (
                block.convert(block.load(f.offset("%factors", 8 * i), "float64"), self.compute)
                for i in range(2)
            )
            value = self.plus_product(self.zero(), value, alpha)
            old = f.slot(f"[{DTYPES[self.dtype].itemsize} x i8], align 16")
            f.do(f"store [{DTYPES[self.dtype].itemsize} x i8] zeroinitializer, ptr {old}")
            # With beta 0 what C holds does not matter, not even a NaN.
            used = f.emit("load double, ptr " + f.offset("%factors", 8))
            zero = f.emit(f"fcmp oeq double {used}, 0.0")
            source = f.emit(f"select i1 {zero}, ptr {old}, ptr {place}")
            before = block.convert(block.load(source, self.dtype), self.compute)
            value = self.plus_product(value, before, beta)
        block.store(value, self.dtype, place)


def _constant(value):
    from ..emit import constant

    return constant(value)
